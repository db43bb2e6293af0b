"""Cuts of the canonical chain: sizes, both sides of a pool, errors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dse.errors import CutError, NetworkError
from finn_flows.cut import Cut, cut_tensor, legal_cuts, normal_cut, split_network
from finn_flows.integer_reference import run_integers
from finn_flows.integer_type import IntegerType
from finn_flows.network import ClassScores
from tests.random_networks import random_cnv, random_input, random_network

CNV = random_cnv(0)

#: Bytes per image at each cut of CnvW2A2 (project design, section 3), by (layer, pool side).
PUBLISHED_BYTES = {
    (0, "before"): 14400,
    (1, "before"): 3136,
    (1, "after"): 12544,
    (2, "before"): 4608,
    (3, "before"): 800,
    (3, "after"): 3200,
    (4, "before"): 576,
    (5, "before"): 64,
    (6, "before"): 128,
    (7, "before"): 128,
}


def test_packed_sizes_are_the_published_ones() -> None:
    found = {
        (cut.layer, cut.pool): cut_tensor(CNV, cut).bytes_per_image
        for cut in legal_cuts(CNV, "both")
        if cut.layer < 8
    }
    assert found == PUBLISHED_BYTES


def test_the_input_takes_3072_bytes() -> None:
    assert int(np.prod(CNV.input_shape)) * CNV.input_type.bits // 8 == 3072


def test_sides_of_a_pool_differ_only_where_a_pool_follows() -> None:
    assert [cut.layer for cut in legal_cuts(CNV)] == list(range(9))
    assert {cut.layer for cut in legal_cuts(CNV, "both") if cut.pool == "after"} == {1, 3}
    assert normal_cut(CNV, Cut(2, "after")) == Cut(2, "before")


@pytest.mark.parametrize("layer", [-1, 9, 100])
def test_a_split_that_is_not_there_lists_those_that_are(layer: int) -> None:
    with pytest.raises(CutError, match=r"choose from 0, 1, 2, 3, 4, 5, 6, 7, 8"):
        split_network(CNV, Cut(layer))


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    kinds=st.sampled_from(
        [
            (IntegerType.signed(2, narrow=True), IntegerType.signed(2, narrow=True)),
            (IntegerType.bipolar(), IntegerType.bipolar()),
            (IntegerType.bipolar(), IntegerType.signed(2, narrow=True)),
            (IntegerType.signed(4, narrow=True), IntegerType.unsigned(4)),
            (IntegerType.signed(3), IntegerType.signed(3)),
        ]
    ),
    stride=st.sampled_from([(1, 1), (2, 2), (1, 2)]),
    kernel=st.sampled_from([(1, 1), (3, 3), (2, 3)]),
)
def test_both_parts_with_the_wire_between_equal_the_whole(
    seed: int,
    kinds: tuple[IntegerType, IntegerType],
    stride: tuple[int, int],
    kernel: tuple[int, int],
) -> None:
    network = random_network(
        seed,
        input_shape=(23, 19, 3),
        layers=("conv6", "pool", "conv5", "dense9", "dense4"),
        weight_type=kinds[0],
        activation=kinds[1],
        stride=stride,
        kernel=kernel,
    )
    images = random_input(seed + 1, network, 4)
    expected = run_integers(network, images)
    for cut in legal_cuts(network, "both"):
        first, second = split_network(network, cut)
        tensor = cut_tensor(network, cut)
        words = tensor.pack(run_integers(first, images))
        assert words.nbytes == len(images) * tensor.bytes_per_image
        assert (run_integers(second, tensor.unpack(words)) == expected).all()


def test_layers_of_the_second_part_keep_their_numbers() -> None:
    _, second = split_network(CNV, Cut(3, "after"))
    assert second.label(0) == "pool3"
    assert [number for number, _ in second.numbered()] == [4, 5, 6, 7, 8]


def test_parts_hash_by_what_they_compute() -> None:
    first, _ = split_network(CNV, Cut(5))
    again, _ = split_network(random_cnv(0), Cut(5))
    other, _ = split_network(random_cnv(1), Cut(5))
    assert first.sha256 == again.sha256 != other.sha256


def test_pools_in_a_row_have_names_of_their_own() -> None:
    layers = ("conv4", "pool", "pool", "conv3", "pool", "dense2")
    network = random_network(0, input_shape=(24, 24, 1), layers=layers)
    labels = [network.label(position) for position in range(len(network.layers))]
    assert labels == ["conv0", "pool0", "pool0_2", "conv1", "pool1", "dense2"]
    _, second = split_network(network, Cut(0, "after"))
    assert [second.label(position) for position in range(2)] == labels[1:3]


def test_only_the_part_that_gives_the_classes_has_their_names_and_scores() -> None:
    names = tuple("abcde")
    scores = ClassScores(np.full(5, 0.5), np.arange(5.0))
    network = replace(random_network(2), class_names=names, class_scores=scores)
    first, second = split_network(network, Cut(1))
    assert (first.class_names, first.class_scores) == ((), None)
    assert (second.class_names, second.class_scores) == (names, scores)
    first, second = split_network(network, Cut(4))
    assert first.sha256 == network.sha256
    assert first.class_names == second.class_names == names


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"class_names": tuple("abcd")}, "4 class names for 5 outputs; expected 5, or none"),
        ({"class_scores": ClassScores(np.ones(4), np.zeros(4))}, r"scale .* shape \(4,\)"),
        ({"class_scores": ClassScores(np.ones(5), np.zeros((1, 5)))}, r"offset .* shape \(1, 5\)"),
    ],
)
def test_names_and_scores_are_one_for_each_output(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(NetworkError, match=words):
        replace(random_network(2), **changes)
