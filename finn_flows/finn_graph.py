"""The canonical network as a FINN-ONNX graph, the starting point of FINN's flow.

Building the graph from the integers (rather than converting a trained float graph) keeps every
value of a tensor equal to the value the datatype annotation promises: FINN's conversion of a float
graph leaves the activation of CnvW2A2's layer 5 as {0, 1, 2} annotated INT2, which 2-bit packing
would corrupt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dse.errors import NetworkError
from finn_flows.integer_type import IntegerType
from finn_flows.network import ConvLayer, DenseLayer, MaxPoolLayer, Network

if TYPE_CHECKING:
    import onnx
    from qonnx.core.modelwrapper import ModelWrapper

INPUT = "global_in"
OUTPUT = "global_out"


def build_finn_graph(network: Network) -> ModelWrapper:
    """Conv, MaxPool, MatMul and MultiThreshold nodes computing exactly ``network``.

    Input ``global_in``: float32 holding integers, (1, *input_shape), channel last, annotated with
    the QONNX datatype. A network that starts with a fully connected layer takes its picture already
    flat, (1, features). Output ``global_out``: (1, *output_shape), but channel first for an image.
    """
    from onnx import TensorProto, helper
    from qonnx.core.datatype import DataType
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.infer_shapes import InferShapes
    from qonnx.util.basic import qonnx_make_model

    if not network.layers:
        raise NetworkError(f"{network.name} has no layers", expected="at least one")
    builder = _GraphBuilder()
    tensor = INPUT
    input_shape = network.input_shape
    if isinstance(network.layers[0], DenseLayer):
        input_shape = (int(np.prod(input_shape)),)
    channel_first = False
    for position, layer in enumerate(network.layers):
        label = network.label(position)
        if isinstance(layer, DenseLayer):
            if channel_first:
                tensor = builder.add("Transpose", [tensor], perm=[0, 2, 3, 1])
                channel_first = False
            if position > 0 and len(network.shapes[position]) == 3:
                flat = builder.parameter(f"{label}_flat", np.array([1, -1], dtype=np.int64))
                tensor = builder.add("Reshape", [tensor, flat])
            weights = builder.parameter(f"{label}_weights", layer.weights.T.astype(np.float32))
            builder.datatypes[weights] = layer.weight_type.qonnx_name
            tensor = builder.add("MatMul", [tensor, weights])
        else:
            if not channel_first:
                tensor = builder.add("Transpose", [tensor], perm=[0, 3, 1, 2])
                channel_first = True
            tensor = _window_node(builder, label, layer, tensor)
        if not isinstance(layer, MaxPoolLayer) and layer.thresholds is not None:
            thresholds = builder.parameter(
                f"{label}_thresholds", layer.thresholds.astype(np.float32)
            )
            builder.datatypes[thresholds] = _threshold_type(layer.thresholds)
            tensor = builder.add(
                "MultiThreshold",
                [tensor, thresholds],
                domain="qonnx.custom_op.general",
                out_dtype=layer.output_type.qonnx_name,
                out_bias=float(layer.output_type.minimum),
                out_scale=float(layer.output_type.step),
            )
    result_shape = network.output_shape
    if channel_first:
        result_shape = (result_shape[2], *result_shape[:2])
    builder.rename_result(tensor, OUTPUT)
    graph = helper.make_graph(
        builder.nodes,
        network.name,
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [1, *input_shape])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [1, *result_shape])],
    )
    model = ModelWrapper(qonnx_make_model(graph))
    for name, values in builder.parameters.items():
        model.set_initializer(name, values)
    for name, datatype_name in builder.datatypes.items():
        model.set_tensor_datatype(name, DataType[datatype_name])
    model.set_tensor_datatype(INPUT, DataType[network.input_type.qonnx_name])
    return model.transform(InferShapes())


class _GraphBuilder:
    """Collects nodes, each on the result of earlier ones, and the parameters they name."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.parameters: dict[str, NDArray[np.generic]] = {}
        self.datatypes: dict[str, str] = {}

    def parameter(self, name: str, values: NDArray[np.generic]) -> str:
        self.parameters[name] = values
        return name

    def add(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        from onnx import helper

        # Not "tensor_<n>": qonnx renames to that, and trips over a name already taken.
        result = f"{operator.lower()}{len(self.nodes)}_out"
        self.nodes.append(helper.make_node(operator, inputs, [result], **attributes))
        return result

    def rename_result(self, tensor: str, name: str) -> None:
        self.nodes[-1].output[list(self.nodes[-1].output).index(tensor)] = name


def _window_node(
    builder: _GraphBuilder, label: str, layer: ConvLayer | MaxPoolLayer, tensor: str
) -> str:
    if isinstance(layer, MaxPoolLayer):
        return builder.add(
            "MaxPool",
            [tensor],
            kernel_shape=[layer.kernel] * 2,
            strides=[layer.stride] * 2,
            pads=[0, 0, 0, 0],
        )
    weights = builder.parameter(
        f"{label}_weights",
        np.ascontiguousarray(layer.weights.transpose(0, 3, 1, 2), dtype=np.float32),
    )
    builder.datatypes[weights] = layer.weight_type.qonnx_name
    return builder.add(
        "Conv",
        [tensor, weights],
        kernel_shape=list(layer.kernel),
        strides=list(layer.stride),
        pads=[*layer.padding, *layer.padding],
        group=layer.groups,
    )


def _threshold_type(thresholds: NDArray[np.int64]) -> str:
    return IntegerType.covering(int(thresholds.min()), int(thresholds.max())).qonnx_name
