"""FIFO depths: the search's model moves as the circuit does; depths are enough and the least."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dse.errors import StoreError
from finn_flows.backends.interface import Part
from finn_flows.cache_directory import CACHE_VARIABLE
from finn_flows.circuit.layer_circuit import Circuit
from finn_flows.circuit.part_circuit import part_circuit
from finn_flows.cut import Cut, CutTensor
from finn_flows.folding import published_folding
from finn_flows.network import Network
from finn_flows.simulation import fifo_depths as module
from finn_flows.simulation.fifo_depths import (
    RATIO,
    FifoDepths,
    FifoSearch,
    boundary_bits,
    fifo_depths,
    search_fifo_depths,
)
from finn_flows.simulation.simulate import simulate
from finn_flows.weights import load_weights
from reports.sweep_record import PartName
from tests.dse.small_network import small_folding, small_network

DEVICE = "xc7z020clg400-1"
LABELS = ("conv0", "pool0", "conv1", "dense2")

pytestmark = pytest.mark.usefixtures("in_simulation_cache")


def circuit_of(
    network: Network, depths: list[int], name: PartName = PartName.WHOLE, cut: Cut | None = None
) -> Circuit:
    part = Part(network, name, cut, small_folding(), DEVICE, 100.0)
    return part_circuit(part, dict(zip(LABELS, depths, strict=True)))


@pytest.fixture(scope="module")
def network() -> Network:
    return small_network()


@pytest.fixture
def search(network: Network, in_simulation_cache: None) -> FifoSearch:
    return FifoSearch(circuit_of(network, [2, 2, 2, 2]), boundary_bits(network), 1)


def measured(circuit: Circuit, network: Network) -> int:
    """Cycles per image of the circuit itself, which may have any data."""
    words = np.random.default_rng(1).integers(0, 2**64, (6, circuit.input_words), dtype=np.uint64)
    result = simulate(circuit, words, configure=False)
    # The model takes the greatest of the later intervals.
    return max(end - before for before, end in pairwise(result.last_out[2:].tolist()))


@pytest.mark.parametrize("depths", [[2, 2, 2, 2], [2, 16, 4, 8]])
@pytest.mark.slow
def test_the_model_moves_as_the_circuit_does(
    network: Network, search: FifoSearch, depths: list[int]
) -> None:
    assert search.measure(depths, [], [4])[4] == measured(circuit_of(network, depths), network)


@pytest.mark.slow
def test_a_cut_makes_two_parts_of_the_model(network: Network, search: FifoSearch) -> None:
    depths = [2, 16, 4, 2]
    intervals = search.measure(depths, [2], [2, 4])
    for name, end in ((PartName.FIRST, 2), (PartName.SECOND, 4)):
        part = circuit_of(network, depths, name, Cut(0))
        assert intervals[end] == measured(part, network)
    assert intervals[2] != intervals[4]


def test_depths_are_enough_and_the_least(network: Network, search: FifoSearch) -> None:
    found = search.run()
    assert set(found.depths) == set(LABELS)
    depths = [found.depths[label] for label in LABELS]
    assert all(depth >= 2 and depth & (depth - 1) == 0 for depth in depths)
    whole = found.intervals["whole"]
    assert found.slowest["whole"] == max(layer.cycles or 0 for layer in search.circuit.layers)
    deepest = [256] * len(LABELS)
    reachable = {
        name: search.measure(deepest, cuts, [4])[4]
        for name, cuts in (("whole", []), ("from pool0", [1]), ("from conv1", [2]))
    }
    for name, interval in reachable.items():
        assert found.intervals[name] <= max(RATIO * found.slowest[name], interval)
    assert whole <= search.measure([2] * len(LABELS), [], [4])[4]
    # No FIFO can be halved by itself: some part gets too slow.
    for index, depth in enumerate(depths):
        if depth == 2:
            continue
        halved = [depth // 2 if at == index else depth for at, depth in enumerate(depths)]
        too_slow = []
        for cut in range(len(LABELS)):
            ends = [cut, 4] if cut else [4]
            here, deep = (search.measure(d, [cut] if cut else [], ends) for d in (halved, deepest))
            for end in ends:
                layers = search.circuit.layers[1:-1][1::2]
                slowest = max(
                    layer.cycles or 0 for layer in (layers[:cut] if end == cut else layers[cut:])
                )
                too_slow.append(here[end] > max(RATIO * slowest, deep[end]))
        assert any(too_slow), LABELS[index]


def test_a_search_is_made_once(
    network: Network, search: FifoSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = search_fifo_depths(search.circuit, search.bits)

    def never(*_: object) -> None:
        raise AssertionError("searched again")

    monkeypatch.setattr(module, "FifoSearch", never)
    assert search_fifo_depths(search.circuit, search.bits) == first
    assert fifo_depths(network, small_folding(), DEVICE) == first.depths
    other = replace(search.circuit, sources=(*search.circuit.sources, ("new.sv", "")))
    with pytest.raises(AssertionError, match="searched again"):
        search_fifo_depths(other, search.bits)


@pytest.mark.parametrize(
    "damage", [('"conv1": ', '"conv1": 1'), ('"alone": {', '"alone": {"a": 3, ')]
)
def test_a_damaged_result_is_searched_again(
    search: FifoSearch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: tuple[str, str]
) -> None:
    """Also one that is well-formed."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    good = FifoDepths({"conv1": 4}, {"whole": 9}, {"whole": 9}, {}, 1)
    monkeypatch.setattr(module, "FifoSearch", lambda *_: SimpleNamespace(run=lambda: good))
    assert search_fifo_depths(search.circuit, search.bits) == good
    (file,) = (tmp_path / "fifo-depths").glob("*.json")
    text = file.read_text()
    assert damage[0] in text
    file.write_text(text.replace(*damage))
    assert search_fifo_depths(search.circuit, search.bits) == good
    assert file.read_text() == text


