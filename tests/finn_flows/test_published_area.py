"""The circuit of CnvW2A2 against the paper's increments, layer by layer, and its logic depth."""

from __future__ import annotations

from functools import cache

import pytest

from finn_flows.backends.interface import Part
from finn_flows.backends.yosys_steps import measure_fifos, synthesise_layer
from finn_flows.circuit.part_circuit import part_circuit
from finn_flows.folding import published_folding
from finn_flows.synthesis.design import Synthesis
from finn_flows.tool_process import Limits
from finn_flows.weights import load_weights
from reports.devices import device_of
from reports.published import published_points
from reports.sweep_record import PartName
from tests.random_circuits import DEVICE

RESOURCES = ("lut", "lutram", "ff", "bram", "dsp")
#: At 100 MHz on the slowest speed grade, about 1 ns a level, net included.
GREATEST_DEPTH = 10


@cache
def _synthesised() -> dict[str, Synthesis]:
    """Every piece of the whole circuit by its label, with the FIFOs of a sweep."""
    network = load_weights(None, None).network
    folding = published_folding(network)
    depths = measure_fifos(network, folding, DEVICE).depths
    whole = Part(network, PartName.WHOLE, None, folding, DEVICE, 100.0)
    circuit = part_circuit(whole, depths)
    return {
        piece.label: synthesise_layer(piece, DEVICE, Limits())
        for piece in (*circuit.layers, *circuit.glue)
    }


def _increment(split: int, resource: str) -> tuple[float, float]:
    """The least and greatest increment that the paper's two printed percentages allow, in units."""
    printed = {
        point.split: point.percent[resource] for point in published_points("CnvW2A2", DEVICE)
    }
    here, before = printed[split], printed[split - 1]
    available = device_of(DEVICE).available()[resource]
    assert here is not None
    assert before is not None
    assert available is not None
    # Two decimals are printed, so each figure is known to half of the last one.
    return tuple((here - before + slack) / 100 * available for slack in (-0.01, 0.01))  # type: ignore[return-value]


@pytest.mark.slow
@pytest.mark.parametrize("resource", RESOURCES)
@pytest.mark.parametrize("layer", [1, 2, 3, 4, 5])
def test_a_layer_takes_no_more_than_the_published_increment(layer: int, resource: str) -> None:
    if (layer, resource) == (2, "ff"):
        pytest.skip("the paper prints the same FF for splits 1 and 2, probably a slip")
    ours = 0.0
    for label, synthesis in _synthesised().items():
        if label.removeprefix("fifo_") in (f"conv{layer}", f"pool{layer}"):
            used = synthesis.utilization.resources()[resource]
            assert used is not None
            ours += used
    _, most = _increment(layer, resource)
    assert ours <= most


@pytest.mark.slow
def test_no_layer_is_deeper_than_ten_luts() -> None:
    deep = {
        label: synthesis.logic_depth
        for label, synthesis in _synthesised().items()
        if synthesis.logic_depth.luts > GREATEST_DEPTH
    }
    assert deep == {}
