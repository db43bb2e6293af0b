"""The canonical network as standard ONNX, for onnxruntime and anything else that reads ONNX.

Input and result hold integers: ``input`` is int8 (or int16 where 8 bits do not hold it), shape
(N, *input_shape), channel last, what :meth:`Network.encode_pixels` or the wire gives; ``output`` is
int8 for a part's activations or int32 for accumulators, shape (N, *output_shape). Inside, values
are float32, in which every integer up to 2**24 is exact. An accumulator that may go beyond is
float64: a matrix product as such, a convolution (which onnxruntime has in float32 only) as a sum of
convolutions with the digits of the weights, each of which stays below 2**24.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dse.errors import NetworkError
from finn_flows.integer_type import IntegerType
from finn_flows.network import (
    ComputeLayer,
    ConvLayer,
    DenseLayer,
    MaxPoolLayer,
    Network,
    accumulator_range,
)

if TYPE_CHECKING:
    import onnx
    import onnxruntime

OPSET = 21  # the newest that the pinned onnxruntime executes and onnx's checker knows
#: float32 holds every integer up to here.
EXACT_FLOAT32 = 2**24


def export_standard_onnx(network: Network) -> onnx.ModelProto:
    """A checked ONNX model that computes exactly ``network``, for any batch size N."""
    import onnx
    from onnx import TensorProto, helper

    writer = _Writer()
    tensor = "input"
    if network.layers:  # the empty part behind the last cut passes its input on as it is
        tensor = writer.add("Cast", [tensor], to=TensorProto.FLOAT)
    channel_first = False
    for position, layer in enumerate(network.layers):
        label = network.label(position)
        wants_channel_first = not isinstance(layer, DenseLayer)
        if len(network.shapes[position]) == 3 and channel_first != wants_channel_first:
            tensor = writer.transpose(tensor, wants_channel_first)
            channel_first = wants_channel_first
        if isinstance(layer, MaxPoolLayer):
            tensor = writer.add(
                "MaxPool",
                [tensor],
                kernel_shape=[layer.kernel] * 2,
                strides=[layer.stride] * 2,
            )
            continue
        wide = _widest(network, position) >= EXACT_FLOAT32
        tensor = _weights_node(writer, network, position, tensor, wide)
        if layer.thresholds is not None:
            tensor = _activation(writer, layer, label, tensor, wide)
    if channel_first:
        tensor = writer.transpose(tensor, False)
    result_type = _element_type(network.output_type)
    writer.nodes.append(helper.make_node("Cast", [tensor], ["output"], to=result_type))
    graph = helper.make_graph(
        writer.nodes,
        network.name,
        [
            helper.make_tensor_value_info(
                "input", _element_type(network.input_type), ["N", *network.input_shape]
            )
        ],
        [helper.make_tensor_value_info("output", result_type, ["N", *network.output_shape])],
        writer.parameters,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="split-dse",
        ir_version=10,  # the newest that the pinned onnxruntime reads
    )
    helper.set_model_props(
        model,
        {
            "network": network.name,
            "network_sha256": network.sha256,
            "input_type": network.input_type.name,
            "output_type": network.output_type.name,
        },
    )
    onnx.checker.check_model(model)
    return model


def _widest(network: Network, position: int) -> int:
    """Greatest magnitude that is added up or compared; a threshold may be one past the range."""
    least, greatest = network.accumulator_range(position)
    return max(-least, greatest) + 1


class OnnxRuntimeNetwork:
    """A network, or a part, in onnxruntime. ``threads``: worker threads (a board has few)."""

    def __init__(self, network: Network, threads: int = 1) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.network = network
        self._session: onnxruntime.InferenceSession = onnxruntime.InferenceSession(
            export_standard_onnx(network).SerializeToString(),
            options,
            providers=["CPUExecutionProvider"],
        )
        self._input_dtype = _numpy_type(network.input_type)

    def run(self, tensor: NDArray[np.integer]) -> NDArray[np.int32]:
        """Integers (images, *input_shape) to int32 (images, *output_shape)."""
        if tuple(tensor.shape[1:]) != self.network.input_shape:
            raise NetworkError(
                f"{self.network.name} was given images of shape {tuple(tensor.shape[1:])}",
                expected=f"{self.network.input_shape}",
            )
        result = self._session.run(None, {"input": tensor.astype(self._input_dtype)})[0]
        return np.asarray(result, dtype=np.int32)


class _Writer:
    """Collects nodes and parameters."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.parameters: list[onnx.TensorProto] = []

    def add(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        from onnx import helper

        result = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [result], **attributes))
        return result

    def parameter(self, name: str, values: NDArray[np.generic]) -> str:
        from onnx import numpy_helper

        self.parameters.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def transpose(self, tensor: str, to_channel_first: bool) -> str:
        return self.add(
            "Transpose", [tensor], perm=[0, 3, 1, 2] if to_channel_first else [0, 2, 3, 1]
        )


