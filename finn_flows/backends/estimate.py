"""The ``estimate`` backend: FINN's own analytic estimates, with no synthesis and no vendor tool."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from finn_flows.backends.interface import BuildResult, Part
from reports.sweep_record import LayerRecord, PartName
from reports.utilization import Scope, Source, Stage, Utilization, total

#: Changes with every change of ours that can change the numbers (part of the store's key).
FLOW_VERSION = "1"


class EstimateBackend:
    """LUT, BRAM, DSP and cycles as FINN's analysis passes give them for the folded hardware layers.

    FINN estimates no flip-flops and no LUTRAM and counts a pool as nothing; those stay unknown
    (FF, LUTRAM) or as FINN gives them (pool). FIFOs between layers are not included: FINN sizes
    them by simulation.
    """

    name = "estimate"
    source = Source.FINN_ESTIMATE

    def tool_versions(self) -> dict[str, str]:
        """Versions of FINN, of QONNX and of our own flow."""
        return {
            "finn-plus": version("finn-plus"),
            "qonnx": version("qonnx"),
            "flow": FLOW_VERSION,
        }

    def build(self, part: Part, directory: Path) -> BuildResult:
        """Estimate ``part``; leaves FINN's models in ``directory``.

        ``hardware_layers.onnx`` is executable by qonnx, ``specialised.onnx`` is what the numbers
        belong to. The whole network's folder also holds ``streamlined.onnx``.
        """
        from finn.analysis.fpgadataflow.exp_cycles_per_layer import exp_cycles_per_layer
        from finn.analysis.fpgadataflow.res_estimation import res_estimation

        from finn_flows.hardware_part import WIRE, fold, hardware_network, specialise

        if not part.network.layers:
            return BuildResult(None, None, None, ())
        hardware = hardware_network(part.whole)
        model = hardware.part(part.cut, second=part.name is PartName.SECOND)
        artefacts = {"hardware_layers": directory / "hardware_layers.onnx"}
        model.save(str(artefacts["hardware_layers"]))
        if part.name is PartName.WHOLE:
            artefacts["streamlined"] = directory / "streamlined.onnx"
            hardware.streamlined.save(str(artefacts["streamlined"]))
        fold(hardware, model, part.folding)
        model = specialise(
            model,
            part.device,
            wire_before=part.name is PartName.SECOND,
            wire_after=part.name is PartName.FIRST,
        )
        artefacts["specialised"] = directory / "specialised.onnx"
        model.save(str(artefacts["specialised"]))
        cycles = exp_cycles_per_layer(model)
        estimates = res_estimation(model, part.device)
        layers = []
        label = WIRE
        for node in model.graph.node:
            if node.name not in estimates:
                continue
            # A converter between layers counts with the layer before it, one at an end of the part
            # with the link.
            at_end = node.input[0] == model.graph.input[0].name or (
                node.output[0] == model.graph.output[0].name
            )
            label = hardware.label_of(node) or (WIRE if at_end else label)
            layers.append(
                LayerRecord(
                    node.name,
                    label,
                    utilization_of(estimates[node.name], part.device),
                    # FINN has no cycle model for converters and says 0, which would be a promise.
                    cycles[node.name] or None,
                )
            )
        slowest = max(layers, key=lambda layer: layer.cycles or 0)
        return BuildResult(
            total([layer.utilization for layer in layers]),
            slowest.cycles,
            slowest.layer,
            tuple(layers),
            artefacts,
        )


def utilization_of(estimate: dict[str, int | float], device: str) -> Utilization:
    """A node's entry of FINN's ``res_estimation`` as a record (two RAMB18 are one BRAM)."""
    return Utilization(
        device=device,
        tool="finn-plus",
        tool_version=version("finn-plus"),
        stage=Stage.ESTIMATE,
        scope=Scope.OUT_OF_CONTEXT,
        lut=estimate["LUT"],
        bram=estimate["BRAM_18K"] / 2,
        dsp=estimate["DSP"],
        uram=estimate["URAM"],
    )
