"""The ``estimate`` backend: FINN's own analytic estimates, with no synthesis and no vendor tool."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from finn_flows.backends.interface import BuildResult, Part
from finn_flows.model_file import save_model
from reports.sweep_record import LayerRecord, PartName
from reports.utilization import Scope, Source, Stage, Utilization, total

if TYPE_CHECKING:
    from finn_flows.layer_estimates import PartEstimate
    from finn_flows.node_estimates import NodeEstimate

#: Changes with every change of ours that can change the numbers (part of the store's key).
FLOW_VERSION = "1"


class EstimateBackend:
    """LUT, BRAM, DSP and cycles as FINN's analysis passes give them for the folded hardware layers.

    FINN estimates no flip-flops and no LUTRAM, so those stay unknown; a pool counts as nothing but
    its window generator. FIFOs between layers are not included: FINN sizes them by simulation.
    """

    name = "estimate"
    source = Source.FINN_ESTIMATE
    depends_on_clock = False

    def tool_versions(self) -> dict[str, str]:
        """Versions of FINN, of QONNX and of our own flow."""
        return {
            "finn-plus": version("finn-plus"),
            "qonnx": version("qonnx"),
            "flow": FLOW_VERSION,
        }

    def build(self, part: Part, directory: Path) -> BuildResult:
        """Estimate ``part``; leaves FINN's models in ``directory`` (model_file.read_model).

        ``hardware_layers.onnx.gz`` is executable by qonnx; ``specialised.onnx.gz`` is folded, and
        FINN's analysis passes called on it give the numbers of the result. The whole network's
        folder also holds ``streamlined.onnx.gz``.
        """
        from finn_flows.fold_nodes import fold
        from finn_flows.hardware_network import hardware_network
        from finn_flows.layer_estimates import LayerEstimates
        from finn_flows.specialise import insert_converters, specialise

        if not part.network.layers:
            return BuildResult(None, None, None, ())
        hardware = hardware_network(part.whole)
        second = part.name is PartName.SECOND
        artefacts = {}
        if part.name is PartName.WHOLE:
            artefacts["streamlined"] = save_model(hardware.streamlined, directory, "streamlined")
        model = hardware.part(part.cut, second)
        artefacts["hardware_layers"] = save_model(model, directory, "hardware_layers")
        model = specialise(model, part.device)
        fold(hardware, model, part.folding)
        model = insert_converters(
            model, part.device, wire_before=second, wire_after=part.name is PartName.FIRST
        )
        artefacts["specialised"] = save_model(model, directory, "specialised")
        estimates = LayerEstimates(hardware, part.device)
        if part.cut is None:
            estimate = estimates.whole(part.folding)
        elif second:
            estimate = estimates.second(part.cut, part.folding)
        else:
            estimate = estimates.first(part.cut, part.folding)
        return _result(estimate, part.device, artefacts)


def _result(estimate: PartEstimate, device: str, artefacts: dict[str, Path]) -> BuildResult:
    layers = tuple(
        LayerRecord(name, node.layer, _utilization(node, device), node.cycles)
        for name, node in zip(estimate.names(), estimate.nodes, strict=True)
    )
    return BuildResult(
        total([layer.utilization for layer in layers]),
        estimate.cycles,
        estimate.slowest,
        layers,
        artefacts,
    )


def _utilization(node: NodeEstimate, device: str) -> Utilization:
    return Utilization(
        device=device,
        tool="finn-plus",
        tool_version=version("finn-plus"),
        stage=Stage.ESTIMATE,
        scope=Scope.OUT_OF_CONTEXT,
        lut=node.lut,
        bram=node.bram,
        dsp=node.dsp,
        uram=node.uram,
    )
