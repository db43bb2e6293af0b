"""Small QONNX graphs with branches, made node by node."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

CUSTOM = "qonnx.custom_op.general"
#: Of activations: a power of two, so that what the graph computes in float is exact.
SCALE = 0.25


class ResidualGraph:
    """Collects nodes; every method returns the name of the tensor that it makes."""

    def __init__(self, seed: int = 0, size: int = 6, channels: int = 2) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.parameters: list[onnx.TensorProto] = []
        self.inputs = [("picture", (1, channels, size, size))]
        self._random = np.random.default_rng(seed)

    def parameter(self, values: NDArray[Any] | float) -> str:
        name = f"parameter{len(self.parameters)}"
        array = np.asarray(values, dtype=np.float32)
        self.parameters.append(numpy_helper.from_array(array, name))
        return name

    def add(self, operator: str, inputs: list[str], domain: str = "", **attributes: Any) -> str:
        result = f"{operator.lower()}{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(
                operator,
                inputs,
                [result],
                name=f"node{len(self.nodes)}",
                domain=domain,
                **attributes,
            )
        )
        return result

    def quantise(self, tensor: str, bits: int = 3, scale: float = SCALE) -> str:
        """Unsigned, behind a ReLU."""
        settings = [self.parameter(value) for value in (scale, 0.0, float(bits))]
        options = {"signed": 0, "narrow": 0, "rounding_mode": "ROUND"}
        return self.add("Quant", [self.add("Relu", [tensor]), *settings], CUSTOM, **options)

    def convolve(
        self, tensor: str, inputs: int, outputs: int, kernel: int = 3, stride: int = 1
    ) -> str:
        """3-bit weights, padded to the same size (stride 1), quantised behind."""
        weights = self._random.integers(-3, 4, size=(outputs, inputs, kernel, kernel)) * 0.125
        settings = [self.parameter(value) for value in (0.125, 0.0, 3.0)]
        quantised = self.add(
            "Quant",
            [self.parameter(weights), *settings],
            CUSTOM,
            signed=1,
            narrow=1,
            rounding_mode="ROUND",
        )
        pad = kernel // 2
        made = self.add(
            "Conv",
            [tensor, quantised],
            kernel_shape=[kernel] * 2,
            strides=[stride] * 2,
            pads=[pad] * 4,
        )
        return self.quantise(made)

    def classify(self, tensor: str, features: int, classes: int = 3) -> str:
        """Flattened, fully connected, not quantised behind."""
        weights = self._random.integers(-3, 4, size=(features, classes)) * 0.125
        settings = [self.parameter(value) for value in (0.125, 0.0, 3.0)]
        quantised = self.add(
            "Quant",
            [self.parameter(weights), *settings],
            CUSTOM,
            signed=1,
            narrow=1,
            rounding_mode="ROUND",
        )
        return self.add("MatMul", [self.add("Flatten", [tensor]), quantised])

    def model(self, result: str, *more: str) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "residual",
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
                for name, shape in self.inputs
            ],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
                for name in (result, *more)
            ],
            self.parameters,
        )
        opsets = [helper.make_opsetid("", 13), helper.make_opsetid(CUSTOM, 2)]
        return helper.make_model(graph, opset_imports=opsets)


def residual_model(seed: int = 0) -> onnx.ModelProto:
    """conv0; a block with an identity (conv1, conv2); one with a stride (conv3, conv4 beside
    conv5); dense6. Two channels of 6x6 become four, then eight of 3x3."""
    graph = ResidualGraph(seed)
    entered = graph.convolve("picture", 2, 4)
    branch = graph.convolve(graph.convolve(entered, 4, 4), 4, 4)
    first = graph.quantise(graph.add("Add", [branch, entered]))
    branch = graph.convolve(graph.convolve(first, 4, 8, stride=2), 8, 8)
    beside = graph.convolve(first, 4, 8, kernel=1, stride=2)
    second = graph.quantise(graph.add("Add", [branch, beside]))
    return graph.model(graph.classify(second, 8 * 3 * 3))
