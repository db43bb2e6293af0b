"""Stages of the onnx engine, one behind another, give what the unsplit network gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dse.deploy.stage_folders import write_stage_folders
from finn_flows.cut import Cut, CutTensor
from finn_flows.digits import load_digits_split
from finn_flows.integer_reference import run_integers
from finn_flows.network import Network
from finn_flows.weights import load_weights
from tests.dse.deploy.chained_engines import chained, loaded
from tests.random_networks import random_input

SPLITS = [(Cut(layer),) for layer in range(8)] + [(Cut(1, "after"),), (Cut(3, "after"),)]
MORE_WAYS = [
    (Cut(1), Cut(4)),
    (Cut(0), Cut(5)),
    (Cut(1, "after"), Cut(3, "after")),
    (Cut(1), Cut(3), Cut(5)),
    (Cut(0), Cut(3, "after"), Cut(7)),
    (Cut(2), Cut(3), Cut(4)),
]


@pytest.fixture(scope="module", params=["digits", "bnn-pynq"])
def network(request: pytest.FixtureRequest) -> Network:
    if request.param == "digits":
        return load_weights("digits").network
    directory: Path = request.getfixturevalue("bnn_pynq_directory")
    return load_weights(f"bnn-pynq:{directory}").network


@pytest.fixture(scope="module")
def images(network: Network) -> np.ndarray:
    """Pictures as the network reads them, and integers of every value."""
    pixels, _ = load_digits_split("test")
    return np.concatenate([network.encode_pixels(pixels[:6]), random_input(5, network, 3)])


@pytest.fixture(scope="module")
def expected(network: Network, images: np.ndarray) -> np.ndarray:
    """Packed as the last stage packs it."""
    results = run_integers(network, images)
    assert len(np.unique(results, axis=0)) > 4, "images must not all give the same"
    return CutTensor(network.output_shape, network.output_type).pack(results)


@pytest.mark.parametrize(
    "cuts", [(), *SPLITS, *MORE_WAYS], ids=lambda cuts: str(list(map(str, cuts)))
)
def test_stages_equal_the_unsplit_network(
    network: Network,
    images: np.ndarray,
    expected: np.ndarray,
    cuts: tuple[Cut, ...],
    tmp_path: Path,
) -> None:
    folders = write_stage_folders(network, cuts, ["onnx"] * (len(cuts) + 1), tmp_path / "stages")
    source = CutTensor(network.input_shape, network.input_type)
    with loaded(folders) as engines:
        found = chained(engines, source.pack(images))
    np.testing.assert_array_equal(found, expected)
