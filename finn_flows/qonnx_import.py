"""QONNX -> canonical integer network.

Takes any feed-forward chain of convolution, pooling and fully connected layers with quantised
weights and activations, as Brevitas exports it. What lies between the accumulator of one layer and
the input of the next (batch normalisation, scales, biases, ReLU, quantisers) is, per channel, a
monotone function of an integer: the integer thresholds that stand for it are found by bisecting
that very function, evaluated node by node as qonnx does. The graph's input is a picture in [0, 1],
pixel / 255 in float32; whatever stands before the first layer becomes the pixel table.

A channel whose function falls gets its weights negated (acc -> -acc); behind a max-pool that comes
before a falling function, the activation is negated instead, and the next layer's weights with it.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dse.errors import DseError, NetworkError, NetworkFileError
from finn_flows.integer_type import IntegerType
from finn_flows.network import (
    ClassScores,
    ConvLayer,
    DenseLayer,
    Layer,
    MaxPoolLayer,
    Network,
    Shape,
    accumulator_range_per_channel,
)
from finn_flows.onnx_chain import OnnxChain
from finn_flows.onnx_node import attributes, node_label
from finn_flows.qonnx_weights import quantised_weights
from finn_flows.threshold_search import find_thresholds

if TYPE_CHECKING:
    import onnx

CLASS_NAMES_KEY = "class_names"  # in the model's metadata: a JSON list

_QUANTISING = ("Quant", "IntQuant", "BipolarQuant", "MultiThreshold", "Sign")
#: Each does not decrease, or does not increase, in its data input, channel by channel.
_ELEMENTWISE = (
    "Add",
    "BatchNormalization",
    "Clip",
    "Div",
    "Mul",
    "Neg",
    "Relu",
    "Sub",
    *_QUANTISING,
)
_PASSED_OVER = ("Cast", "Dropout", "Identity")
_LAYERS = ("Conv", "Gemm", "MatMul", "AveragePool", "GlobalAveragePool", "MaxPool")
_STRUCTURE = ("Flatten", "Reshape", "Squeeze", "Transpose")
SUPPORTED_OPERATORS = tuple(sorted((*_ELEMENTWISE, *_PASSED_OVER, *_LAYERS, *_STRUCTURE)))

_MOST_LEVELS = 4096  # of an activation: 12 bits


def import_qonnx(source: Path | str | onnx.ModelProto, name: str | None = None) -> Network:
    """The network in a QONNX file or model.

    ``name`` defaults to the name of the file or of the graph. Raises NetworkFileError, naming the
    file, if it is not a whole ONNX file; NetworkError, naming the node, the operator and what would
    be supported, if the graph is not a chain that integers can carry.
    """
    if not isinstance(source, str | Path):
        return _Importer(source).network(name or source.graph.name or "network")
    path = Path(source)
    model = _load(path)
    try:
        return _Importer(model).network(name or path.stem)
    except DseError as error:
        raise NetworkError(
            error.message,
            where=error.where or path,
            expected=error.expected,
            choices=error.choices,
        ) from error
    except Exception as error:
        # Every sound file is covered above; what is left is a file with wrong bytes in it.
        raise NetworkFileError(
            f"not a whole ONNX file ({type(error).__name__}: {error})", where=path
        ) from error


def _load(path: Path) -> onnx.ModelProto:
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load_from_string(path.read_bytes())
    except OSError as error:
        raise NetworkFileError(f"cannot read: {error.strerror or error}", where=path) from error
    except (DecodeError, ValueError) as error:
        raise NetworkFileError(
            f"not an ONNX file ({error})", where=path, expected="a QONNX model"
        ) from error
    if not model.graph.node:
        raise NetworkFileError("holds no ONNX graph", where=path, expected="a QONNX model")
    return model


@dataclass
class _Pixels:
    """The source of the first segment: pixel values 0 to 255, as the graph's input sees them."""

    channels: int
    scale: float  # what one step of the pixel is at the graph's input

    def values(self, points: NDArray[np.int64]) -> NDArray[np.float32]:
        if self.scale == 1.0:
            return points.astype(np.float32)
        return points.astype(np.float32) / np.float32(255)


