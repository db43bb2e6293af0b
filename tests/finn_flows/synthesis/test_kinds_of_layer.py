"""Every kind of layer that the RTL library carries, with a random folding, through Yosys."""

from __future__ import annotations

import pytest

from finn_flows.backends.yosys_steps import synthesise_layer
from finn_flows.circuit.part_circuit import part_circuit
from finn_flows.tool_process import Limits
from tests.random_circuits import DEVICE, PRECISIONS, WINDOWS, kind_seed, random_part


@pytest.mark.slow
@pytest.mark.parametrize("window", range(len(WINDOWS)))
@pytest.mark.parametrize("precision", PRECISIONS)
def test_convolutions_synthesise(precision: str, window: int) -> None:
    """Those whose circuits are compared with the integers in test_circuit_equivalence.py."""
    part = random_part(kind_seed(precision, window), precision, window)
    for layer in part_circuit(part).layers:
        if not layer.label.startswith("conv"):
            continue
        synthesis = synthesise_layer(layer, DEVICE, Limits())
        used = synthesis.utilization
        assert used.lut is not None
        assert used.lut > 0
        assert used.dsp == 0
        # Its weights are somewhere: memory or, where few, flip-flops.
        assert (used.lutram or 0) + (used.bram or 0) > 0 or (used.ff or 0) > 0
        assert synthesis.logic_depth.luts > 0
