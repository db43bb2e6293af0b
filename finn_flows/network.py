"""The canonical form of a network: integers only.

Weights are small integers, activations come from comparing an integer accumulator with integer
thresholds, so that every other form (Brevitas, QONNX, FINN's graph, standard ONNX, BNN-PYNQ
parameter files, RTL memories, HLS headers) can be generated from, or imported into, this one and
proved equal to it bit for bit.

Tensors are channel-last: one image is (height, width, channels), or (features,) after a fully
connected layer. A fully connected layer that follows an image reads it flattened in that order.

Numbering (paper section 3): compute layers (convolution, fully connected) are counted from 0;
a max-pool has no number of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dse.errors import NetworkError
from finn_flows.integer_type import IntegerType

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class MaxPoolLayer:
    """Max-pool over ``kernel`` x ``kernel`` windows; windows that do not fit are dropped."""

    kernel: int = 2
    stride: int = 2


@dataclass(frozen=True, eq=False)
class _ComputeLayer:
    """What convolution and fully connected layers share.

    ``weights``: int8 or int16, output channel first. ``thresholds``: int64, shape
    (output channels, steps), ascending in each row, or None for a layer whose accumulators are the
    result. Activation = ``output_type.minimum + output_type.step * count``, where count is how many
    thresholds the accumulator reaches (accumulator >= threshold).
    """

    weights: NDArray[np.integer]
    weight_type: IntegerType
    thresholds: NDArray[np.int64] | None
    output_type: IntegerType

    @property
    def output_channels(self) -> int:
        return int(self.weights.shape[0])


@dataclass(frozen=True, eq=False)
class ConvLayer(_ComputeLayer):
    """Convolution. ``weights``: (output channels, kernel rows, kernel columns, inputs / groups).

    ``stride`` and ``padding`` are (vertical, horizontal); padding is symmetric, with zeros.
    ``groups`` is 1 or, for a depthwise convolution, the number of input channels.
    """

    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    groups: int = 1

    @property
    def kernel(self) -> tuple[int, int]:
        """Rows and columns of the window."""
        return int(self.weights.shape[1]), int(self.weights.shape[2])


@dataclass(frozen=True, eq=False)
class DenseLayer(_ComputeLayer):
    """Fully connected. ``weights``: (output features, input features)."""


ComputeLayer = ConvLayer | DenseLayer
Layer = ConvLayer | DenseLayer | MaxPoolLayer


@dataclass(frozen=True, eq=False)
class ClassScores:
    """What makes class scores of the last integers: ``scale * integer + offset``.

    Networks trained in floating point end in such a scale per class; it never changes the integers,
    only which of them counts as the largest. Shapes (classes,), float64: the last axis of the
    network's result.
    """

    scale: NDArray[np.float64]
    offset: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Network:
    """A feed-forward chain of layers on integers, or a part of one.

    ``input_shape``: (height, width, channels) or (features,). ``pixel_table``: int64, shape
    (1 or channels, 256): the integer that enters for each value of an 8-bit pixel; None for a part
    that does not start at the picture. ``first_layer``: the number of the first compute layer, so
    that a layer of a part keeps the number it has in the whole network.
    """

    name: str
    input_shape: Shape
    input_type: IntegerType
    layers: tuple[Layer, ...]
    pixel_table: NDArray[np.int64] | None = None
    class_names: tuple[str, ...] = ()
    class_scores: ClassScores | None = None
    first_layer: int = 0
    shapes: tuple[Shape, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shapes", tuple(self._checked_shapes()))
        if self.pixel_table is not None:
            self._check_pixel_table(self.pixel_table)
        self._check_classes()

    # -- what the layers are --------------------------------------------------------------------

    def numbered(self) -> Iterator[tuple[int, ComputeLayer]]:
        """The compute layers with their numbers in the whole network."""
        number = self.first_layer
        for layer in self.layers:
            if not isinstance(layer, MaxPoolLayer):
                yield number, layer
                number += 1

    def position_of(self, number: int) -> int:
        """Index in ``layers`` of compute layer ``number``. NetworkError for a number not there."""
        following = self.first_layer
        for position, layer in enumerate(self.layers):
            if not isinstance(layer, MaxPoolLayer):
                if following == number:
                    return position
                following += 1
        raise NetworkError(
            f"{self.name} has no layer {number}", choices=[found for found, _ in self.numbered()]
        )

    def label(self, position: int) -> str:
        """The name of ``layers[position]``, unlike any other's: ``conv3``, ``dense7``, ``pool3``.

        A pool is named after the layer before it; pools in a row are ``pool3``, ``pool3_2``, ...
        One before every numbered layer is ``pool``.
        """
        before = sum(not isinstance(layer, MaxPoolLayer) for layer in self.layers[:position])
        layer = self.layers[position]
        if isinstance(layer, MaxPoolLayer):
            after = self.first_layer + before - 1
            name, index = "pool" if after < 0 else f"pool{after}", 1
            while index <= position and isinstance(self.layers[position - index], MaxPoolLayer):
                index += 1
            return name if index == 1 else f"{name}_{index}"
        return f"{'conv' if isinstance(layer, ConvLayer) else 'dense'}{self.first_layer + before}"

    @property
    def output_shape(self) -> Shape:
        """Shape of the result for one image."""
        return self.shapes[-1]

    @property
    def output_type(self) -> IntegerType:
        """Type of the result's values."""
        return self.type_after(len(self.layers))

    def type_after(self, position: int) -> IntegerType:
        """The type of the tensor that enters ``layers[position]`` (or leaves the last layer)."""
        for layer in reversed(self.layers[:position]):
            if not isinstance(layer, MaxPoolLayer):
                return layer.output_type
        return self.input_type

    def accumulator_range(self, position: int) -> tuple[int, int]:
        """Least and greatest accumulator that compute layer ``layers[position]`` can reach."""
        layer = self.layers[position]
        if isinstance(layer, MaxPoolLayer):
            raise ValueError(f"{self.label(position)} has no accumulator")
        return accumulator_range(layer.weights, self.type_after(position), zero=_pads(layer))

    @cached_property
    def sha256(self) -> str:
        """Hash of everything that decides what the network computes (not of its names)."""
        digest = hashlib.sha256()
        digest.update(json.dumps(self.structure(), sort_keys=True).encode())
        for array in self.arrays().values():
            digest.update(np.ascontiguousarray(array, dtype="<i8").tobytes())
        if self.class_scores is not None:
            for scores in (self.class_scores.scale, self.class_scores.offset):
                digest.update(np.ascontiguousarray(scores, dtype="<f8").tobytes())
        return digest.hexdigest()

    def structure(self) -> dict[str, object]:
        """Everything but names and arrays, ready for JSON."""
        layers: list[dict[str, object]] = []
        for layer in self.layers:
            if isinstance(layer, MaxPoolLayer):
                layers.append({"kind": "pool", "kernel": layer.kernel, "stride": layer.stride})
                continue
            entry: dict[str, object] = {
                "kind": "conv" if isinstance(layer, ConvLayer) else "dense",
                "shape": list(layer.weights.shape),
                "weight_type": layer.weight_type.name,
                "output_type": layer.output_type.name,
                "thresholds": 0 if layer.thresholds is None else int(layer.thresholds.shape[1]),
            }
            if isinstance(layer, ConvLayer):
                entry.update(
                    stride=list(layer.stride), padding=list(layer.padding), groups=layer.groups
                )
            layers.append(entry)
        return {
            "input_shape": list(self.input_shape),
            "input_type": self.input_type.name,
            "first_layer": self.first_layer,
            "layers": layers,
        }

    def arrays(self) -> dict[str, NDArray[np.integer]]:
        """Every integer array by a stable name, in network order."""
        found: dict[str, NDArray[np.integer]] = {}
        if self.pixel_table is not None:
            found["pixel_table"] = self.pixel_table
        for position, layer in enumerate(self.layers):
            if isinstance(layer, MaxPoolLayer):
                continue
            found[f"{position}_weights"] = layer.weights
            if layer.thresholds is not None:
                found[f"{position}_thresholds"] = layer.thresholds
        return found

    # -- pictures -------------------------------------------------------------------------------

    def encode_pixels(self, pixels: NDArray[np.uint8]) -> NDArray[np.int32]:
        """What enters the first layer for uint8 pixels of shape ``(images, *input_shape)``."""
        if self.pixel_table is None:
            raise NetworkError(f"{self.name} does not start at the picture")
        if tuple(pixels.shape[1:]) != self.input_shape or pixels.dtype != np.uint8:
            raise NetworkError(
                f"pixels of shape {pixels.shape[1:]} and type {pixels.dtype}",
                expected=f"uint8 of shape {self.input_shape}",
            )
        channels = self.input_shape[-1]
        table = np.broadcast_to(self.pixel_table, (channels, 256))
        return table[np.arange(channels), pixels].astype(np.int32)

    def scores(self, logits: NDArray[np.integer]) -> NDArray[np.float64]:
        """Class scores, float64, of the network's results, both ``(images, *output_shape)``."""
        if self.class_scores is None:
            return logits.astype(np.float64)
        return logits * self.class_scores.scale + self.class_scores.offset

    def renamed(self, name: str) -> Network:
        """The same network under another name."""
        return replace(self, name=name)

    # -- checks ---------------------------------------------------------------------------------

    def _checked_shapes(self) -> Iterator[Shape]:
        if len(self.input_shape) not in (1, 3) or min(self.input_shape) < 1:
            raise NetworkError(
                f"input shape {self.input_shape}",
                expected="(height, width, channels) or (features,)",
            )
        shape = self.input_shape
        yield shape
        for position, layer in enumerate(self.layers):
            shape = self._shape_after(position, layer, shape)
            if not isinstance(layer, MaxPoolLayer):
                self._check_compute_layer(position, layer)
            yield shape

    def _shape_after(self, position: int, layer: Layer, shape: Shape) -> Shape:
        label = self.label(position)
        if isinstance(layer, DenseLayer):
            if layer.weights.ndim != 2 or layer.weights.shape[1] != int(np.prod(shape)):
                raise NetworkError(
                    f"{label} has weights of shape {layer.weights.shape}",
                    expected=f"(features, {int(np.prod(shape))}) after a tensor of shape {shape}",
                )
            return (int(layer.weights.shape[0]),)
        if len(shape) != 3:
            raise NetworkError(f"{label} follows a fully connected layer", expected="an image")
        height, width, channels = shape
        if isinstance(layer, MaxPoolLayer):
            kernel = (layer.kernel, layer.kernel)
            stride, padding, channels_out = (layer.stride, layer.stride), (0, 0), channels
        else:
            if layer.groups not in (1, channels):
                raise NetworkError(
                    f"{label} has {layer.groups} groups", choices=sorted({1, channels})
                )
            if layer.weights.ndim != 4 or layer.weights.shape[3] != channels // layer.groups:
                raise NetworkError(
                    f"{label} has weights of shape {layer.weights.shape}",
                    expected=f"(channels, height, width, {channels // layer.groups})",
                )
            kernel, stride, padding = layer.kernel, layer.stride, layer.padding
            channels_out = layer.output_channels
        rows = (height + 2 * padding[0] - kernel[0]) // stride[0] + 1
        columns = (width + 2 * padding[1] - kernel[1]) // stride[1] + 1
        if rows < 1 or columns < 1:
            raise NetworkError(
                f"the {kernel[0]}x{kernel[1]} window of {label} does not fit "
                f"a {height}x{width} image"
            )
        return rows, columns, channels_out

    def _check_compute_layer(self, position: int, layer: ComputeLayer) -> None:
        label = self.label(position)
        weight_type = layer.weight_type
        low, high = int(layer.weights.min()), int(layer.weights.max())
        if low < weight_type.minimum or high > weight_type.maximum:
            raise NetworkError(
                f"{label} has weights from {low} to {high}", expected=weight_type.name
            )
        if weight_type.is_bipolar and not layer.weights.all():
            raise NetworkError(f"{label} has a weight of 0", expected="-1 or +1")
        if _pads(layer) and self.type_after(position).is_bipolar:
            raise NetworkError(
                f"{label} pads a bipolar image with zeros, which bipolar cannot hold"
            )
        least, greatest = self.accumulator_range(position)
        if max(-least, greatest) >= 2**31:
            raise NetworkError(
                f"{label} accumulates from {least} to {greatest}", expected="values of 32 bits"
            )
        if layer.thresholds is None:
            if least < layer.output_type.minimum or greatest > layer.output_type.maximum:
                raise NetworkError(
                    f"{label} accumulates from {least} to {greatest}",
                    expected=f"values of {layer.output_type.name}",
                )
            if position != len(self.layers) - 1:
                raise NetworkError(f"{label} has no thresholds but is not the last layer")
            return
        expected = (layer.output_channels, layer.output_type.threshold_count)
        if layer.thresholds.shape != expected:
            raise NetworkError(
                f"{label} has thresholds of shape {layer.thresholds.shape}",
                expected=f"{expected} for {layer.output_type.name}",
            )
        if (np.diff(layer.thresholds, axis=1) < 0).any():
            channel = int(np.argwhere(np.diff(layer.thresholds, axis=1) < 0)[0, 0])
            raise NetworkError(f"thresholds of {label}, channel {channel}, are not ascending")

    def _check_classes(self) -> None:
        outputs = self.output_shape[-1]
        if len(self.class_names) not in (0, outputs):
            raise NetworkError(
                f"{self.name} has {len(self.class_names)} class names for {outputs} outputs",
                expected=f"{outputs}, or none",
            )
        if self.class_scores is None:
            return
        for what in ("scale", "offset"):
            shape = getattr(self.class_scores, what).shape
            if shape != (outputs,):
                raise NetworkError(
                    f"the {what} of the class scores of {self.name} has shape {shape}",
                    expected=f"({outputs},), one for each output",
                )

    def _check_pixel_table(self, table: NDArray[np.int64]) -> None:
        if table.shape not in ((1, 256), (self.input_shape[-1], 256)):
            raise NetworkError(
                f"pixel table of shape {table.shape}", expected="(1 or channels, 256)"
            )
        if table.min() < self.input_type.minimum or table.max() > self.input_type.maximum:
            raise NetworkError(
                f"pixel table holds {table.min()}..{table.max()}",
                expected=self.input_type.name,
            )