@dataclass
class _Accumulators:
    """The source of a later segment: the accumulators of one compute layer.

    ``weights``: canonical layout. One accumulator step is worth ``scale`` (per channel), and
    ``bias`` is added to it, in float32 as the graph does.
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

    @property
    def channels(self) -> int:
        return int(self.weights.shape[0])

    def values(self, points: NDArray[np.int64]) -> NDArray[np.float32]:
        value = (points * self.scale).astype(np.float32)
        return value if self.bias is None else value + self.bias

    def reachable(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return accumulator_range_per_channel(
            self.weights, self.input_type, zero=self.padding != (0, 0)
        )

    def negate(self, channels: NDArray[np.bool_]) -> None:
        sign = np.where(channels, -1, 1)
        self.weights = self.weights * sign.reshape(-1, *[1] * (self.weights.ndim - 1))
        self.scale = self.scale * sign
        self.weight_type = _holding(self.weight_type, self.weights)

    def layer(self, thresholds: NDArray[np.int64] | None, output_type: IntegerType) -> Layer:
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


@dataclass
class _Segment:
    """What follows a source up to the next compute layer: element-wise steps, pools between them.

    A step is a node and the axes its data has there; a pool stands before step ``index``.
    """

    source: _Pixels | _Accumulators
    steps: list[tuple[onnx.NodeProto, str]] = field(default_factory=list)
    pools: list[tuple[int, MaxPoolLayer, onnx.NodeProto]] = field(default_factory=list)


class _Importer:
    def __init__(self, model: onnx.ModelProto) -> None:
        self._chain = OnnxChain(model)
        self._metadata = {entry.key: entry.value for entry in model.metadata_props}
        self._layers: list[Layer] = []
        self._pixel_table: NDArray[np.int64] | None = None
        self._input_type: IntegerType | None = None
        self._class_scores: ClassScores | None = None
        self._negated: NDArray[np.bool_] | None = None  # activations stored with the other sign
        self._batch, self._shape, self._axes = self._input_layout()
        self._input_shape = self._shape
        self._flattened_from: tuple[Shape, str] | None = None
        self._segment = _Segment(_Pixels(self._shape[-1], self._input_scale()))

    def network(self, name: str) -> Network:
        self._tell_shape(self._chain.input_name)
        for node in self._chain.nodes:
            self._take(node)
            self._tell_shape(node.output[0])
        self._finish()
        assert self._input_type is not None
        return Network(
            name=name,
            input_shape=self._input_shape,
            input_type=self._input_type,
            layers=tuple(self._layers),
            pixel_table=self._pixel_table,
            class_names=self._class_names(),
            class_scores=self._class_scores,
        )

    # -- the graph's input ----------------------------------------------------------------------

    def _input_layout(self) -> tuple[int, Shape, str]:
        sizes = self._chain.input_shape
        if len(sizes) not in (2, 4) or min(sizes[1:]) < 1:
            raise NetworkError(
                f"the graph's input {self._chain.input_name!r} has shape {sizes}",
                expected="(batch, channels, height, width) or (batch, features), sizes known",
            )
        batch = max(sizes[0], 1)
        if len(sizes) == 2:
            return batch, (sizes[1],), "nf"
        first = self._chain.nodes[0]
        if first.op_type == "Transpose" and attributes(first).get("perm") == [0, 3, 1, 2]:
            return batch, (sizes[1], sizes[2], sizes[3]), "nhwc"
        return batch, (sizes[2], sizes[3], sizes[1]), "nchw"

    def _input_scale(self) -> float:
        annotation = self._chain.annotation(self._chain.input_name)
        if annotation in (None, "FLOAT32"):
            return 1 / 255
        if annotation == "UINT8":
            return 1.0
        raise NetworkError(
            f"the graph's input is annotated {annotation}",
            choices=["FLOAT32 (a picture in [0, 1])", "UINT8 (pixels)"],
        )

    def _class_names(self) -> tuple[str, ...]:
        text = self._metadata.get(CLASS_NAMES_KEY)
        return () if text is None else tuple(str(entry) for entry in json.loads(text))

    def _tell_shape(self, tensor: str) -> None:
        if self._axes == "nf":
            shape: Shape = (self._batch, math.prod(self._shape))
        elif self._axes == "nchw":
            shape = (self._batch, self._shape[2], *self._shape[:2])
        else:
            shape = (self._batch, *self._shape)
        self._chain.know_shape(tensor, shape)

    # -- node by node ---------------------------------------------------------------------------

    def _take(self, node: onnx.NodeProto) -> None:
        kind = node.op_type
        if kind in _ELEMENTWISE:
            self._take_elementwise(node)
        elif kind == "MaxPool":
            self._take_max_pool(node)
        elif kind == "Conv":
            self._take_conv(node)
        elif kind in ("Gemm", "MatMul"):
            self._take_dense(node)
        elif kind in ("AveragePool", "GlobalAveragePool"):
            self._take_average_pool(node)
        elif kind in _STRUCTURE:
            self._take_structure(node)
        elif kind not in _PASSED_OVER:
            raise NetworkError(f"{node_label(node)} is not supported", choices=SUPPORTED_OPERATORS)

    def _take_elementwise(self, node: onnx.NodeProto) -> None:
        data_first = not self._chain.is_constant(node.input[0])
        swappable = node.op_type in ("Add", "Mul", "Sub")
        if not data_first and not swappable:
            raise NetworkError(
                f"{node_label(node)} takes the computed data as its second input",
                expected="a parameter there",
            )
        self._segment.steps.append((node, self._axes))

    def _take_max_pool(self, node: onnx.NodeProto) -> None:
        kernel, stride, padding = self._window(node)
        if kernel[0] != kernel[1] or stride[0] != stride[1] or padding != (0, 0):
            raise NetworkError(
                f"{node_label(node)} has kernel {kernel}, stride {stride}, padding {padding}",
                expected="a square window, equal strides, no padding",
            )
        pool = MaxPoolLayer(kernel[0], stride[0])
        self._segment.pools.append((len(self._segment.steps), pool, node))
        self._shape = (*self._window_count(node, kernel, stride, padding), self._shape[2])

    def _take_conv(self, node: onnx.NodeProto) -> None:
        label = node_label(node)
        _, stride, padding = self._window(node)
        act_scale, input_type = self._close_segment(node)
        weights = quantised_weights(self._chain, node.input[1], label)
        if weights.integers.ndim != 4:
            raise NetworkError(f"{label} is not two-dimensional", expected="weights of 4 axes")
        weights = weights.transposed((0, 2, 3, 1))
        groups = int(attributes(node).get("group", 1))
        integers = weights.integers
        if self._negated is not None:
            flips = np.where(self._negated, -1, 1)
            if groups == 1:
                integers = integers * flips
            else:
                per_channel = np.repeat(flips, integers.shape[0] // groups)
                integers = integers * per_channel[:, None, None, None]
        kernel = (int(integers.shape[1]), int(integers.shape[2]))
        self._open_segment(
            _Accumulators(
                node,
                integers,
                _holding(weights.type, integers),
                weights.channel_scale(label) * act_scale,
                self._bias(node, 1.0),
                input_type,
                stride,
                padding,
                groups,
            )
        )
        self._shape = (
            *self._window_count(node, kernel, stride, padding),
            int(integers.shape[0]),
        )

    def _take_dense(self, node: onnx.NodeProto) -> None:
        label = node_label(node)
        options = attributes(node)
        if not self._chain.is_constant(node.input[1]) or options.get("transA", 0):
            raise NetworkError(
                f"{label} multiplies the weights with the data from the left",
                expected="data x weights",
            )
        if self._axes != "nf":
            raise NetworkError(f"{label} works on an image", expected="a Flatten before it")
        act_scale, input_type = self._close_segment(node)
        weights = quantised_weights(self._chain, node.input[1], label)
        if weights.integers.ndim != 2:
            raise NetworkError(f"{label} has weights of {weights.integers.ndim} axes", expected="2")
        if not options.get("transB", 0):
            weights = weights.transposed((1, 0))
        integers = weights.integers
        if integers.shape[1] != math.prod(self._shape):
            raise NetworkError(
                f"{label} takes {integers.shape[1]} features", expected=str(math.prod(self._shape))
            )
        if self._flattened_from is not None:
            (height, width, channels), axes = self._flattened_from
            if axes == "nchw":
                integers = integers.reshape(-1, channels, height, width)
                integers = integers.transpose(0, 2, 3, 1).reshape(len(integers), -1)
        if self._negated is not None:
            flips = np.where(self._negated, -1, 1)
            integers = integers * np.tile(flips, integers.shape[1] // len(flips))
        self._open_segment(
            _Accumulators(
                node,
                integers,
                _holding(weights.type, integers),
                weights.channel_scale(label) * act_scale * float(options.get("alpha", 1.0)),
                self._bias(node, float(options.get("beta", 1.0))),
                input_type,
            )
        )
        self._shape, self._flattened_from = (int(integers.shape[0]),), None

    def _take_average_pool(self, node: onnx.NodeProto) -> None:
        if node.op_type == "GlobalAveragePool":
            kernel, stride, padding = (self._shape[0], self._shape[1]), (1, 1), (0, 0)
        else:
            kernel, stride, padding = self._window(node)
        if padding != (0, 0):
            raise NetworkError(
                f"{node_label(node)} pads", expected="an average pool without padding"
            )
        if not any(step.op_type in _QUANTISING for step, _ in self._segment.steps):
            raise NetworkError(
                f"{node_label(node)} averages values that are not quantised",
                expected="a quantiser before and behind it",
            )
        act_scale, input_type = self._close_segment(node)
        channels = self._shape[2]
        ones = np.ones((channels, *kernel, 1), dtype=np.int64)
        if self._negated is not None:
            ones *= np.where(self._negated, -1, 1)[:, None, None, None]
        self._open_segment(
            _Accumulators(
                node,
                ones,
                IntegerType.bipolar(),
                np.full(channels, act_scale / math.prod(kernel)),
                None,
                input_type,
                stride,
                (0, 0),
                channels,
            )
        )
        self._shape = (*self._window_count(node, kernel, stride, padding), channels)

    def _take_structure(self, node: onnx.NodeProto) -> None:
        options = attributes(node)
        if node.op_type == "Transpose":
            order = list(options.get("perm", range(len(self._axes)))[::1])
            axes = "".join(self._axes[axis] for axis in order) if "perm" in options else ""
            if axes not in ("nchw", "nhwc", "nf"):
                raise NetworkError(
                    f"{node_label(node)} turns {self._axes} by {options.get('perm')}",
                    choices=["NCHW to NHWC", "NHWC to NCHW"],
                )
            self._axes = axes
            return
        if node.op_type == "Flatten" and options.get("axis", 1) == 1:
            self._flatten()
            return
        if node.op_type == "Reshape":
            target = [int(size) for size in self._chain.constant(node.input[1])]
            features = math.prod(self._shape)
            if len(target) == 2 and target[1] in (-1, features):
                self._flatten()
                return
            if self._axes == "nchw" and target[1:] == [self._shape[2], *self._shape[:2]]:
                return
            what = f"reshapes {self._axes} {self._shape} to {target}"
        elif node.op_type == "Squeeze" and self._shape[:-1] == (1, 1):
            self._flatten()
            return
        else:
            what = f"changes the shape {self._axes} {self._shape}"
        raise NetworkError(
            f"{node_label(node)} {what}", expected="an image flattened to (batch, features)"
        )

    def _flatten(self) -> None:
        if self._axes != "nf":
            self._flattened_from = (self._shape, self._axes)
            self._axes = "nf"

    # -- windows and biases ---------------------------------------------------------------------

    def _window(
        self, node: onnx.NodeProto
    ) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        """Kernel, stride and padding, each (vertical, horizontal)."""
        if self._axes != "nchw":
            raise NetworkError(
                f"{node_label(node)} works on {self._axes}", expected="an NCHW image"
            )
        options = attributes(node)
        kernel = options.get("kernel_shape")
        if kernel is None:
            kernel = list(self._chain.constant(node.input[1]).shape[2:])
        stride, pads = options.get("strides", [1, 1]), options.get("pads", [0, 0, 0, 0])
        if len(kernel) != 2 or len(stride) != 2 or len(pads) != 4:
            raise NetworkError(f"{node_label(node)} is not two-dimensional")
        if options.get("auto_pad", "NOTSET") == "VALID":
            pads = [0, 0, 0, 0]
        elif options.get("auto_pad", "NOTSET") != "NOTSET":
            raise NetworkError(
                f"{node_label(node)} has auto_pad {options['auto_pad']}",
                choices=["NOTSET", "VALID"],
            )
        if pads[:2] != pads[2:]:
            raise NetworkError(
                f"{node_label(node)} has padding {pads}", expected="symmetric padding"
            )
        if any(step != 1 for step in options.get("dilations", [1, 1])):
            raise NetworkError(
                f"{node_label(node)} has dilations {options['dilations']}", expected="1"
            )
        return (kernel[0], kernel[1]), (stride[0], stride[1]), (pads[0], pads[1])

    def _window_count(
        self,
        node: onnx.NodeProto,
        kernel: tuple[int, int],
        stride: tuple[int, int],
        padding: tuple[int, int],
    ) -> tuple[int, int]:
        spare = [self._shape[i] + 2 * padding[i] - kernel[i] for i in range(2)]
        if min(spare) < 0:
            raise NetworkError(
                f"the {kernel[0]}x{kernel[1]} window of {node_label(node)} does not fit "
                f"a {self._shape[0]}x{self._shape[1]} image"
            )
        if attributes(node).get("ceil_mode", 0) and any(spare[i] % stride[i] for i in range(2)):
            raise NetworkError(
                f"{node_label(node)} has ceil_mode and windows over the edge",
                expected="ceil_mode 0",
            )
        return spare[0] // stride[0] + 1, spare[1] // stride[1] + 1

    def _bias(self, node: onnx.NodeProto, factor: float) -> NDArray[np.float32] | None:
        if len(node.input) < 3 or not node.input[2] or factor == 0:
            return None
        return (self._chain.constant(node.input[2]).reshape(-1) * np.float32(factor)).astype(
            np.float32
        )

    # -- segments -------------------------------------------------------------------------------

    def _open_segment(self, source: _Accumulators) -> None:
        self._negated = None
        self._segment = _Segment(source)

    def _run(self, values: NDArray[np.float32], start: int, stop: int) -> NDArray[np.float32]:
        """Steps ``start`` to ``stop`` of the segment on float32 (points, channels)."""
        for node, axes in self._segment.steps[start:stop]:
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

    def _function(self, points: NDArray[np.int64], stop: int | None = None) -> NDArray[np.float32]:
        """The segment up to step ``stop`` on integers of the source, (points, channels)."""
        last = len(self._segment.steps) if stop is None else stop
        values = self._run(self._segment.source.values(points), 0, last)
        if not np.isfinite(values).all():
            where = node_label(self._segment.steps[last - 1][0]) if last else "the first node"
            raise NetworkError(f"{where} gives values that are not finite (a damaged parameter?)")
        return values

    def _possible_values(self) -> NDArray[np.float32] | None:
        """Every value the segment can give, (values, channels); None if nothing quantises it."""
        channels, last = self._segment.source.channels, len(self._segment.steps)
        for index, (node, _) in enumerate(self._segment.steps):
            if node.op_type == "MultiThreshold":
                options = attributes(node)
                counts = np.arange(self._chain.constant(node.input[1]).shape[1] + 1)
                given = counts * options.get("out_scale", 1.0) + options.get("out_bias", 0.0)
                values = np.repeat(given[:, None], channels, axis=1)
                return self._run(values.astype(np.float32), index + 1, last)
            if node.op_type in _QUANTISING:
                probes = self._probes(node)
                values = np.broadcast_to(probes, (len(probes), channels))
                return self._run(values.astype(np.float32), index, last)
        return None

    def _probes(self, node: onnx.NodeProto) -> NDArray[np.float64]:
        """Values, (points, channels or 1), at which a quantiser gives each of its results."""
        if node.op_type in ("BipolarQuant", "Sign"):
            return np.array([[-1.0], [0.0], [1.0]])
        scale = self._chain.constant(node.input[1]).astype(np.float64).reshape(1, -1)
        zero = self._chain.constant(node.input[2]).astype(np.float64).reshape(1, -1)
        bits = float(self._chain.constant(node.input[3]).reshape(-1)[0])
        if not 1 <= bits <= math.log2(_MOST_LEVELS):
            raise NetworkError(
                f"{node_label(node)} quantises an activation to {bits:g} bits",
                expected=f"1 to {int(math.log2(_MOST_LEVELS))}",
            )
        codes = np.arange(-(2 ** math.ceil(bits - 1)) - 1, 2 ** math.ceil(bits) + 1)
        return (codes[:, None] - zero) * scale

    def _close_segment(self, before: onnx.NodeProto) -> tuple[float, IntegerType]:
        """Make thresholds (or the pixel table); returns what one integer is worth, and its type."""
        possible = self._possible_values()
        source = self._segment.source
        if isinstance(source, _Pixels):
            return self._close_pixels(source, possible)
        if possible is None:
            raise NetworkError(
                f"between {node_label(source.node)} and {node_label(before)} nothing is quantised",
                choices=_QUANTISING,
            )
        unit = _unit(possible, f"what enters {node_label(before)}")
        kind = _smallest_type(np.unique(np.rint(possible / unit).astype(np.int64)))
        self._close_accumulators(source, unit, kind)
        return unit, kind

    def _close_pixels(
        self, source: _Pixels, possible: NDArray[np.float32] | None
    ) -> tuple[float, IntegerType]:
        points = np.repeat(np.arange(256)[:, None], source.channels, axis=1)
        values = self._function(points)
        if possible is None:
            possible = values
        unit = _unit(possible, "the picture that enters the first layer")
        kind = _smallest_type(np.unique(np.rint(possible / unit).astype(np.int64)))
        table = np.rint(values / unit).astype(np.int64)
        for index, _, node in self._segment.pools:
            rises = np.diff(self._function(points, index), axis=0) >= 0
            if not (rises.all() and (np.diff(table, axis=0) >= 0).all()):
                raise NetworkError(
                    f"{node_label(node)} works on the picture, which enters with falling values",
                    expected="max-pool behind the quantiser, or values that rise with the pixel",
                )
        same = (table == table[:, :1]).all()
        self._pixel_table = np.ascontiguousarray((table[:, :1] if same else table).T)
        self._input_type = kind
        self._layers.extend(pool for _, pool, _ in self._segment.pools)
        return unit, kind

    def _close_accumulators(self, source: _Accumulators, unit: float, kind: IntegerType) -> None:
        least, greatest = source.reachable()
        ends = np.stack([least, greatest])

        def direction(values: NDArray[np.floating]) -> NDArray[np.floating]:
            return np.sign(values[1] - values[0])

        slope = direction(np.rint(self._function(ends) / unit))
        negated = np.zeros(source.channels, dtype=bool)
        for index, _, node in self._segment.pools:
            # A max-pool is taken on the activations here; legal if what follows it does not fall.
            behind = slope * direction(self._function(ends, index))
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
            return sign * np.rint(self._function(points) / unit).astype(np.int64)

        levels = kind.minimum + kind.step * np.arange(1, kind.threshold_count + 1)
        thresholds = find_thresholds(activation, least, greatest, levels)
        self._layers.append(source.layer(thresholds, kind))
        self._layers.extend(pool for _, pool, _ in self._segment.pools)
        self._negated = negated if negated.any() else None

    def _finish(self) -> None:
        """Close the last segment, at the graph's result."""
        source = self._segment.source
        if isinstance(source, _Pixels):
            raise NetworkError("the graph has no layer", choices=("Conv", "Gemm", "MatMul"))
        possible = self._possible_values()
        if possible is not None:
            unit = _unit(possible, "the result")
            kind = _smallest_type(np.unique(np.rint(possible / unit).astype(np.int64)))
            self._close_accumulators(source, unit, kind)
            if self._negated is not None:
                raise NetworkError("the result comes from a max-pool before a falling function")
            return
        if self._segment.pools:
            raise NetworkError(
                f"{node_label(self._segment.pools[0][2])} pools values that are not quantised",
                choices=_QUANTISING,
            )
        least, greatest = (int(bound) for bound in _bounds(source))
        kind = IntegerType.covering(least, greatest)
        annotation = self._chain.annotation(source.node.output[0])
        if annotation is not None and annotation.startswith(("INT", "UINT")):
            annotated = IntegerType.parse(annotation)
            if annotated.minimum <= least and greatest <= annotated.maximum:
                kind = annotated
        self._layers.append(source.layer(None, kind))
        self._class_scores = self._affine_scores(source)

    def _affine_scores(self, source: _Accumulators) -> ClassScores | None:
        scale = source.scale.copy()
        offset = np.zeros(source.channels) if source.bias is None else source.bias.astype(float)
        for node, axes in self._segment.steps:
            factor, summand = self._affine_step(node, axes, source.channels)
            scale, offset = scale * factor, offset * factor + summand
        # The graph's own precision; more would only be noise of this composition.
        scale, offset = (values.astype(np.float32).astype(float) for values in (scale, offset))
        if (scale == 1).all() and (offset == 0).all():
            return None
        return ClassScores(scale, offset + 0.0)  # no negative zeros

    def _affine_step(
        self, node: onnx.NodeProto, axes: str, channels: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Factor and summand of each channel."""

        def parameter(name: str) -> NDArray[np.float64]:
            shape = {"nf": (1, channels), "nchw": (1, channels, 1, 1), "nhwc": (1, 1, 1, channels)}
            value = self._chain.constant(name).astype(np.float64)
            try:
                return np.broadcast_to(value, shape[axes]).reshape(channels)
            except ValueError as error:
                raise NetworkError(
                    f"{node_label(node)} has a parameter of shape {value.shape}",
                    expected=f"one per tensor or per channel ({channels})",
                ) from error

        one, zero = np.ones(channels), np.zeros(channels)
        kind = node.op_type
        if kind == "Neg":
            return -one, zero
        if kind == "BatchNormalization":
            gamma, beta, mean, variance = (
                self._chain.constant(name).astype(np.float64) for name in node.input[1:5]
            )
            factor = gamma / np.sqrt(variance + attributes(node).get("epsilon", 1e-5))
            return factor, beta - mean * factor
        if kind in ("Add", "Sub", "Mul", "Div"):
            data_first = not self._chain.is_constant(node.input[0])
            value = parameter(node.input[1] if data_first else node.input[0])
            if kind == "Add":
                return one, value
            if kind == "Sub":
                return (one, -value) if data_first else (-one, value)
            return (value, zero) if kind == "Mul" else (1 / value, zero)
        raise NetworkError(
            f"{node_label(node)} follows the last layer",
            choices=("Add", "BatchNormalization", "Div", "Mul", "Neg", "Sub", *_QUANTISING),
        )


def _bounds(source: _Accumulators) -> tuple[int, int]:
    least, greatest = source.reachable()
    return int(least.min()), int(greatest.max())


def _unit(values: NDArray[np.floating], what: str) -> float:
    """What one step is worth if ``values`` are whole multiples of it; else NetworkError."""
    magnitudes = np.abs(values.astype(np.float64))
    greatest = float(magnitudes.max())
    present = magnitudes[magnitudes > greatest * 1e-6]
    if not present.size or not np.isfinite(greatest):
        raise NetworkError(f"{what} is always 0 or not finite")
    steps = np.rint(greatest / present.min())
    unit = greatest / steps
    if steps > 2 * _MOST_LEVELS or np.abs(values / unit - np.rint(values / unit)).max() > 0.02:
        raise NetworkError(
            f"{what} is not whole numbers times one scale",
            expected="a quantiser with zero point 0, one scale per tensor and no offset behind it",
        )
    return float(unit)


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
