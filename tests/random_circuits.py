"""Small parts of every kind that the RTL library carries, with random legal foldings."""

from __future__ import annotations

import numpy as np

from finn_flows.backends.interface import Part
from finn_flows.folding import Folding, LayerFolding, divisors, simd_limit
from finn_flows.integer_type import IntegerType
from finn_flows.network import Network
from reports.sweep_record import PartName
from tests.random_networks import TERNARY, random_network

DEVICE = "xc7z020clg400-1"

#: name -> weight type, activation type
PRECISIONS = {
    "W1A1": (IntegerType.bipolar(), IntegerType.bipolar()),
    "W1A2": (IntegerType.bipolar(), TERNARY),
    "W2A2": (TERNARY, TERNARY),
    "W4A4": (IntegerType.signed(4), IntegerType.signed(4)),
    "W2A4u": (IntegerType.signed(2), IntegerType.unsigned(4)),
    "W3A1u": (IntegerType.signed(3), IntegerType.unsigned(1)),
}
#: kernel, stride, padding
WINDOWS = (
    ((1, 1), (1, 1), (0, 0)),
    ((1, 1), (2, 2), (0, 0)),
    ((3, 3), (1, 1), (0, 0)),
    ((3, 3), (1, 1), (1, 1)),
    ((3, 3), (2, 2), (0, 0)),
    ((3, 3), (2, 2), (1, 1)),
    ((5, 5), (1, 1), (0, 0)),
    ((5, 5), (2, 2), (1, 1)),
    ((3, 1), (1, 1), (0, 0)),
)


def random_folding(seed: int, network: Network) -> Folding:
    """A legal (SIMD, PE) for each layer, every pair as likely, and a memory for its weights."""
    generator = np.random.default_rng(seed)
    layers = tuple(
        LayerFolding(
            int(generator.choice(divisors(simd_limit(layer)))),
            int(generator.choice(divisors(layer.output_channels))),
            ("auto", "block", "distributed")[generator.integers(3)],
        )
        for _, layer in network.numbered()
    )
    return Folding(f"random-{seed}", layers)


def kind_seed(precision: str, window: int) -> int:
    """The seed of ``random_part`` for one kind of layer, another for each."""
    return 1000 * list(PRECISIONS).index(precision) + window


def random_part(seed: int, precision: str, window: int) -> Part:
    """A network of two convolutions, a pool where the image is large enough, two dense layers.

    Its input is not square, 8 bits wide and signed.
    """
    weight_type, activation = PRECISIONS[precision]
    kernel, stride, padding = WINDOWS[window]
    if activation.is_bipolar:
        padding = (0, 0)  # a bipolar image has no zero to pad with
    generator = np.random.default_rng(seed)
    channels = [int(generator.choice([2, 3, 4, 6, 8])) for _ in range(3)]
    shape = (
        (kernel[0] - 1) * 2 + 9 * stride[0] ** 2 // 2 + int(generator.integers(0, 3)),
        (kernel[1] - 1) * 2 + 9 * stride[1] ** 2 // 2 + int(generator.integers(3, 6)),
        channels[0],
    )
    network = random_network(
        seed,
        input_shape=shape,
        layers=(f"conv{channels[1]}", f"conv{channels[2]}", "pool", "dense6", "dense5"),
        weight_type=weight_type,
        activation=activation,
        kernel=kernel,
        stride=stride,
        padding=padding,
    )
    folding = random_folding(seed, network)
    return Part(network, PartName.WHOLE, None, folding, DEVICE, 100.0)
