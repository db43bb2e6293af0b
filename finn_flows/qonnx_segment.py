"""What stands between two layers of a QONNX graph, turned into integers.

A segment starts at integers (pixels, or the accumulators of a layer) and runs through element-wise
nodes, and perhaps max-pools, to the next layer. Per channel it is a monotone function of the
integer; here it becomes a pixel table or integer thresholds, by evaluating its nodes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dse.errors import NetworkError
from finn_flows.integer_type import IntegerType
from finn_flows.network import (
    ConvLayer,
    DenseLayer,
    Layer,
    MaxPoolLayer,
    accumulator_range_per_channel,
)
from finn_flows.onnx_chain import OnnxChain
from finn_flows.onnx_node import attributes, node_label
from finn_flows.threshold_search import find_thresholds

if TYPE_CHECKING:
    import onnx

QUANTISING = ("Quant", "IntQuant", "BipolarQuant", "MultiThreshold", "Sign", "Trunc")
#: Each does not decrease, or does not increase, in its data input, channel by channel; those of
#: ``_MONOTONE_FROM_0`` if what they name is not negative.
ELEMENTWISE = (
    "Add",
    "BatchNormalization",
    "Celu",
    "Clip",
    "Div",
    "Elu",
    "HardSigmoid",
    "LeakyRelu",
    "Mul",
    "Neg",
    "PRelu",
    "Relu",
    "Selu",
    "Sigmoid",
    "Sub",
    "Tanh",
    *QUANTISING,
)
_MONOTONE_FROM_0 = {"Celu": "alpha", "Elu": "alpha", "LeakyRelu": "alpha", "Selu": "alpha"}
#: A node and the axes of its data: ``nchw``, ``nhwc`` or ``nf``.
Step = tuple["onnx.NodeProto", str]
_MOST_BITS = 12  # of an activation
_PIXEL_VALUES = 256
_MOST_POINTS = 2**16


@dataclass
class Pixels:
    """The source of the first segment: pixel values 0 to 255.

    ``whole``: the graph takes them as they are; otherwise as a picture in [0, 1].
    """

    channels: int
    whole: bool

    def values(self, points: NDArray[np.int64]) -> NDArray[np.float32]:
        """Pixels (points, channels) as the graph's input."""
        floats = points.astype(np.float32)
        return floats if self.whole else floats / np.float32(_PIXEL_VALUES - 1)


