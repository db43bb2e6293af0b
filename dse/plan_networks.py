"""From what a user names to the planner's chain."""

from __future__ import annotations

from pathlib import Path

from dse.errors import InputError
from dse.plan.chain import Chain
from dse.plan_chains import estimated_chain
from finn_flows.folding import Folding
from finn_flows.larger_networks import LARGER_NETWORKS, larger_network_file
from finn_flows.weights import load_weights


def planning_chain(model: str | Path | None, device: str, folding: Folding | None = None) -> Chain:
    """The chain of ``model`` with FINN's estimates for ``device`` of every legal folding.

    ``model``: one of :data:`~finn_flows.larger_networks.LARGER_NETWORKS`, a QONNX file
    (``FILE.onnx``), a network file (``FILE.npz``), or None: CnvW2A2 as shipped. ``folding``: with
    this one alone. Raises InputError for another form; NetworkError, naming the node, for a graph
    that cannot be planned; BuildError naming a layer that FINN does not build.
    """
    if model is None:
        return estimated_chain(load_weights().network, device, folding)
    text = str(model)
    if text in LARGER_NETWORKS:
        network = load_weights(None, larger_network_file(text)).network
        return estimated_chain(network, device, folding)
    if text.endswith(".npz"):
        return estimated_chain(load_weights(text).network, device, folding)
    if text.endswith(".onnx"):
        return estimated_chain(load_weights(None, Path(text)).network, device, folding)
    raise InputError(
        f"no network is called {text!r}", choices=[*LARGER_NETWORKS, "FILE.onnx", "FILE.npz"]
    )
