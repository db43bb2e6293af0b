"""QONNX -> canonical integer network.

Takes any feed-forward chain of convolution, pooling and fully connected layers with quantised
weights and activations, as Brevitas exports it. What lies between the accumulator of one layer and
the input of the next (batch normalisation, scales, biases, ReLU, quantisers) is, per channel, a
monotone function of an integer: the integer thresholds that stand for it are found by bisecting
that very function, evaluated node by node as qonnx does. The graph's input is a picture in [0, 1],
pixel / 255 in float32; whatever stands before the first layer becomes the pixel table.

A channel whose function falls gets its weights negated (acc -> -acc); behind a max-pool that comes
before a falling function, the activation is negated instead, and the next layer's weights with it.

With scales that are powers of two (the BNN-PYNQ models, fixed-point quantisers) the integers give
what the graph gives, bit for bit. With others, float32 sums depend on the order of summation; the
integers then stand for the exact sum, scaled and rounded once.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dse.errors import DseError, NetworkError, NetworkFileError
from finn_flows.integer_type import IntegerType
from finn_flows.network import ClassScores, Layer, MaxPoolLayer, Network, Shape
from finn_flows.onnx_chain import OnnxChain
from finn_flows.onnx_file import load_onnx, onnx_fault
from finn_flows.onnx_node import attributes, node_label
from finn_flows.qonnx_scores import (
    detach_affine_end,
    scores_of_accumulators,
    scores_of_activations,
)
from finn_flows.qonnx_segment import (
    ELEMENTWISE,
    QUANTISING,
    Accumulators,
    Activation,
    Pixels,
    Segment,
)
from finn_flows.qonnx_weights import quantised_weights

if TYPE_CHECKING:
    import onnx

CLASS_NAMES_KEY = "class_names"  # in the model's metadata: a JSON list

_PASSED_OVER = ("Cast", "Dropout", "Identity")
_AVERAGE_POOLS = ("AveragePool", "GlobalAveragePool", "ReduceMean")
_LAYERS = ("Conv", "Gemm", "MatMul", "MaxPool", *_AVERAGE_POOLS)
_STRUCTURE = ("Flatten", "Reshape", "Squeeze", "Transpose")
#: Behind the last layer they change no order of classes, so the scores are those before them.
_LAST = ("LogSoftmax", "Softmax")
SUPPORTED_OPERATORS = tuple(sorted((*ELEMENTWISE, *_PASSED_OVER, *_LAYERS, *_STRUCTURE, *_LAST)))


def import_qonnx(source: Path | str | onnx.ModelProto, name: str | None = None) -> Network:
    """The network in a QONNX file or model.

    ``name`` defaults to the name of the file or of the graph. Raises NetworkFileError, naming the
    file, if it is not a sound ONNX file or lacks its external data, which is looked for in the
    file's folder only; NetworkError, naming the node, the operator and what would
    be supported, if the graph is not a chain that integers can carry.
    """
    if not isinstance(source, str | Path):
        return _Importer(source).network(name or source.graph.name or "network")
    path = Path(source)
    model = load_onnx(path)
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
        # A file with wrong bytes in it can break anything; the checker of ONNX says whether it is
        # one. If not, the error is a bug of ours and must not look like the file's.
        fault = onnx_fault(model)
        if fault is None:
            raise
        raise NetworkFileError(f"not a sound ONNX model: {fault}", where=path) from error


class _Importer:
    def __init__(self, model: onnx.ModelProto) -> None:
        self._chain = OnnxChain(model)
        self._metadata = {entry.key: entry.value for entry in model.metadata_props}
        self._layers: list[Layer] = []
        self._pixel_table: NDArray[np.int64] | None = None
        self._input_type: IntegerType | None = None
        self._class_scores: ClassScores | None = None
        self._batch, self._shape, self._axes = self._input_layout()
        self._input_shape = self._shape
        self._flattened_from: tuple[Shape, str] | None = None
        self._softmax: onnx.NodeProto | None = None
        source = Pixels(self._shape[-1], self._takes_whole_pixels())
        self._segment = Segment(self._chain, source)

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

    def _takes_whole_pixels(self) -> bool:
        annotation = self._chain.annotation(self._chain.input_name)
        if annotation not in (None, "FLOAT32", "UINT8"):
            raise NetworkError(
                f"the graph's input is annotated {annotation}",
                choices=["FLOAT32 (a picture in [0, 1])", "UINT8 (pixels)"],
            )
        return annotation == "UINT8"

    def _class_names(self) -> tuple[str, ...]:
        text = self._metadata.get(CLASS_NAMES_KEY, "[]")
        try:
            names = json.loads(text)
        except json.JSONDecodeError as error:
            raise NetworkError(
                f"the model's metadata {CLASS_NAMES_KEY!r} is not JSON: {error}",
                expected="a list of names",
            ) from error
        if not isinstance(names, list):
            raise NetworkError(
                f"the model's metadata {CLASS_NAMES_KEY!r} is {text}", expected="a list of names"
            )
        return tuple(str(name) for name in names)

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
        if self._softmax is not None and kind not in (*_PASSED_OVER, *_STRUCTURE):
            raise NetworkError(
                f"{node_label(node)} follows {node_label(self._softmax)}",
                expected="a softmax at the very end, or none",
            )
        if kind in ELEMENTWISE:
            self._take_elementwise(node)
        elif kind == "MaxPool":
            self._take_max_pool(node)
        elif kind == "Conv":
            self._take_conv(node)
        elif kind in ("Gemm", "MatMul"):
            self._take_dense(node)
        elif kind in _AVERAGE_POOLS:
            self._take_average_pool(node)
        elif kind in _LAST:
            self._take_softmax(node)
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
        self._segment.add_step(node, self._axes)

    def _take_max_pool(self, node: onnx.NodeProto) -> None:
        kernel, stride, padding = self._window(node)
        if kernel[0] != kernel[1] or stride[0] != stride[1] or padding != (0, 0):
            raise NetworkError(
                f"{node_label(node)} has kernel {kernel}, stride {stride}, padding {padding}",
                expected="a square window, equal strides, no padding",
            )
        self._segment.add_pool(MaxPoolLayer(kernel[0], stride[0]), node)
        self._shape = (*self._window_count(node, kernel, stride, padding), self._shape[2])

    def _take_conv(self, node: onnx.NodeProto) -> None:
        label = node_label(node)
        _, stride, padding = self._window(node)
        entering = self._close_segment(node)
        weights = quantised_weights(self._chain, node.input[1], label)
        if weights.integers.ndim != 4:
            raise NetworkError(f"{label} is not two-dimensional", expected="weights of 4 axes")
        weights = weights.transposed((0, 2, 3, 1))
        groups = int(attributes(node).get("group", 1))
        channels, rows, columns, _ = weights.integers.shape
        signs = entering.signs
        if groups > 1 and len(signs) > 1:  # depthwise: each output channel reads one input channel
            signs = np.repeat(signs, channels // groups)[:, None, None, None]
        self._open_segment(
            Accumulators(
                node,
                weights.integers * signs,
                weights.type,
                weights.channel_scale(label) * entering.unit,
                self._bias(node, 1.0),
                entering.type,
                stride,
                padding,
                groups,
            )
        )
        self._shape = (
            *self._window_count(node, (int(rows), int(columns)), stride, padding),
            int(channels),
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
        entering = self._close_segment(node)
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
        signs = np.tile(entering.signs, integers.shape[1] // len(entering.signs))
        self._open_segment(
            Accumulators(
                node,
                integers * signs,
                weights.type,
                weights.channel_scale(label) * entering.unit * float(options.get("alpha", 1.0)),
                self._bias(node, float(options.get("beta", 1.0))),
                entering.type,
            )
        )
        self._shape, self._flattened_from = (int(integers.shape[0]),), None

    def _take_average_pool(self, node: onnx.NodeProto) -> None:
        if node.op_type != "AveragePool":
            self._check_averages_image(node)
            kernel, stride, padding = (self._shape[0], self._shape[1]), (1, 1), (0, 0)
        else:
            kernel, stride, padding = self._window(node)
        if padding != (0, 0):
            raise NetworkError(
                f"{node_label(node)} pads", expected="an average pool without padding"
            )
        if not self._segment.is_quantised:
            raise NetworkError(
                f"{node_label(node)} averages values that are not quantised",
                expected="a quantiser before and behind it",
            )
        entering = self._close_segment(node)
        channels = self._shape[2]
        ones = np.ones((channels, *kernel, 1), dtype=np.int64)
        self._open_segment(
            Accumulators(
                node,
                ones * entering.signs[:, None, None, None],
                IntegerType.bipolar(),
                np.full(channels, entering.unit / math.prod(kernel)),
                None,
                entering.type,
                stride,
                (0, 0),
                channels,
            )
        )
        self._shape = (*self._window_count(node, kernel, stride, padding), channels)
        if node.op_type == "ReduceMean" and not attributes(node).get("keepdims", 1):
            self._flatten()

    def _check_averages_image(self, node: onnx.NodeProto) -> None:
        """NetworkError unless ``node`` averages all pixels of an image, channel by channel."""
        rank = len(self._axes)
        if node.op_type == "GlobalAveragePool":
            axes = list(range(2, rank))
        else:
            axes = attributes(node).get("axes", [])  # an input since opset 18
            if len(node.input) > 1 and node.input[1]:
                axes = self._chain.constant(node.input[1]).reshape(-1).tolist()
        averaged = sorted(self._axes[axis] for axis in axes if -rank <= axis < rank)
        if averaged != ["h", "w"]:
            raise NetworkError(
                f"{node_label(node)} averages {self._axes} over axes {axes}",
                expected="the height and width of an image",
            )

    def _take_softmax(self, node: onnx.NodeProto) -> None:
        axis = attributes(node).get("axis", -1 if self._chain.opset >= 13 else 1)
        classes = self._axes.index("f" if self._axes == "nf" else "c")
        if axis not in (classes, classes - len(self._axes)):
            raise NetworkError(
                f"{node_label(node)} works on axis {axis} of {self._axes}", expected="the classes"
            )
        if self._flattened_from is not None and math.prod(self._shape[:-1]) != 1:
            raise NetworkError(
                f"{node_label(node)} works on a flattened image of {self._shape}",
                expected="one value for each class",
            )
        self._softmax = node

    def _take_structure(self, node: onnx.NodeProto) -> None:
        options = attributes(node)
        if node.op_type == "Transpose":
            order = list(options.get("perm", range(len(self._axes))[::-1]))
            fits = sorted(order) == list(range(len(self._axes)))
            axes = "".join(self._axes[axis] for axis in order) if fits else ""
            if axes not in ("nchw", "nhwc", "nf"):
                raise NetworkError(
                    f"{node_label(node)} turns {self._axes} by {order}",
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

    def _open_segment(self, source: Accumulators) -> None:
        self._segment = Segment(self._chain, source)

    def _close_segment(self, before: onnx.NodeProto) -> Activation:
        """Append what the segment is; returns what enters ``before``."""
        segment = self._segment
        pools = [pool for _, pool, _ in segment.pools]
        if isinstance(segment.source, Pixels):
            self._pixel_table, activation = segment.pixel_table()
            self._input_type = activation.type
            self._layers.extend(pools)
            return activation
        if not segment.is_quantised:
            raise NetworkError(
                f"between {node_label(segment.source.node)} and {node_label(before)} "
                "nothing is quantised",
                choices=QUANTISING,
            )
        layer, activation = segment.activation_layer(f"what enters {node_label(before)}")
        self._layers.extend([layer, *pools])
        return activation

    def _finish(self) -> None:
        """Close the last segment, at the graph's result."""
        segment, source = self._segment, self._segment.source
        pools = [pool for _, pool, _ in segment.pools]
        if isinstance(source, Pixels):
            raise NetworkError("the graph has no layer", choices=("Conv", "Gemm", "MatMul"))
        if segment.is_quantised:
            end = detach_affine_end(segment)
            layer, activation = segment.activation_layer("the result")
            if activation.negated is not None:
                raise NetworkError("the result comes from a max-pool before a falling function")
            self._layers.extend([layer, *pools])
            self._class_scores = scores_of_activations(
                self._chain, end, activation.unit, source.channels
            )
            return
        if pools:
            raise NetworkError(
                f"{node_label(segment.pools[0][2])} pools values that are not quantised",
                choices=QUANTISING,
            )
        self._layers.append(source.layer(None, self._accumulator_type(source)))
        self._class_scores = scores_of_accumulators(self._chain, segment)

    def _accumulator_type(self, source: Accumulators) -> IntegerType:
        """The annotated type of the last accumulators if there is one that holds them."""
        lows, highs = source.reachable()
        least, greatest = int(lows.min()), int(highs.max())
        annotation = self._chain.annotation(source.node.output[0])
        if annotation is not None and annotation.startswith(("INT", "UINT")):
            annotated = IntegerType.parse(annotation)
            if annotated.minimum <= least and greatest <= annotated.maximum:
                return annotated
        return IntegerType.covering(least, greatest)