@dataclass
class Accumulators:
    """The source of a later segment: the accumulators of one compute layer.

    ``weights``: int64 in the canonical layout. One step of the accumulator is worth ``scale`` (per
    channel), and ``bias`` is added to it, in float32 as the graph does.
    """

    node: onnx.NodeProto
    weights: NDArray[np.int64]
    weight_type: IntegerType
    scale: NDArray[np.float64]
    bias: NDArray[np.float32] | None
    input_type: IntegerType
    stride: tuple[int, int] | None = None  # None: fully connected
    padding: tuple[int, int] = (0, 0)
    groups: int = 1

    def __post_init__(self) -> None:
        self.weight_type = _holding(self.weight_type, self.weights)

    @property
    def channels(self) -> int:
        """Output channels of the layer."""
        return int(self.weights.shape[0])

    def values(self, points: NDArray[np.int64]) -> NDArray[np.float32]:
        """Accumulators (points, channels) as the graph computes them."""
        value = (points * self.scale).astype(np.float32)
        return value if self.bias is None else value + self.bias

    def reachable(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Least and greatest accumulator of each channel."""
        return accumulator_range_per_channel(
            self.weights, self.input_type, zero=self.padding != (0, 0)
        )

    def negate(self, channels: NDArray[np.bool_]) -> None:
        """Count the accumulators of ``channels`` the other way."""
        sign = np.where(channels, -1, 1)
        self.weights = self.weights * sign.reshape(-1, *[1] * (self.weights.ndim - 1))
        self.scale = self.scale * sign
        self.weight_type = _holding(self.weight_type, self.weights)

    def layer(self, thresholds: NDArray[np.int64] | None, output_type: IntegerType) -> Layer:
        """The canonical layer."""
        small = self.weight_type.minimum >= -128 and self.weight_type.maximum <= 127
        common: dict[str, Any] = {
            "weights": np.ascontiguousarray(self.weights.astype(np.int8 if small else np.int16)),
            "weight_type": self.weight_type,
            "thresholds": thresholds,
            "output_type": output_type,
        }
        if self.stride is None:
            return DenseLayer(**common)
        return ConvLayer(**common, stride=self.stride, padding=self.padding, groups=self.groups)


@dataclass(frozen=True)
class Activation:
    """What enters the next layer: integers of ``type``, each worth ``unit``.

    ``negated``: channels whose integers are stored with the other sign, None if there are none.
    """

    type: IntegerType
    unit: float
    negated: NDArray[np.bool_] | None = None

    @property
    def signs(self) -> NDArray[np.int64]:
        """-1 for each negated channel, 1 for the others; (1,) if none is negated."""
        return np.ones(1, np.int64) if self.negated is None else np.where(self.negated, -1, 1)


class Segment:
    """Element-wise nodes, with the axes their data has there, and the pools between them."""

    def __init__(self, chain: OnnxChain, source: Pixels | Accumulators) -> None:
        self.source = source
        self.steps: list[Step] = []
        #: How many steps stand before the pool, the pool, its node.
        self.pools: list[tuple[int, MaxPoolLayer, onnx.NodeProto]] = []
        self._chain = chain

    def add_step(self, node: onnx.NodeProto, axes: str) -> None:
        """Append an element-wise node; ``axes`` of its data: ``nchw``, ``nhwc`` or ``nf``.

        NetworkError if its slope has both signs, as that of a LeakyRelu with negative alpha.
        """
        name = _MONOTONE_FROM_0.get(node.op_type)
        slope = attributes(node).get(name, 0.0) if name else 0.0
        if node.op_type == "PRelu":
            name, slope = "slope", float(self._chain.constant(node.input[1]).min())
        if slope < 0:
            raise NetworkError(
                f"{node_label(node)} has {name} {slope:g}: it falls on one side and rises on the "
                "other",
                expected=f"{name} of at least 0",
            )
        self.steps.append((node, axes))

    def add_pool(self, pool: MaxPoolLayer, node: onnx.NodeProto) -> None:
        """Append a max-pool, behind the steps there are now."""
        self.pools.append((len(self.steps), pool, node))

    @property
    def is_quantised(self) -> bool:
        """Whether a quantiser is among the steps."""
        return any(node.op_type in QUANTISING for node, _ in self.steps)

    # -- closing --------------------------------------------------------------------------------

    def pixel_table(self) -> tuple[NDArray[np.int64], Activation]:
        """The integers for each pixel value, int64 (1 or channels, 256), and what they are.

        A picture that meets no quantiser is taken if its values are whole multiples of one scale.
        """
        points = np.repeat(np.arange(_PIXEL_VALUES)[:, None], self.source.channels, axis=1)
        values = self._values(points)
        possible = self._possible_values() if self.is_quantised else values
        activation = _activation(possible, "the picture that enters the first layer")
        table = np.rint(values / activation.unit).astype(np.int64)
        for index, _, node in self.pools:
            rises = np.diff(self._values(points, index), axis=0) >= 0
            if not (rises.all() and (np.diff(table, axis=0) >= 0).all()):
                raise NetworkError(
                    f"{node_label(node)} works on the picture, which enters with falling values",
                    expected="max-pool behind the quantiser, or values that rise with the pixel",
                )
        if (table == table[:, :1]).all():
            table = table[:, :1]
        return np.ascontiguousarray(table.T), activation

    def activation_layer(self, what: str) -> tuple[Layer, Activation]:
        """The source's layer with its thresholds, and what leaves it. ``what`` names the result.

        Needs a quantiser among the steps. NetworkError where no thresholds do the same.
        """
        source = self.source
        assert isinstance(source, Accumulators)
        plain = _activation(self._possible_values(), what)
        kind, unit = plain.type, plain.unit
        least, greatest = source.reachable()
        ends = np.stack([least, greatest])
        slope = _direction(np.rint(self._values(ends) / unit))
        negated = np.zeros(source.channels, dtype=bool)
        for index, _, node in self.pools:
            # A max-pool is taken on the activations here; legal if what follows it does not fall.
            # Where it falls, the negated activation rises: store that one.
            behind = slope * _direction(self._values(ends, index))
            negated |= behind < 0
            if (negated & (behind > 0)).any() or (negated.any() and kind.minimum != -kind.maximum):
                raise NetworkError(
                    f"{node_label(node)} comes before a function that falls in channel "
                    f"{int(np.argmax(negated))}, and {kind.name} cannot be negated",
                    expected="max-pool behind the quantiser, or positive scales",
                )
        slope = np.where(negated, -slope, slope)
        if (slope < 0).any():
            source.negate(slope < 0)
            least, greatest = source.reachable()
        sign = np.where(negated, -1, 1)

        def activation(points: NDArray[np.int64]) -> NDArray[np.int64]:
            return sign * np.rint(self._values(points) / unit).astype(np.int64)

        levels = kind.minimum + kind.step * np.arange(1, kind.threshold_count + 1)
        thresholds = find_thresholds(activation, least, greatest, levels)
        left = Activation(kind, unit, negated if negated.any() else None)
        return source.layer(thresholds, kind), left

    # -- evaluating -----------------------------------------------------------------------------

    def _values(self, points: NDArray[np.int64], stop: int | None = None) -> NDArray[np.float32]:
        """The segment up to step ``stop`` on integers of the source, (points, channels)."""
        last = len(self.steps) if stop is None else stop
        values = self._run(self.source.values(points), 0, last)
        if not np.isfinite(values).all():
            where = node_label(self.steps[last - 1][0]) if last else "the first node"
            raise NetworkError(f"{where} gives values that are not finite (a damaged parameter?)")
        return values

    def _run(self, values: NDArray[np.float32], start: int, stop: int) -> NDArray[np.float32]:
        """Steps ``start`` to ``stop`` on float32 (points, channels)."""
        for node, axes in self.steps[start:stop]:
            points, channels = values.shape
            shape = {
                "nf": (points, channels),
                "nchw": (points, channels, 1, 1),
                "nhwc": (points, 1, 1, channels),
            }[axes]
            inputs = {
                name: self._chain.constant(name)
                if self._chain.is_constant(name)
                else values.reshape(shape)
                for name in node.input
                if name
            }
            result = self._chain.evaluate(node, inputs)
            if result.shape != shape:
                raise NetworkError(
                    f"{node_label(node)} does not treat a channel alike at every position",
                    expected="parameters per tensor or per channel",
                )
            values = result.reshape(points, channels).astype(np.float32)
        return values

    def _possible_values(self) -> NDArray[np.float32]:
        """Every value that can leave the segment, (values, channels)."""
        channels, last = self.source.channels, len(self.steps)
        index, node = next(
            (index, node)
            for index, (node, _) in enumerate(self.steps)
            if node.op_type in QUANTISING
        )
        if node.op_type == "MultiThreshold":
            options = attributes(node)
            counts = np.arange(self._chain.constant(node.input[1]).shape[1] + 1)
            given = counts * options.get("out_scale", 1.0) + options.get("out_bias", 0.0)
            values = np.repeat(given[:, None], channels, axis=1)
            return self._run(values.astype(np.float32), index + 1, last)
        if node.op_type == "Trunc":
            return self._values(self._every_point(node))
        probes = self._probes(node)
        values = np.broadcast_to(probes, (len(probes), channels))
        return self._run(values.astype(np.float32), index, last)

    def _every_point(self, node: onnx.NodeProto) -> NDArray[np.int64]:
        """Every integer of the source, (points, channels)."""
        least, greatest = 0, _PIXEL_VALUES - 1
        if isinstance(self.source, Accumulators):
            lows, highs = self.source.reachable()
            least, greatest = int(lows.min()), int(highs.max())
        if greatest - least > _MOST_POINTS:
            raise NetworkError(
                f"{node_label(node)} truncates values from {least} to {greatest}",
                expected=f"at most {_MOST_POINTS} different ones, as behind an average pool",
            )
        return np.repeat(np.arange(least, greatest + 1)[:, None], self.source.channels, axis=1)

    def _probes(self, node: onnx.NodeProto) -> NDArray[np.float64]:
        """Values, (points, channels or 1), at which a quantiser gives each of its results."""
        if node.op_type in ("BipolarQuant", "Sign"):
            return np.array([[-1.0], [0.0], [1.0]])
        scale = self._chain.constant(node.input[1]).astype(np.float64).reshape(1, -1)
        zero = self._chain.constant(node.input[2]).astype(np.float64).reshape(1, -1)
        bits = float(self._chain.constant(node.input[3]).reshape(-1)[0])
        if not 1 <= bits <= _MOST_BITS:
            raise NetworkError(
                f"{node_label(node)} quantises an activation to {bits:g} bits",
                expected=f"1 to {_MOST_BITS}",
            )
        codes = np.arange(-(2 ** math.ceil(bits - 1)) - 1, 2 ** math.ceil(bits) + 1)
        return (codes[:, None] - zero) * scale


def _direction(ends: NDArray[np.floating]) -> NDArray[np.floating]:
    """1 where a function rises from its first to its last value, -1 where it falls, else 0."""
    return np.sign(ends[1] - ends[0])


def _activation(possible: NDArray[np.floating], what: str) -> Activation:
    """What ``possible`` values are, if they are whole multiples of one scale; else NetworkError."""
    magnitudes = np.abs(possible.astype(np.float64))
    greatest = float(magnitudes.max())
    present = magnitudes[magnitudes > greatest * 1e-6]
    if not present.size or not np.isfinite(greatest):
        raise NetworkError(f"{what} is always 0 or not finite")
    steps = np.rint(greatest / present.min())
    unit = float(greatest / steps)
    whole = np.rint(possible / unit)
    if steps > 2 ** (_MOST_BITS + 1) or np.abs(possible / unit - whole).max() > 0.02:
        raise NetworkError(
            f"{what} is not whole numbers times one scale",
            expected="a quantiser with zero point 0, one scale per tensor and no offset behind it",
        )
    return Activation(_smallest_type(np.unique(whole.astype(np.int64))), unit)


def _smallest_type(values: NDArray[np.int64]) -> IntegerType:
    """The narrowest type that holds ``values``; unsigned before narrow before full."""
    if set(values.tolist()) == {-1, 1}:
        return IntegerType.bipolar()
    low, high = int(values.min()), int(values.max())
    bits = 1
    while True:
        candidates = [IntegerType.unsigned(bits)]
        if bits > 1:
            candidates += [IntegerType.signed(bits, narrow=narrow) for narrow in (True, False)]
        for candidate in candidates:
            if candidate.minimum <= low and high <= candidate.maximum:
                return candidate
        bits += 1


def _holding(kind: IntegerType, weights: NDArray[np.int64]) -> IntegerType:
    """``kind``, or the next wider type if negated weights have left it."""
    if kind.minimum <= int(weights.min()) and int(weights.max()) <= kind.maximum:
        return kind
    return IntegerType.signed(kind.bits + 1)
