"""Circuits of parts: what parts share, that streams fit together, what is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from dse.errors import BuildError, FoldingError
from finn_flows.backends.interface import Part
from finn_flows.circuit.layer_circuit import Circuit
from finn_flows.circuit.part_circuit import part_circuit
from finn_flows.cut import Cut, cut_tensor, legal_cuts
from finn_flows.folding import Folding, LayerFolding, published_folding
from finn_flows.network import Network
from finn_flows.weights import load_weights
from reports.sweep_record import PartName
from tests.random_circuits import DEVICE, PRECISIONS, WINDOWS, random_part
from tests.random_networks import random_network


@pytest.fixture(scope="module")
def digits() -> Network:
    return load_weights(None, None).network


def part(network: Network, cut: Cut | None = None, name: PartName = PartName.WHOLE) -> Part:
    return Part(network, name, cut, published_folding(network), DEVICE, 100.0)


def check_chain(circuit: Circuit) -> None:
    """Neighbours agree on the width of the stream between them, and every module is there once."""
    for before, after in pairwise(circuit.layers):
        assert before.out_width == after.in_width
    text = "\n".join(source for _, source in circuit.sources)
    modules = re.findall(r"^\s*module\s+(\w+)", text, re.MULTILINE)
    assert len(set(modules)) == len(modules)
    for layer in circuit.layers:
        assert layer.module in modules
    assert len(circuit.streams) == len(circuit.layers) - 1


def test_parts_share_the_circuits_of_the_whole(digits: Network) -> None:
    whole = {layer.label: layer for layer in part_circuit(part(digits)).layers}
    seen = set()
    for cut in legal_cuts(digits, "both"):
        for name in (PartName.FIRST, PartName.SECOND):
            piece = part(digits, cut, name)
            if not piece.network.layers:
                continue
            circuit = part_circuit(piece)
            check_chain(circuit)
            for layer in circuit.layers[1:-1]:
                assert layer == whole[layer.label]
                seen.add(layer.label)
            if cut.layer < 8:
                words = cut_tensor(digits, cut).bytes_per_image // 8
                assert words == (
                    circuit.output_words if name is PartName.FIRST else circuit.input_words
                )
    assert seen == set(whole) - {"unpacker", "packer"}


def test_configuration_names_each_layer_of_the_part_once(digits: Network) -> None:
    second = part_circuit(part(digits, Cut(5), PartName.SECOND))
    assert sorted(set(second.configuration[:, 0])) == [6, 7, 8]
    assert (np.diff(second.configuration[:, 0].astype(int)) >= 0).all()
    fixed = part_circuit(part(digits, Cut(5), PartName.SECOND), writeable=False)
    assert len(fixed.configuration) == 0
    assert {name for name, _ in fixed.memory_files} == {
        *(f"dense{n}_weights.mem" for n in (6, 7, 8)),
        *(f"dense{n}_thresholds.mem" for n in (6, 7)),
    }


def test_a_fifo_changes_no_other_circuit(digits: Network) -> None:
    shallow, deep = part_circuit(part(digits)), part_circuit(part(digits), {"conv3": 256})
    different = [
        after.label
        for before, after in zip(shallow.layers, deep.layers, strict=True)
        if before != after
    ]
    assert different == ["fifo_conv3"]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("window", range(len(WINDOWS)))
def test_random_networks_become_chains(precision: str, window: int) -> None:
    check_chain(part_circuit(random_part(window, precision, window)))


def test_a_depthwise_layer_is_refused_by_name() -> None:
    network = random_network(1, layers=("conv4", "depthwise", "dense5"))
    folding = Folding("least", (LayerFolding(1, 1),) * 3)
    with pytest.raises(BuildError, match="conv1 is a depthwise"):
        part_circuit(Part(network, PartName.WHOLE, None, folding, DEVICE, 100.0))


@pytest.mark.parametrize("padding", [(3, 0), (0, 3), (4, 5)])
def test_a_window_without_a_pixel_is_refused_by_name(padding: tuple[int, int]) -> None:
    """Its result would leave before the thresholds are written."""
    network = random_network(1, layers=("conv4", "dense5"), kernel=(3, 3), padding=padding)
    folding = Folding("least", (LayerFolding(1, 1),) * 2)
    with pytest.raises(BuildError, match="conv0 pads by"):
        part_circuit(Part(network, PartName.WHOLE, None, folding, DEVICE, 100.0))
    network = random_network(1, layers=("conv4", "dense5"), kernel=(3, 3), padding=(2, 2))
    part_circuit(Part(network, PartName.WHOLE, None, folding, DEVICE, 100.0))


def test_what_cannot_be_built_is_refused_with_its_name(digits: Network) -> None:
    folding = published_folding(digits)
    wrong = Folding("wrong", (LayerFolding(2, 8), *folding.layers[1:]))
    with pytest.raises(FoldingError, match="SIMD 2 of layer 0"):
        part_circuit(replace(part(digits), folding=wrong))
    with pytest.raises(BuildError, match="no layers"):
        part_circuit(part(digits, Cut(8), PartName.SECOND))
