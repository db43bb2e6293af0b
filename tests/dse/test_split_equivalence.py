"""The proof behind the table: two parts with the wire between them are the whole network.

For both sets of weights, every cut and both sides of a pool: part 2 (unpack (pack (part 1 (x))))
equals the whole network exactly, on real pictures and on random tensors.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dse.inference import SplitEngine, load_engine
from finn_flows.cut import Cut, legal_cuts
from finn_flows.digits import load_digits_split
from finn_flows.network import Network
from finn_flows.weights import load_weights
from tests.finn_flows.test_cut import PUBLISHED_BYTES
from tests.random_networks import random_input

PICTURES, RANDOM = 64, 16
FINN_PICTURES, FINN_RANDOM = 2, 1


@pytest.fixture(scope="module", params=["digits", "bnn-pynq"])
def network(request: pytest.FixtureRequest) -> Network:
    if request.param == "digits":
        return load_weights("digits").network
    directory: Path = request.getfixturevalue("bnn_pynq_directory")
    return load_weights(f"bnn-pynq:{directory}").network


def images_for(network: Network, pictures: int, random: int) -> np.ndarray:
    """Real pictures as the network reads them, and integers of every value."""
    pixels, _ = load_digits_split("test")
    return np.concatenate(
        [network.encode_pixels(pixels[:pictures]), random_input(5, network, random)]
    )


@pytest.fixture(scope="module")
def images(network: Network) -> np.ndarray:
    return images_for(network, PICTURES, RANDOM)


@pytest.fixture(scope="module")
def expected(network: Network, images: np.ndarray) -> np.ndarray:
    found = load_engine("integer", network).run(images)
    assert found.shape == (PICTURES + RANDOM, 10)
    assert len(np.unique(found, axis=0)) > PICTURES // 2, "images must not all give the same"
    return found


CUTS = [Cut(layer) for layer in range(9)] + [Cut(1, "after"), Cut(3, "after")]


@pytest.mark.parametrize("cut", CUTS, ids=str)
@pytest.mark.parametrize("engine", ["integer", "onnx"])
def test_two_parts_equal_the_whole(
    network: Network, images: np.ndarray, expected: np.ndarray, engine: str, cut: Cut
) -> None:
    split = load_engine(engine, network, cut)
    assert isinstance(split, SplitEngine)
    assert (split.run(images) == expected).all()
    if cut.layer < 8:
        assert split.bytes_per_image == PUBLISHED_BYTES[cut.layer, cut.pool]


@pytest.mark.parametrize(
    "cut",
    [
        pytest.param(cut, marks=() if cut in (None, Cut(5)) else pytest.mark.slow)
        for cut in (None, *CUTS)
    ],
    ids=str,
)
def test_two_parts_of_finns_graph_equal_the_whole(network: Network, cut: Cut | None) -> None:
    images = images_for(network, FINN_PICTURES, FINN_RANDOM)
    expected = load_engine("integer", network).run(images)
    assert (load_engine("finn", network, cut).run(images) == expected).all()


def test_those_are_all_the_cuts(network: Network) -> None:
    assert set(CUTS) == set(legal_cuts(network, "both"))
