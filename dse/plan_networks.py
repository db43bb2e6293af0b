"""From what a user names to the planner's chain."""

from __future__ import annotations

import hashlib
from pathlib import Path

from dse.errors import InputError
from dse.plan.chain import Chain
from dse.plan_chain_file import kept_chain
from dse.plan_chains import estimated_chain
from finn_flows.folding import Folding
from finn_flows.larger_networks import LARGER_NETWORKS, larger_network_file
from finn_flows.weights import load_weights


def planning_chain(
    model: str | Path | None,
    device: str,
    folding: Folding | None = None,
    *,
    cut_residual: bool = False,
) -> Chain:
    """The chain of ``model`` with FINN's estimates for ``device`` of every legal folding.

    ``model``: one of :data:`~finn_flows.larger_networks.LARGER_NETWORKS`, a QONNX file
    (``FILE.onnx``), a network file (``FILE.npz``), or None: CnvW2A2 as shipped. ``folding``: with
    this one alone. ``cut_residual``: a graph with branches may be cut within them
    (:func:`~dse.plan_graphs.graph_chain`). Raises InputError for another form; NetworkFileError for
    a damaged file; NetworkError, naming the node, for a graph that cannot be planned; BuildError
    naming a layer that FINN does not build.
    """
    if model is None:
        return estimated_chain(load_weights().network, device, folding)
    text = str(model)
    if text in LARGER_NETWORKS:
        return _onnx_chain(larger_network_file(text), device, folding, cut_residual)
    if text.endswith(".npz"):
        return estimated_chain(load_weights(text).network, device, folding)
    if text.endswith(".onnx"):
        return _onnx_chain(Path(text), device, folding, cut_residual)
    raise InputError(
        f"no network is called {text!r}", choices=[*LARGER_NETWORKS, "FILE.onnx", "FILE.npz"]
    )


def _onnx_chain(path: Path, device: str, folding: Folding | None, cut_residual: bool) -> Chain:
    facts: dict[str, object] = {
        "name": path.stem,
        "model": _content_sha256(path),
        "device": device,
        "folding": None if folding is None else folding.sha256,
        "cut_residual": cut_residual,
    }
    return kept_chain(facts, lambda: _read_chain(path, device, folding, cut_residual))


def _content_sha256(path: Path) -> str:
    """Of the file; of the whole model where parameters may lie in files of their own."""
    from finn_flows.onnx_file import load_onnx

    try:
        content = path.read_bytes()
    except OSError:
        content = b""
    if not content or b"location" in content:  # the key of external data
        content = load_onnx(path).SerializeToString(deterministic=True)
    return hashlib.sha256(content).hexdigest()


def _read_chain(path: Path, device: str, folding: Folding | None, cut_residual: bool) -> Chain:
    from dse.plan_graphs import graph_chain
    from finn_flows.qonnx_branches import has_branches, import_branches

    if not has_branches(path):
        return estimated_chain(load_weights(None, path).network, device, folding)
    if folding is not None:
        raise InputError(
            f"a folding for {path.stem}, which is no chain", expected="a plan over every folding"
        )
    return graph_chain(import_branches(path), device, cut_residual=cut_residual)
