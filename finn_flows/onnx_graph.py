"""An ONNX graph from one input to one result, and the values of its parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dse.errors import NetworkError
from finn_flows.onnx_node import NodeEvaluator, node_label

if TYPE_CHECKING:
    import onnx


#: Of QONNX's operators, which ONNX's checker does not know.
_LEAST_INPUTS = {"BipolarQuant": 2, "IntQuant": 4, "MultiThreshold": 2, "Quant": 4, "Trunc": 5}


class OnnxGraph:
    """What a graph computes of its input, and the value of every parameter.

    ``input_name`` and ``input_shape`` (a size that the file leaves open is 0) describe the graph's
    input, ``result_name`` its result; ``opset`` is the version of ONNX's operators. Raises
    NetworkError for several inputs or results, and for a result that no input decides.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.evaluate = NodeEvaluator(model)
        self.opset = self.evaluate.opset
        for node in model.graph.node:
            _check_input_count(node)
        self._graph = model.graph
        self._initializers = {tensor.name: tensor for tensor in model.graph.initializer}
        self._constants: dict[str, NDArray[Any]] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._producers = {name: node for node in model.graph.node for name in node.output if name}
        self.input_name, self.input_shape = self._the_input()
        if len(model.graph.output) != 1:
            names = [value.name for value in model.graph.output]
            raise NetworkError(f"the graph has {len(names)} results: {names}", expected="one")
        self.result_name = model.graph.output[0].name
        self._dynamic = self._depending_on_input()
        if self.result_name not in self._dynamic:
            raise NetworkError(f"the result {self.result_name!r} does not depend on the input")
        self._useful = self._leading_to_result()

    def annotation(self, tensor: str) -> str | None:
        """QONNX's datatype annotation of a tensor, such as ``INT2``, if it has one."""
        for entry in self._graph.quantization_annotation:
            if entry.tensor_name == tensor:
                for pair in entry.quant_parameter_tensor_names:
                    if pair.key == "finn_datatype":
                        return str(pair.value)
        return None

    def is_constant(self, tensor: str) -> bool:
        """Whether ``tensor`` is a parameter, or made of parameters alone."""
        return tensor not in self._dynamic

    def producer(self, tensor: str) -> onnx.NodeProto | None:
        """The node that makes ``tensor``; None for the input and for stored parameters."""
        return self._producers.get(tensor)

    def know_shape(self, tensor: str, shape: tuple[int, ...]) -> None:
        """Tell the shape of a tensor on the chain, for the ``Shape`` nodes that ask for it."""
        self._shapes[tensor] = shape

    def consumers(self, tensor: str) -> list[onnx.NodeProto]:
        """The nodes that read the data in ``tensor`` and lead to the result, in graph order."""
        return [
            node
            for node in self._reading(tensor)
            if any(name in self._useful for name in node.output)
        ]

    def nodes_on_data(self) -> list[onnx.NodeProto]:
        """The nodes that work on the data and lead to the result, in graph order.

        That is an order in which each finds what it reads, as ONNX demands of a file.
        """
        return [
            node
            for node in self._graph.node
            if node.op_type != "Shape"
            and self.computed_inputs(node)
            and any(name in self._useful for name in node.output)
        ]

    def computed_inputs(self, node: onnx.NodeProto) -> list[str]:
        """The inputs of ``node`` that are no parameters."""
        return [name for name in node.input if name in self._dynamic]

    def forks(self, tensor: str) -> bool:
        """Whether ``tensor`` is read more than once; to be the result counts as being read."""
        uses = sum(list(node.input).count(tensor) for node in self.consumers(tensor))
        return uses + (tensor == self.result_name) > 1

    def constant(self, tensor: str) -> NDArray[Any]:
        """The value of a parameter, worked out from other parameters if need be."""
        if tensor in self._constants:
            return self._constants[tensor]
        value = self._work_out(tensor)
        if value.dtype == np.float64:
            value = value.astype(np.float32)  # as qonnx's clean-up does
        self._constants[tensor] = value
        return value

    def _work_out(self, tensor: str) -> NDArray[Any]:
        import onnx

        if tensor in self._initializers:
            stored = self._initializers[tensor]
            if onnx.external_data_helper.uses_external_data(stored):
                # to_array would look for the file in the folder that dse was started from.
                raise NetworkError(
                    f"parameter {tensor!r} lies outside the model", expected="it to be loaded"
                )
            try:
                return np.asarray(onnx.numpy_helper.to_array(stored))
            except (ValueError, TypeError) as error:
                raise NetworkError(f"parameter {tensor!r} is damaged: {error}") from error
            except KeyError as error:
                raise NetworkError(
                    f"parameter {tensor!r} has the unknown element type {stored.data_type}"
                ) from error
        node = self._producers.get(tensor)
        if node is None:
            raise NetworkError(f"tensor {tensor!r} is used but never made")
        if node.op_type == "Shape" and node.input[0] in self._dynamic:
            if node.input[0] not in self._shapes:
                raise NetworkError(f"{node_label(node)} asks for the shape of a later tensor")
            return np.array(self._shapes[node.input[0]], dtype=np.int64)
        inputs = {name: self.constant(name) for name in node.input if name}
        return self.evaluate(node, inputs)

    def _the_input(self) -> tuple[str, tuple[int, ...]]:
        inputs = [v for v in self._graph.input if v.name not in self._initializers]
        if len(inputs) != 1:
            raise NetworkError(
                f"the graph has {len(inputs)} inputs: {[value.name for value in inputs]}",
                expected="one, the picture",
            )
        sizes = inputs[0].type.tensor_type.shape.dim
        return inputs[0].name, tuple(int(size.dim_value) for size in sizes)

    def _depending_on_input(self) -> set[str]:
        dynamic = {self.input_name}
        open_tensors = [self.input_name]
        while open_tensors:
            tensor = open_tensors.pop()
            for node in self._reading(tensor):
                for name in node.output:
                    if name not in dynamic:
                        dynamic.add(name)
                        open_tensors.append(name)
        return dynamic

    def _reading(self, tensor: str) -> list[onnx.NodeProto]:
        # A Shape node reads no data: the shape is known once the graph is.
        return [
            node for node in self._graph.node if tensor in node.input and node.op_type != "Shape"
        ]

    def _leading_to_result(self) -> set[str]:
        found = {self.result_name}
        open_tensors = [self.result_name]
        while open_tensors:
            node = self._producers.get(open_tensors.pop())
            for name in node.input if node is not None else ():
                if name not in found:
                    found.add(name)
                    open_tensors.append(name)
        return found


def _check_input_count(node: onnx.NodeProto) -> None:
    least = _LEAST_INPUTS.get(node.op_type, 0)
    given = [name for name in node.input if name]
    if len(given) < least:
        raise NetworkError(
            f"{node_label(node)} has {len(given)} inputs", expected=f"at least {least}"
        )
