"""Canonical integer network -> QONNX.

The graph takes a picture in [0, 1] (pixel / 255, float32, NCHW, one picture) and computes exactly
the integers of the network: every scale in it is 1. Weights are floats behind Quant or BipolarQuant
nodes. An activation with one or two thresholds is a BatchNormalization and a quantiser, which is
what a trainer would have left there; one with more thresholds is a MultiThreshold node.
The tensor ``logits`` holds the last accumulators; class scores, if the network has them, follow it
in float32.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from finn_flows.batch_norm import GREATEST_MAGNITUDE, MOST_STEPS, batch_norm_of
from finn_flows.integer_type import IntegerType
from finn_flows.network import (
    ComputeLayer,
    ConvLayer,
    DenseLayer,
    MaxPoolLayer,
    Network,
    Shape,
)
from finn_flows.qonnx_import import CLASS_NAMES_KEY

if TYPE_CHECKING:
    import onnx

QONNX_DOMAIN = "qonnx.custom_op.general"
_OPSET = 13
_IR_VERSION = 8


def export_qonnx(network: Network) -> onnx.ModelProto:
    """``network`` as a checked QONNX model that qonnx executes to the same integers.

    Input ``image``: float32 (1, channels, height, width) or (1, features). The input of a part that
    does not start at the picture is integers, annotated with their type. Imported again, the model
    gives a network of the same sha256, if thresholds are canonical (``clamp_thresholds``) and class
    scores are float32 values.
    """
    builder = _Graph()
    tensor = builder.input("image", _nchw(network.input_shape), network)
    if network.pixel_table is not None:
        tensor = _pixel_quantiser(builder, tensor, network, network.pixel_table)
    for position, layer in enumerate(network.layers):
        label, shape = network.label(position), network.shapes[position]
        out_shape = _nchw(network.shapes[position + 1])
        if isinstance(layer, MaxPoolLayer):
            tensor = builder.add(
                "MaxPool",
                [tensor],
                label,
                out_shape,
                kernel_shape=[layer.kernel] * 2,
                strides=[layer.stride] * 2,
            )
            continue
        last = position == len(network.layers) - 1 and layer.thresholds is None
        result = "logits" if last else f"{label}_accumulators"
        tensor = _compute(builder, tensor, layer, label, result, shape, out_shape)
        if layer.thresholds is None:
            builder.annotate(tensor, layer.output_type)
        else:
            tensor = _activation(builder, tensor, network, position, layer, out_shape)
    if network.class_scores is not None:
        out_shape = _nchw(network.output_shape)
        for operator, values in (
            ("Mul", network.class_scores.scale),
            ("Add", network.class_scores.offset),
        ):
            parameter = builder.parameter(
                f"score_{operator.lower()}", _per_channel(values, out_shape)
            )
            tensor = builder.add(operator, [tensor, parameter], f"score_{operator}", out_shape)
    return builder.model(network, tensor, _nchw(network.output_shape))


def _compute(
    builder: _Graph,
    tensor: str,
    layer: ComputeLayer,
    label: str,
    result: str,
    shape: Shape,
    out_shape: list[int],
) -> str:
    if isinstance(layer, ConvLayer):
        weights = builder.weights(label, layer.weights.transpose(0, 3, 1, 2), layer.weight_type)
        return builder.add(
            "Conv",
            [tensor, weights],
            result,
            out_shape,
            name=label,
            kernel_shape=list(layer.kernel),
            strides=list(layer.stride),
            pads=[*layer.padding, *layer.padding],
            dilations=[1, 1],
            group=layer.groups,
        )
    assert isinstance(layer, DenseLayer)
    matrix = layer.weights
    if len(shape) == 3:
        tensor = builder.add("Flatten", [tensor], f"{label}_input", [1, matrix.shape[1]], axis=1)
        # The graph flattens (channel, row, column), the network (row, column, channel).
        matrix = matrix.reshape(-1, *shape).transpose(0, 3, 1, 2).reshape(len(matrix), -1)
    weights = builder.weights(label, matrix.T, layer.weight_type)
    return builder.add("MatMul", [tensor, weights], result, out_shape, name=label)


def _activation(
    builder: _Graph,
    tensor: str,
    network: Network,
    position: int,
    layer: ComputeLayer,
    shape: list[int],
) -> str:
    label, kind, thresholds = network.label(position), layer.output_type, layer.thresholds
    assert thresholds is not None
    reach = max(abs(bound) for bound in network.accumulator_range(position))
    greatest = max(reach, int(np.abs(thresholds).max()))
    if kind.threshold_count > MOST_STEPS or greatest > GREATEST_MAGNITUDE:
        return builder.multi_threshold(tensor, thresholds.astype(np.float64), kind, label, shape)
    norm = batch_norm_of(thresholds, kind)
    parameters = [
        builder.parameter(f"{label}_{what}", values)
        for what, values in (
            ("gamma", norm.gamma),
            ("beta", norm.beta),
            ("mean", norm.mean),
            ("variance", np.ones(len(thresholds))),
        )
    ]
    normalised = builder.add(
        "BatchNormalization", [tensor, *parameters], f"{label}_normalised", shape, epsilon=0.0
    )
    return builder.quantiser(normalised, kind, label, shape)


def _pixel_quantiser(
    builder: _Graph, image: str, network: Network, table: NDArray[np.int64]
) -> str:
    """Nodes that turn the picture into the integers of ``table`` (1 or channels, 256)."""
    shape, kind = _nchw(network.input_shape), network.input_type
    straight = None if kind.is_bipolar else _straight_line(table, kind)
    if straight is not None:
        factor, summand = (
            builder.parameter(f"pixel_{i}", np.float32(v)) for i, v in enumerate(straight)
        )
        scaled = builder.add("Mul", [image, factor], "pixel_scaled", shape)
        moved = builder.add("Add", [scaled, summand], "pixel_moved", shape)
        return builder.quantiser(moved, kind, "pixel", shape)
    levels = kind.minimum + kind.step * np.arange(1, kind.threshold_count + 1)
    # The first pixel at each level (256: none), then half a pixel below it.
    first = (table[:, None, :] < levels[None, :, None]).sum(axis=2)
    return builder.multi_threshold(image, (first - 0.5) / 255, kind, "pixel", shape)


def _straight_line(table: NDArray[np.int64], kind: IntegerType) -> tuple[float, float] | None:
    """Factor and summand whose rounded, clipped line is ``table``, if a simple one is."""
    if len(table) != 1:
        return None
    pixels = np.arange(256, dtype=np.float32) / np.float32(255)
    span, start = int(table[0, -1] - table[0, 0]), int(table[0, 0])
    for factor in (span, span + 1):
        line = pixels * np.float32(factor) + np.float32(start)
        if (np.rint(np.clip(line, kind.minimum, kind.maximum)) == table[0]).all():
            return float(factor), float(start)
    return None


def _nchw(shape: Shape) -> list[int]:
    return [1, shape[2], shape[0], shape[1]] if len(shape) == 3 else [1, shape[0]]


def _per_channel(values: NDArray[Any], shape: list[int]) -> NDArray[Any]:
    return values.reshape(1, -1, *[1] * (len(shape) - 2))


class _Graph:
    """An ONNX graph being written."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._parameters: dict[str, onnx.TensorProto] = {}
        self._values: dict[str, onnx.ValueInfoProto] = {}
        self._annotations: dict[str, str] = {}
        self._input: onnx.ValueInfoProto | None = None

    def input(self, name: str, shape: list[int], network: Network) -> str:
        import onnx

        self._input = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        if network.pixel_table is None:
            self.annotate(name, network.input_type)
        return name

    def annotate(self, tensor: str, kind: IntegerType) -> None:
        """Say in QONNX's way which integers ``tensor`` holds."""
        self._annotations[tensor] = kind.qonnx_name

    def parameter(self, name: str, values: Any) -> str:
        import onnx

        array = np.asarray(values, dtype=np.float32)
        self._parameters[name] = onnx.numpy_helper.from_array(array, name)
        return name

    def add(
        self,
        operator: str,
        inputs: list[str],
        result: str,
        shape: list[int],
        *,
        domain: str = "",
        name: str | None = None,
        **options: Any,
    ) -> str:
        import onnx

        self._nodes.append(
            onnx.helper.make_node(
                operator, inputs, [result], name=name or result, domain=domain, **options
            )
        )
        self._values[result] = onnx.helper.make_tensor_value_info(
            result, onnx.TensorProto.FLOAT, shape
        )
        return result

    def weights(self, label: str, values: NDArray[np.integer], kind: IntegerType) -> str:
        floats = self.parameter(f"{label}_weights", np.ascontiguousarray(values))
        return self.quantiser(floats, kind, f"{label}_weights", list(values.shape))

    def quantiser(self, tensor: str, kind: IntegerType, label: str, shape: list[int]) -> str:
        result = f"{label}_quantised"
        one = self.parameter("one", 1.0)
        if kind.is_bipolar:
            return self.add("BipolarQuant", [tensor, one], result, shape, domain=QONNX_DOMAIN)
        zero, bits = self.parameter("zero", 0.0), self.parameter(f"bits_{kind.bits}", kind.bits)
        return self.add(
            "Quant",
            [tensor, one, zero, bits],
            result,
            shape,
            domain=QONNX_DOMAIN,
            signed=int(kind.is_signed),
            narrow=int(kind.name.startswith("NARROW")),
            rounding_mode="ROUND",
        )

    def multi_threshold(
        self,
        tensor: str,
        thresholds: NDArray[np.float64],
        kind: IntegerType,
        label: str,
        shape: list[int],
    ) -> str:
        """``thresholds``: (channels or 1, steps)."""
        return self.add(
            "MultiThreshold",
            [tensor, self.parameter(f"{label}_thresholds", thresholds)],
            f"{label}_quantised",
            shape,
            domain=QONNX_DOMAIN,
            out_dtype=kind.qonnx_name,
            out_scale=float(kind.step),
            out_bias=float(kind.minimum),
            data_layout="NCHW" if len(shape) == 4 else "NC",
        )

    def model(self, network: Network, result: str, shape: list[int]) -> onnx.ModelProto:
        import onnx

        assert self._input is not None
        output = onnx.helper.make_tensor_value_info(result, onnx.TensorProto.FLOAT, shape)
        graph = onnx.helper.make_graph(
            self._nodes,
            network.name,
            [self._input],
            [output],
            list(self._parameters.values()),
            value_info=[value for name, value in self._values.items() if name != result],
        )
        for tensor, datatype in self._annotations.items():
            pair = onnx.StringStringEntryProto(key="finn_datatype", value=datatype)
            graph.quantization_annotation.append(
                onnx.TensorAnnotation(tensor_name=tensor, quant_parameter_tensor_names=[pair])
            )
        opsets = [onnx.helper.make_opsetid("", _OPSET), onnx.helper.make_opsetid(QONNX_DOMAIN, 1)]
        model = onnx.helper.make_model(graph, producer_name="split-dse", opset_imports=opsets)
        model.ir_version = _IR_VERSION
        if network.class_names:
            names = json.dumps(list(network.class_names))
            onnx.helper.set_model_props(model, {CLASS_NAMES_KEY: names})
        # QONNX's own operators are unknown to the checker, which passes over them.
        onnx.checker.check_model(model, full_check=True)
        return model
