"""Networks with random integers, for tests that need a network but no particular one."""

from __future__ import annotations

import numpy as np

from finn_flows.integer_type import IntegerType
from finn_flows.network import (
    ConvLayer,
    DenseLayer,
    Layer,
    MaxPoolLayer,
    Network,
    accumulator_range,
    accumulator_range_per_channel,
)

#: Convolutions with a group per channel -> outputs per group.
_GROUPED = {"depthwise": 1, "multiplier": 2}

TERNARY = IntegerType.signed(2, narrow=True)


def random_weights(
    generator: np.random.Generator, shape: tuple[int, ...], weight_type: IntegerType
) -> np.ndarray:
    """Weights drawn evenly from every value of ``weight_type``."""
    values = np.arange(weight_type.minimum, weight_type.maximum + 1, weight_type.step)
    return generator.choice(values, size=shape).astype(
        np.int8 if weight_type.maximum <= np.iinfo(np.int8).max else np.int16
    )


def random_thresholds(
    generator: np.random.Generator,
    weights: np.ndarray,
    input_type: IntegerType,
    output_type: IntegerType,
) -> np.ndarray:
    """Ascending thresholds, most of them where accumulators really fall, all canonical."""
    least, greatest = accumulator_range_per_channel(weights, input_type)
    spread = np.sqrt(weights[0].size) * max(abs(input_type.minimum), input_type.maximum)
    drawn = generator.normal(0, spread, size=(len(weights), output_type.threshold_count))
    ordered = np.sort(np.rint(drawn).astype(np.int64), axis=1)
    return np.clip(ordered, least[:, None], greatest[:, None] + 1)


def random_network(
    seed: int,
    *,
    input_shape: tuple[int, ...] = (12, 12, 3),
    layers: tuple[str, ...] = ("conv16", "conv16", "pool", "conv8", "dense12", "dense5"),
    input_type: IntegerType | None = None,
    weight_type: IntegerType = TERNARY,
    activation: IntegerType = TERNARY,
    kernel: tuple[int, int] = (3, 3),
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (0, 0),
) -> Network:
    """A chain such as ``("conv16", "pool", "dense10")``; its last layer has no thresholds.

    ``depthwise`` is a convolution with as many groups as channels, ``multiplier`` one with two
    outputs for each.
    """
    generator = np.random.default_rng(seed)
    input_type = input_type or IntegerType.signed(8)
    built: list[Layer] = []
    shape, current = input_shape, input_type
    for index, what in enumerate(layers):
        if what == "pool":
            built.append(MaxPoolLayer())
        else:
            conv = what.startswith("conv") or what in _GROUPED
            groups = shape[-1] if what in _GROUPED else 1
            channels = (
                groups * _GROUPED[what]
                if what in _GROUPED
                else int(what.removeprefix("conv").removeprefix("dense"))
            )
            weight_shape = (
                (channels, *kernel, shape[-1] // groups)
                if conv
                else (channels, int(np.prod(shape)))
            )
            weights = random_weights(generator, weight_shape, weight_type)
            if index == len(layers) - 1:
                thresholds = None
                output_type = IntegerType.covering(*accumulator_range(weights, current))
            else:
                thresholds = random_thresholds(generator, weights, current, activation)
                output_type = activation
            if conv:
                built.append(
                    ConvLayer(
                        weights, weight_type, thresholds, output_type, stride, padding, groups
                    )
                )
            else:
                built.append(DenseLayer(weights, weight_type, thresholds, output_type))
        network = Network("random", input_shape, input_type, tuple(built))
        shape, current = network.output_shape, network.output_type
    return network


def random_cnv(seed: int) -> Network:
    """The layers of CnvW2A2 with random integers."""
    return random_network(
        seed,
        input_shape=(32, 32, 3),
        layers=(
            *("conv64", "conv64", "pool", "conv128", "conv128", "pool", "conv256", "conv256"),
            *("dense512", "dense512", "dense10"),
        ),
    )


def random_input(seed: int, network: Network, images: int) -> np.ndarray:
    """Integers of the network's input type, every value as likely: int32 (images, *input_shape)."""
    kind = network.input_type
    values = np.arange(kind.minimum, kind.maximum + 1, kind.step, dtype=np.int32)
    return np.random.default_rng(seed).choice(values, size=(images, *network.input_shape))