def accumulator_range(
    weights: NDArray[np.integer], input_type: IntegerType, *, zero: bool = False
) -> tuple[int, int]:
    """Least and greatest dot product of any output channel with inputs of ``input_type``.

    ``weights``: output channel first. With ``zero`` the input may also be 0 (padding), which
    matters only where 0 is not between the type's bounds.
    """
    least, greatest = accumulator_range_per_channel(weights, input_type, zero=zero)
    return int(least.min()), int(greatest.max())


def accumulator_range_per_channel(
    weights: NDArray[np.integer], input_type: IntegerType, *, zero: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """As :func:`accumulator_range`, for each output channel: two int64 arrays (channels,)."""
    flat = weights.reshape(weights.shape[0], -1).astype(np.int64)
    positive, negative = np.maximum(flat, 0).sum(axis=1), np.minimum(flat, 0).sum(axis=1)
    low = min(input_type.minimum, 0) if zero else input_type.minimum
    high = max(input_type.maximum, 0) if zero else input_type.maximum
    return positive * low + negative * high, positive * high + negative * low


def clamp_thresholds(
    thresholds: NDArray[np.int64],
    weights: NDArray[np.integer],
    input_type: IntegerType,
    *,
    zero: bool = False,
) -> NDArray[np.int64]:
    """Thresholds with everything outside the reachable accumulators moved to their edge.

    A threshold at or below the least accumulator always counts, one above the greatest never does;
    each has one canonical value, so that equal functions have equal integers and narrow memories.
    """
    least, greatest = accumulator_range_per_channel(weights, input_type, zero=zero)
    return np.clip(thresholds, least[:, None], greatest[:, None] + 1)


def _pads(layer: ComputeLayer) -> bool:
    return isinstance(layer, ConvLayer) and layer.padding != (0, 0)
