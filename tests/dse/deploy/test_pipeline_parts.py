"""N - 1 cuts make N parts, and where to cut if nobody says."""

from __future__ import annotations

import re
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dse.deploy.pipeline_parts import balanced_cuts, pipeline_parts
from dse.errors import CutError
from finn_flows.cut import Cut, cut_tensor, legal_cuts, split_network
from finn_flows.folding import Folding, published_folding
from finn_flows.integer_reference import run_integers
from finn_flows.network import Network
from tests.random_circuits import random_folding
from tests.random_networks import random_cnv, random_input, random_network

CNV = random_cnv(0)
LAYERS = ("conv4", "conv6", "pool", "conv5", "dense12", "dense7", "dense5")
NETWORK = random_network(1, layers=LAYERS)


@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_parts_behind_one_another_are_the_whole(data: st.DataObject, seed: int) -> None:
    network = random_network(seed, layers=LAYERS)
    possible = legal_cuts(network, "both")[:-1]
    layers = sorted(data.draw(st.sets(st.sampled_from(range(5)))))
    cuts = [
        data.draw(st.sampled_from([cut for cut in possible if cut.layer == layer]))
        for layer in layers
    ]
    parts = pipeline_parts(network, cuts)
    assert [part.position for part in parts] == list(range(len(cuts) + 1))

    images = random_input(seed, network, 3)
    found = images
    for part in parts:
        found = part.input.unpack(part.input.pack(found))
        found = run_integers(part.network, found)
    np.testing.assert_array_equal(found, run_integers(network, images))

    for part in parts:
        assert part.network.layers == network.layers[part.first : part.last]
        labels = [part.network.label(at) for at in range(len(part.network.layers))]
        assert labels == [network.label(at) for at in range(part.first, part.last)]
    for before, after, cut in zip(parts, parts[1:], cuts, strict=False):
        assert before.last == after.first
        assert before.output == after.input == cut_tensor(network, cut)
    assert parts[-1].output.shape == network.output_shape


def test_two_parts_are_those_of_the_split() -> None:
    for cut in legal_cuts(CNV, "both")[:-1]:
        first, second = split_network(CNV, cut)
        parts = pipeline_parts(CNV, [cut])
        assert [part.network.sha256 for part in parts] == [first.sha256, second.sha256]


def test_no_cut_is_the_whole_network() -> None:
    (part,) = pipeline_parts(CNV, [])
    assert part.network is CNV
    assert (part.first, part.last) == (0, len(CNV.layers))


def test_the_side_of_a_pool_that_is_not_there_does_not_count() -> None:
    wanted, given = pipeline_parts(CNV, [Cut(2)]), pipeline_parts(CNV, [Cut(2, "after")])
    assert [part.network.sha256 for part in wanted] == [part.network.sha256 for part in given]


@pytest.mark.parametrize(
    ("cuts", "message"),
    [
        ([Cut(9)], "has no split 9 (choose from 0, 1, 2, 3, 4, 5, 6, 7, 8)"),
        ([Cut(8)], "split 8 leaves no layers behind the cut (choose from 0, 1, 2, 3, 4, 5, 6, 7)"),
        ([Cut(5), Cut(3)], "cuts after layers 5, 3; expected each after a later layer"),
        ([Cut(3), Cut(3)], "cuts after layers 3, 3; expected each after a later layer"),
        ([Cut(3, "after"), Cut(3)], "cuts after layers 3, 3; expected each after a later layer"),
    ],
)
def test_cuts_that_make_no_parts_are_refused(cuts: list[Cut], message: str) -> None:
    with pytest.raises(CutError, match=re.escape(message)):
        pipeline_parts(CNV, cuts)


# -- balanced cuts --------------------------------------------------------------------------------


def greatest_share(network: Network, folding: Folding, ends: tuple[int, ...]) -> float:
    """Of any part, of all multipliers or of all weight bits; ``ends``: layers before each cut."""
    layers = [layer for _, layer in network.numbered()]
    multipliers = [fold.simd * fold.pe for fold in folding.layers]
    bits = [layer.weights.size * layer.weight_type.bits for layer in layers]
    return max(
        sum(amounts[first:end]) / sum(amounts)
        for amounts in (multipliers, bits)
        for first, end in pairwise((0, *ends, len(layers)))
    )


def bytes_sent(network: Network, ends: tuple[int, ...]) -> int:
    return sum(cut_tensor(network, Cut(end - 1)).bytes_per_image for end in ends)


@given(seed=st.integers(0, 2**32 - 1), parts=st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_balanced_cuts_are_the_best_of_all(seed: int, parts: int) -> None:
    folding = random_folding(seed, NETWORK)
    cuts = balanced_cuts(NETWORK, folding, parts)
    assert len(pipeline_parts(NETWORK, cuts)) == parts
    assert all(cut.pool == "before" for cut in cuts)
    ends = tuple(cut.layer + 1 for cut in cuts)
    every = list(combinations(range(1, 6), parts - 1))
    best = min(greatest_share(NETWORK, folding, other) for other in every)
    assert greatest_share(NETWORK, folding, ends) == pytest.approx(best)
    equal = [other for other in every if greatest_share(NETWORK, folding, other) <= best + 1e-9]
    assert bytes_sent(NETWORK, ends) == min(bytes_sent(NETWORK, other) for other in equal)


def test_balanced_cuts_of_cnv_w2a2() -> None:
    folding = published_folding(CNV)
    assert [
        [cut.layer for cut in balanced_cuts(CNV, folding, parts)] for parts in (1, 2, 3, 4, 9)
    ] == [[], [3], [1, 4], [1, 4, 5], list(range(8))]


@pytest.mark.parametrize("parts", [0, 10])
def test_a_number_of_parts_that_cannot_be_lists_those_that_can(parts: int) -> None:
    with pytest.raises(CutError, match=r"choose from 1, 2, 3, 4, 5, 6, 7, 8, 9\)"):
        balanced_cuts(CNV, published_folding(CNV), parts)
