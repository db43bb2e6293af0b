"""What the layers of a part use, added up, against the part synthesised as one circuit."""

from __future__ import annotations

import pytest

from finn_flows.backends.interface import Part
from finn_flows.circuit.part_circuit import part_circuit
from finn_flows.cut import Cut
from finn_flows.folding import published_folding
from finn_flows.synthesis.cache import cached_synthesis
from finn_flows.synthesis.design import Design
from finn_flows.tool_process import Limits
from finn_flows.weights import load_weights
from reports.sweep_record import PartName
from reports.utilization import total
from tests.finn_flows.synthesis.small_designs import DEVICE


@pytest.mark.slow
def test_split_3_of_the_published_network() -> None:
    network = load_weights(None, None).network
    folding = published_folding(network)
    part = Part(network, PartName.FIRST, Cut(3), folding, DEVICE, 100.0)
    circuit = part_circuit(part)
    pieces = [
        cached_synthesis(
            Design(layer.module, layer.sources, layer.memory_files, DEVICE), Limits()
        ).utilization
        for layer in (*circuit.layers, *circuit.glue)
    ]
    stitched = cached_synthesis(
        Design("part", circuit.sources, circuit.memory_files, DEVICE), Limits()
    )
    together, whole = total(pieces), stitched.utilization
    assert whole.lut is not None
    assert together.lut == pytest.approx(whole.lut, rel=0.01)
    for name in ("lutram", "ff", "bram", "dsp", "uram"):
        assert getattr(together, name) == getattr(whole, name), (name, together, whole)
