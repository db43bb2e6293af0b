"""Writing a network, or the parts of a split, in the forms that other tools read."""

from __future__ import annotations

from pathlib import Path

from dse.atomic_write import atomic_write
from dse.errors import InputError
from dse.folding_choice import choose_folding
from finn_flows.cut import Cut, split_network
from finn_flows.folding import Folding, published_folding
from finn_flows.network import Network
from finn_flows.split_manifest import make_manifest, write_manifest

#: Forms that can hold a part of a network, with their file endings.
PART_FORMS = {"onnx": ".onnx", "qonnx": ".onnx", "npz": ".npz"}

#: The form whose memory layout a folding decides.
FOLDED_FORM = "bnn-pynq"


def export_network(network: Network, folding: Folding | None, form: str, path: Path) -> list[Path]:
    """Write ``network`` to ``path``; returns what was written.

    ``folding`` decides the memory layout of ``bnn-pynq`` (the published one if None). Raises
    OutputError if ``path`` cannot be written, NetworkError if ``form`` cannot hold the network.
    """
    if form == FOLDED_FORM:
        from finn_flows.bnn_pynq import write_bnn_pynq

        write_bnn_pynq(network, folding or published_folding(network), path)
        return sorted(path.iterdir())
    if form == "npz":
        from finn_flows.network_file import save_network

        save_network(network, path)
    elif form == "brevitas":
        from finn_flows.brevitas_model import save_brevitas_checkpoint

        save_brevitas_checkpoint(network, path)
    else:
        atomic_write(path, _model_bytes(network, form))
    return [path]


def folding_of_files(network: Network, choice: str | None, own: Folding | None) -> Folding:
    """The folding that decides the layout of BNN-PYNQ files; ``choice`` as for choose_folding.

    What ``auto`` chooses is lowered to what the padded memories can have; a file's is taken as it
    is. Raises as choose_folding does, NetworkError for a network that has no such files.
    """
    from finn_flows.bnn_pynq.write import fitting_folding

    folding = choose_folding(choice, network, own)
    return fitting_folding(network, folding) if folding.name.startswith("balanced-") else folding


def export_split(network: Network, cut: Cut, form: str, directory: Path) -> list[Path]:
    """Write both parts and ``split.json`` into ``directory``; the manifest comes last.

    Raises InputError for a form that cannot hold a part, or a part without layers.
    """
    if form not in PART_FORMS:
        raise InputError(f"{form} cannot hold a part of a network", choices=PART_FORMS)
    parts = split_network(network, cut)
    if form == "qonnx" and not parts[1].layers:
        raise InputError(f"the second part of {cut} has no layers, so nothing to write as QONNX")
    written = []
    for part, name in zip(parts, ("first", "second"), strict=True):
        written += export_network(part, None, form, directory / f"{name}{PART_FORMS[form]}")
    manifest = make_manifest(network, cut, written[:1], written[1:])
    return [*written, write_manifest(manifest, directory)]


def _model_bytes(network: Network, form: str) -> bytes:
    if form == "qonnx":
        from finn_flows.qonnx_export import export_qonnx

        return export_qonnx(network).SerializeToString()
    from finn_flows.standard_onnx import export_standard_onnx

    return export_standard_onnx(network).SerializeToString()
