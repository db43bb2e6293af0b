"""From what a user names (``--weights``, ``--model``) to a canonical network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dse.errors import InputError
from finn_flows.folding import Folding
from finn_flows.larger_networks import LARGER_NETWORKS, larger_network_file
from finn_flows.network import Network

#: The network shipped with the package: CnvW2A2 trained on scikit-learn's digits by ``dse train``.
DIGITS_FILE = Path(__file__).parent / "data" / "cnv_w2a2_digits.npz"

FORMS = (
    "digits",
    "bnn-pynq:DIRECTORY",
    "brevitas:FILE.pth",
    "brevitas:ARCHITECTURE:FILE.pth",
    "FILE.npz",
    *LARGER_NETWORKS,
)


@dataclass(frozen=True)
class LoadedNetwork:
    """A network, the folding that came with it (if any), and where both come from, in words."""

    network: Network
    folding: Folding | None
    description: str


def load_weights(spec: str | None = None, model: Path | None = None) -> LoadedNetwork:
    """The network a user asked for: ``spec`` is one of :data:`FORMS` (default ``digits``).

    A path may hold colons: what is the name of a file is not cut. ``model`` is a QONNX file
    instead. Raises InputError for an unknown form or for both at once, NetworkFileError (naming the
    file) for a damaged or unsuitable file.
    """
    if model is not None:
        if spec is not None:
            raise InputError("--weights and --model both name a network", expected="one of them")
        from finn_flows.qonnx_import import import_qonnx

        return LoadedNetwork(import_qonnx(model, model.stem), None, f"QONNX {model.name}")
    spec = "digits" if spec is None else spec
    kind, _, rest = spec.partition(":")
    if kind == "digits" and not rest:
        from finn_flows.network_file import load_network

        return LoadedNetwork(load_network(DIGITS_FILE), None, "digits (shipped with split-dse)")
    if kind == "bnn-pynq" and rest:
        from finn_flows.bnn_pynq import read_bnn_pynq

        parameters = read_bnn_pynq(Path(rest))
        return LoadedNetwork(parameters.network, parameters.folding, f"BNN-PYNQ {Path(rest).name}")
    if kind == "brevitas" and rest:
        from finn_flows.brevitas_model import load_brevitas_checkpoint

        architecture, colon, file = rest.partition(":")
        named = bool(colon) and not _is_file(rest)
        path = Path(file if named else rest)
        network = load_brevitas_checkpoint(path, architecture if named else None)
        return LoadedNetwork(network, None, f"Brevitas checkpoint {path.name}")
    if spec.endswith(".npz") or _is_file(spec):
        from finn_flows.network_file import load_network

        return LoadedNetwork(load_network(Path(spec)), None, f"network file {Path(spec).name}")
    if spec in LARGER_NETWORKS:
        from finn_flows.qonnx_import import import_qonnx

        network = import_qonnx(larger_network_file(spec), spec)
        return LoadedNetwork(network, None, f"{LARGER_NETWORKS[spec].description}, untrained")
    raise InputError(f"unknown weights {spec!r}", choices=FORMS)


def _is_file(spec: str) -> bool:
    try:
        return Path(spec).is_file()
    except OSError:  # longer than a name may be
        return False