def test_a_result_is_used_where_the_cache_cannot_be_written(
    search: FifoSearch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    good = FifoDepths({"conv1": 4}, {"whole": 9}, {"whole": 9}, {}, 1)
    monkeypatch.setattr(module, "FifoSearch", lambda *_: SimpleNamespace(run=lambda: good))
    search_fifo_depths(search.circuit, search.bits)

    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(module, "FileLock", refuse)
    assert search_fifo_depths(search.circuit, search.bits) == good
    (file,) = (tmp_path / "fifo-depths").glob("*.json")
    file.unlink()
    with pytest.raises(StoreError, match="cannot be written: Read-only file system"):
        search_fifo_depths(search.circuit, search.bits)


def test_boundaries_hold_all_bits(network: Network) -> None:
    assert boundary_bits(network) == (
        10 * 10 * 3 * 8,
        8 * 8 * 4 * 2,
        4 * 4 * 4 * 2,
        2 * 2 * 8 * 2,
        10 * 16,
    )
    for bits, shape, kind in zip(
        boundary_bits(network),
        network.shapes,
        [network.type_after(position) for position in range(5)],
        strict=True,
    ):
        words = CutTensor(shape, kind).bytes_per_image // 8
        assert (words - 1) * 64 < bits <= words * 64


@pytest.mark.slow
def test_the_published_network_and_all_its_parts() -> None:
    whole = load_weights().network
    part = Part(whole, PartName.WHOLE, None, published_folding(whole), DEVICE, 100.0)
    found: FifoDepths = search_fifo_depths(part_circuit(part), boundary_bits(whole))
    assert found.slowest["whole"] == 115_200
    for name, interval in found.intervals.items():
        assert interval <= RATIO * found.slowest[name], name
    assert found.depths["conv1"] > 2  # its window generator stops while it ends an image
    assert len(found.intervals) == 1 + 2 * (len(found.depths) - 1)
