"""The ``yosys`` backend: what points share, and that a wrong circuit is never a result."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

import finn_flows.backends.yosys as backend_module
from dse.errors import BuildError
from dse.space import design_points
from finn_flows.backends.interface import Part, StepSharingBackend
from finn_flows.backends.yosys import YosysBackend
from finn_flows.circuit.layer_circuit import Circuit
from finn_flows.circuit.part_circuit import part_circuit
from finn_flows.folding import Folding, LayerFolding, published_folding
from finn_flows.weights import load_weights
from reports.sweep_record import PartName
from reports.utilization import Source
from tests.random_circuits import DEVICE
from tests.random_networks import random_network

NETWORK = random_network(31, input_shape=(5, 5, 2), layers=("conv4", "dense5"))
FOLDING = Folding("test", (LayerFolding(2, 2), LayerFolding(4, 1)))
WHOLE = Part(NETWORK, PartName.WHOLE, None, FOLDING, DEVICE, 100.0)


def test_each_layer_is_one_step_for_all_parts_that_have_it() -> None:
    network = load_weights(None, None).network
    folding = published_folding(network)
    points = design_points(network, None, "before", folding, DEVICE, 100.0)
    backend = YosysBackend()
    assert isinstance(backend, StepSharingBackend)
    steps = backend.shared_steps(points)
    assert max(Counter(step.key for step in steps).values()) == 1
    assert steps[0].name == "FIFO depths"
    built = {index for index, point in enumerate(points) if point.network.layers}
    assert steps[0].needed_by == built
    needed = {step.name: step.needed_by for step in steps}
    for number in range(9):
        expected = {
            index
            for index in built
            if number in [found for found, _ in points[index].network.numbered()]
        }
        kind = "conv" if number < 6 else "dense"
        assert needed[f"layer {kind}{number}"] == expected
    # The one with the most multipliers comes first.
    assert steps[1].name == "layer conv1"


def test_a_build_is_the_sum_of_its_pieces_and_measured(tmp_path: Path) -> None:
    backend = YosysBackend()
    result = backend.build(WHOLE, tmp_path)
    assert backend.source is Source.YOSYS
    assert result.cycles_measured
    assert result.utilization is not None
    for resource in ("lut", "lut_as_logic", "lutram", "ff", "bram", "dsp", "uram"):
        pieces = [layer.utilization.resources()[resource] for layer in result.layers]
        assert None not in pieces
        assert result.utilization.resources()[resource] == sum(filter(None, pieces))
    measured = {layer.name: layer.cycles for layer in result.layers if layer.cycles_measured}
    assert set(measured) == {"conv0", "dense1"}
    assert result.slowest == "conv0"
    assert result.cycles is not None
    assert result.cycles >= max(cycles for cycles in measured.values() if cycles is not None)
    assert result.latency_cycles is not None
    assert result.latency_cycles > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cells.json", "measurement.json"]


@pytest.mark.parametrize("which", ["weight", "threshold"])
def test_a_circuit_that_computes_something_else_is_refused(
    which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tampered(*arguments: object, **options: object) -> Circuit:
        circuit = part_circuit(*arguments, **options)  # type: ignore[arg-type]
        writes = circuit.configuration.copy()
        thresholds = writes[:, 1] >> 31 == 1
        chosen = thresholds if which == "threshold" else ~thresholds & (writes[:, 0] == 1)
        # Every threshold out of reach, or all weights of the last layer zero.
        writes[chosen, 2] = 0x7F if which == "threshold" else 0
        return replace(circuit, configuration=writes)

    monkeypatch.setattr(backend_module, "part_circuit", tampered)
    with pytest.raises(BuildError, match="gives another result than the network: image 0"):
        YosysBackend().build(WHOLE, tmp_path)
