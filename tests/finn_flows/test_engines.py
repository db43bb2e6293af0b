"""onnxruntime and FINN's graph compute exactly what the integer reference computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dse.errors import BuildError, InputError
from dse.inference import load_engine
from finn_flows.cut import legal_cuts
from finn_flows.finn_graph import build_finn_graph
from finn_flows.integer_type import IntegerType
from finn_flows.network import Network
from tests.random_networks import random_input, random_network

BIPOLAR = IntegerType.bipolar()
CASES: dict[str, dict[str, Any]] = {
    "ternary": {},
    "W1A1": {"weight_type": BIPOLAR, "activation": BIPOLAR},
    "W1A2": {"weight_type": BIPOLAR},
    "W4A4 unsigned": {
        "weight_type": IntegerType.signed(4),
        "activation": IntegerType.unsigned(4),
    },
    "W4A4 signed": {
        "weight_type": IntegerType.signed(4, narrow=True),
        "activation": IntegerType.signed(4, narrow=True),
    },
    "W3A3": {"weight_type": IntegerType.signed(3), "activation": IntegerType.signed(3)},
    "W8A8, accumulators beyond 24 bits": {
        "weight_type": IntegerType.signed(8),
        "activation": IntegerType.unsigned(8),
        "layers": ("conv256", "conv8", "dense64", "dense4"),
        "input_shape": (7, 7, 3),
    },
    "W14A6, wide fully connected layers": {
        "weight_type": IntegerType.signed(14),
        "activation": IntegerType.signed(6),
        "layers": ("conv8", "conv64", "dense300", "dense4"),
    },
    "padded": {"padding": (1, 1)},
    "stride 2": {
        "stride": (2, 2),
        "layers": ("conv8", "conv8", "dense4"),
        "input_shape": (15, 15, 3),
    },
    "not square": {"input_shape": (14, 10, 3)},
    "1x1": {"kernel": (1, 1)},
    "5x5": {"kernel": (5, 5), "input_shape": (20, 20, 3)},
    "depthwise W4A4": {
        "layers": ("conv8", "depthwise", "conv16", "dense5"),
        "weight_type": IntegerType.signed(4),
        "activation": IntegerType.unsigned(4),
    },
    "depthwise": {"layers": ("conv8", "depthwise", "conv16", "dense5")},
    "binary MLP": {
        "input_shape": (28, 28, 1),
        "layers": ("dense16", "dense16", "dense10"),
        "input_type": BIPOLAR,
        "weight_type": BIPOLAR,
        "activation": BIPOLAR,
    },
    "dense after an image": {"layers": ("conv8", "pool", "dense5")},
    "two pools": {"layers": ("conv8", "pool", "pool", "dense5"), "input_shape": (14, 14, 3)},
    "ends in an image": {"layers": ("conv8", "pool", "conv5")},
}


@pytest.fixture(params=CASES)
def network(request: pytest.FixtureRequest) -> Network:
    return random_network(7, **CASES[request.param])


@pytest.mark.parametrize("engine", ["onnx", "finn"])
def test_every_engine_equals_the_reference_at_every_cut(network: Network, engine: str) -> None:
    images = random_input(11, network, 24 if engine == "onnx" else 3)
    expected = load_engine("integer", network).run(images)
    assert len(np.unique(expected)) > 2, "the test would hardly see a difference"
    for cut in (None, *legal_cuts(network, "both")):
        assert (load_engine(engine, network, cut).run(images) == expected).all(), str(cut)


def test_an_unknown_engine_lists_the_known() -> None:
    with pytest.raises(InputError, match="choose from onnx, integer, finn"):
        load_engine("gpu", random_network(0))


@pytest.mark.parametrize(
    ("layers", "kinds", "message"),
    [
        (("conv8", "depthwise", "dense4"), (BIPOLAR, BIPOLAR), "conv1: FINN builds no depthwise"),
        (("multiplier", "dense4"), None, "conv0: a depthwise convolution from 3 to 6 channels"),
    ],
)
def test_what_finn_cannot_build_is_refused_with_the_layer(
    layers: tuple[str, ...], kinds: tuple[IntegerType, IntegerType] | None, message: str
) -> None:
    """Rather than counting a circuit that is not the network; the other engines compute it."""
    weight_type, activation = kinds or (IntegerType.signed(2, narrow=True),) * 2
    network = random_network(3, layers=layers, weight_type=weight_type, activation=activation)
    images = random_input(1, network, 3)
    expected = load_engine("integer", network).run(images)
    assert (load_engine("onnx", network).run(images) == expected).all()
    with pytest.raises(BuildError, match=message):
        load_engine("finn", network)


def test_a_graph_that_does_not_compute_the_network_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network, other = random_network(101), random_network(102)
    monkeypatch.setattr(
        "finn_flows.hardware_network.build_finn_graph", lambda _: build_finn_graph(other)
    )
    with pytest.raises(BuildError, match="does not compute"):
        load_engine("finn", network)
