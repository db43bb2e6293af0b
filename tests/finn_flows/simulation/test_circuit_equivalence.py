"""Circuits against the integer network, bit for bit: every split and every kind of layer."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from finn_flows.backends.interface import Part
from finn_flows.circuit.part_circuit import part_circuit
from finn_flows.cut import Cut, CutTensor, cut_tensor, split_network
from finn_flows.digits import load_digits_split
from finn_flows.folding import published_folding
from finn_flows.integer_reference import run_integers
from finn_flows.network import Network
from finn_flows.simulation.fifo_depths import fifo_depths
from finn_flows.simulation.part_process import Stalls
from finn_flows.simulation.simulate import simulate
from finn_flows.simulation.simulation_result import SimulationResult
from finn_flows.weights import load_weights
from reports.sweep_record import PartName
from tests.random_circuits import DEVICE, PRECISIONS, WINDOWS, kind_seed, random_part
from tests.random_networks import random_input

IMAGES = 8
#: How much longer than its slowest layer a part may take (the house's own limit).
GREATEST_RATIO = 1.02

_PARTS = [
    (None, PartName.WHOLE),
    *((Cut(layer), name) for layer in range(8) for name in (PartName.FIRST, PartName.SECOND)),
]
#: What `make test` holds: the whole network, and both parts of the paper's split.
_QUICK = {
    ("digits", None, PartName.WHOLE),
    ("digits", Cut(5), PartName.FIRST),
    ("digits", Cut(5), PartName.SECOND),
}


@lru_cache(maxsize=2)
def _network(weights: str) -> Network:
    return load_weights(weights, None).network


def _simulated(part: Part, images: np.ndarray, stalls: Stalls | None) -> SimulationResult:
    """The result of ``images``, compared with the integers of ``part``."""
    network = part.network
    depths = fifo_depths(part.whole, part.folding, part.device)
    given = CutTensor(network.input_shape, network.input_type).pack(images)
    result = simulate(part_circuit(part, depths), given, stalls=stalls)
    taken = CutTensor(network.output_shape, network.output_type)
    np.testing.assert_array_equal(taken.unpack(result.words), run_integers(network, images))
    return result


@pytest.mark.parametrize(
    ("weights", "cut", "name"),
    [
        pytest.param(
            weights,
            cut,
            name,
            id=f"{weights} {cut or 'unsplit'} {name}",
            marks=() if (weights, cut, name) in _QUICK else pytest.mark.slow,
        )
        for weights in ("digits", "bnn-pynq")
        for cut, name in _PARTS
    ],
)
def test_every_part_of_every_split(
    weights: str, cut: Cut | None, name: PartName, request: pytest.FixtureRequest
) -> None:
    if weights == "bnn-pynq":
        directory: Path = request.getfixturevalue("bnn_pynq_directory")
        weights = f"bnn-pynq:{directory}"
    whole = _network(weights)
    part = Part(whole, name, cut, published_folding(whole), DEVICE, 100.0)
    images = whole.encode_pixels(load_digits_split("test")[0][:IMAGES])
    if name is PartName.SECOND:
        assert cut is not None
        first = split_network(whole, cut)[0]
        images = run_integers(first, images)
        # What enters here is, word for word, what the first part was shown to give.
        assert cut_tensor(whole, cut).type == part.network.input_type
    free = _simulated(part, images, None)
    stalled = _simulated(part, images, Stalls(seed=7))
    np.testing.assert_array_equal(free.words, stalled.words)
    slowest = part_circuit(part).slowest.cycles
    assert slowest is not None
    assert free.steady_state_interval is not None
    assert free.is_settled
    assert free.steady_state_interval <= GREATEST_RATIO * slowest


def _kinds() -> list[object]:
    found = []
    for index, precision in enumerate(PRECISIONS):
        for window in range(len(WINDOWS)):
            quick = window == (2 * index + 2) % len(WINDOWS)
            marks = () if quick else pytest.mark.slow
            found.append(pytest.param(precision, window, marks=marks))
    return found


@pytest.mark.parametrize(("precision", "window"), _kinds())
def test_all_kinds_of_layer(precision: str, window: int) -> None:
    seed = kind_seed(precision, window)
    part = random_part(seed, precision, window)
    images = random_input(seed, part.whole, IMAGES)
    _simulated(part, images, None)
    _simulated(part, images, Stalls(seed, 0.4, 0.4))


@pytest.mark.parametrize("precision", ["W1A2", "W4A4"])
def test_weights_fixed_in_the_memories(precision: str) -> None:
    part = random_part(5, precision, 3)
    images = random_input(5, part.whole, IMAGES)
    circuit = part_circuit(part, writeable=False)
    assert len(circuit.configuration) == 0
    network = part.network
    given = CutTensor(network.input_shape, network.input_type).pack(images)
    result = simulate(circuit, given)
    taken = CutTensor(network.output_shape, network.output_type)
    np.testing.assert_array_equal(taken.unpack(result.words), run_integers(network, images))