def _weights_node(writer: _Writer, network: Network, position: int, tensor: str, wide: bool) -> str:
    """Accumulators of a layer: float32, or float64 if ``wide``."""
    from onnx import TensorProto

    layer, label = network.layers[position], network.label(position)
    assert not isinstance(layer, MaxPoolLayer)
    if isinstance(layer, DenseLayer):
        if len(network.shapes[position]) == 3:
            tensor = writer.add("Flatten", [tensor], axis=1)
        if wide:
            tensor = writer.add("Cast", [tensor], to=TensorProto.DOUBLE)
        kind = np.float64 if wide else np.float32
        weights = writer.parameter(f"{label}_weights", layer.weights.T.astype(kind))
        return writer.add("MatMul", [tensor, weights])
    if not wide:
        return _convolution(writer, layer, f"{label}_weights", layer.weights, tensor)
    terms = []
    for index, (digit, place) in enumerate(_digits(network, position)):
        product = _convolution(writer, layer, f"{label}_digit{index}", digit, tensor)
        product = writer.add("Cast", [product], to=TensorProto.DOUBLE)
        factor = writer.parameter(f"{label}_place{index}", np.array(place, dtype=np.float64))
        terms.append(writer.add("Mul", [product, factor]))
    return writer.add("Sum", terms)


def _convolution(
    writer: _Writer,
    layer: ConvLayer,
    name: str,
    weights: NDArray[np.integer],
    tensor: str,
) -> str:
    parameter = writer.parameter(name, weights.transpose(0, 3, 1, 2).astype(np.float32))
    return writer.add(
        "Conv",
        [tensor, parameter],
        kernel_shape=list(layer.kernel),
        strides=list(layer.stride),
        pads=[*layer.padding, *layer.padding],
        group=layer.groups,
    )


def _digits(network: Network, position: int) -> list[tuple[NDArray[np.integer], int]]:
    """Weights as ``sum(digit * place)``, each digit's accumulator below 2**24.

    Digits are those of the magnitude in a base of a power of two, with the weight's sign. Raises
    NetworkError where even single bits add up to more.
    """
    layer = network.layers[position]
    assert isinstance(layer, ConvLayer)
    input_type = network.type_after(position)
    magnitude = np.abs(layer.weights.astype(np.int64))
    sign = np.sign(layer.weights).astype(np.int64)
    for bits in range(int(magnitude.max()).bit_length(), 0, -1):
        base = 1 << bits
        count = -(-int(magnitude.max()).bit_length() // bits)
        digits = [(sign * (magnitude // base**index % base), base**index) for index in range(count)]
        reach = (accumulator_range(digit, input_type, zero=True) for digit, _ in digits)
        if all(max(-least, greatest) < EXACT_FLOAT32 for least, greatest in reach):
            return digits
    raise NetworkError(
        f"{network.label(position)} of {network.name} adds up too many wide values for onnxruntime",
        choices=["--engine integer"],
    )


def _activation(writer: _Writer, layer: ComputeLayer, label: str, tensor: str, wide: bool) -> str:
    """minimum + step * sum over thresholds of (accumulator >= threshold).

    On integers that comparison is clip(accumulator - threshold + 1, 0, 1); a run of thresholds that
    follow each other by one in every channel is a single clip. Subtraction and clip are the
    quickest way onnxruntime has (no boolean tensor, no cast).
    """
    from onnx import TensorProto

    assert layer.thresholds is not None
    kind = np.float64 if wide else np.float32
    zero = writer.parameter(f"{label}_zero", np.array(0, dtype=kind))
    extra = (1, 1) if isinstance(layer, ConvLayer) else ()
    steps: list[str] = []
    for index in range(layer.thresholds.shape[1]):
        one = writer.parameter(f"{label}_one{index}", np.array(1, dtype=kind))
        offset = writer.parameter(
            f"{label}_offset{index}",
            (1 - layer.thresholds[:, index]).astype(kind).reshape(-1, *extra),
        )
        steps.append(writer.add("Clip", [writer.add("Add", [tensor, offset]), zero, one]))
    counted = steps[0] if len(steps) == 1 else writer.add("Sum", steps)
    output_type = layer.output_type
    if output_type.step != 1:
        step = writer.parameter(f"{label}_step", np.array(output_type.step, dtype=kind))
        counted = writer.add("Mul", [counted, step])
    if output_type.minimum != 0:
        least = writer.parameter(f"{label}_minimum", np.array(output_type.minimum, dtype=kind))
        counted = writer.add("Add", [counted, least])
    return writer.add("Cast", [counted], to=TensorProto.FLOAT) if wide else counted


def _numpy_type(integer_type: IntegerType) -> np.dtype[Any]:
    for candidate in (np.int8, np.uint8, np.int16, np.int32):
        limits = np.iinfo(candidate)
        if limits.min <= integer_type.minimum and integer_type.maximum <= limits.max:
            return np.dtype(candidate)
    raise NetworkError(f"{integer_type.name} does not fit 32 bits")


def _element_type(integer_type: IntegerType) -> int:
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(_numpy_type(integer_type)))
