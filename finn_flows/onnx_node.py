"""Evaluating single ONNX or QONNX nodes, exactly as qonnx executes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dse.errors import NetworkError

if TYPE_CHECKING:
    import onnx


def node_label(node: onnx.NodeProto) -> str:
    """How a node is named to a person: its operator and its name, or the tensor it makes."""
    return f"{node.op_type} node {node.name or (node.output[0] if node.output else '?')!r}"


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """The attributes of a node as Python values; text is decoded.

    Raises NetworkError, naming the node, for text that is not UTF-8.
    """
    import onnx

    values = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    try:
        return {name: v.decode() if isinstance(v, bytes) else v for name, v in values.items()}
    except UnicodeDecodeError as error:
        raise NetworkError(f"{node_label(node)} has an attribute that is not text") from error


class NodeEvaluator:
    """Evaluates nodes of one model: QONNX's own operators by qonnx, the others by onnxruntime.

    The onnxruntime session of a node is kept, so that evaluating it again costs microseconds;
    qonnx's ``execute_onnx`` builds the same session anew each time, hence the same numbers.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self._graph = model.graph
        self._opsets = {entry.domain: entry.version for entry in model.opset_import}
        self.opset = max(self._opsets.get("", 1), self._opsets.get("ai.onnx", 1))
        self._sessions: dict[int, tuple[onnx.NodeProto, Any]] = {}

    def __call__(self, node: onnx.NodeProto, inputs: dict[str, NDArray[Any]]) -> NDArray[Any]:
        """The first result of ``node``. NetworkError naming it if it cannot be evaluated."""
        try:
            if node.domain not in ("", "ai.onnx"):
                return self._evaluate_custom(node, inputs)
            return self._evaluate_standard(node, inputs)
        except Exception as error:
            # onnxruntime and qonnx raise whatever they like for a node that makes no sense.
            raise NetworkError(f"{node_label(node)} cannot be evaluated: {error}") from error

    def _evaluate_custom(
        self, node: onnx.NodeProto, inputs: dict[str, NDArray[Any]]
    ) -> NDArray[Any]:
        from qonnx.custom_op.registry import getCustomOp

        context = dict(inputs)
        version = self._opsets.get(node.domain)  # None: the newest that qonnx has
        getCustomOp(node, onnx_opset_version=version).execute_node(context, self._graph)
        return np.asarray(context[node.output[0]])

    def _evaluate_standard(
        self, node: onnx.NodeProto, inputs: dict[str, NDArray[Any]]
    ) -> NDArray[Any]:
        # The node is kept beside its session, so that its id cannot be given to another one.
        kept = self._sessions.get(id(node))
        if kept is None:
            kept = (node, self._session(node, inputs))
            self._sessions[id(node)] = kept
        feed = {name: inputs[name] for name in dict.fromkeys(node.input) if name}
        return np.asarray(kept[1].run([node.output[0]], feed)[0])

    def _session(self, node: onnx.NodeProto, inputs: dict[str, NDArray[Any]]) -> Any:
        import onnx
        import onnxruntime

        names = [name for name in dict.fromkeys(node.input) if name]
        graph = onnx.helper.make_graph(
            [node],
            "one_node",
            [
                onnx.helper.make_tensor_value_info(
                    name, onnx.helper.np_dtype_to_tensor_dtype(inputs[name].dtype), None
                )
                for name in names
            ],
            [onnx.helper.make_empty_tensor_value_info(node.output[0])],
        )
        model = onnx.helper.make_model(
            graph, opset_imports=[onnx.helper.make_opsetid("", self.opset)]
        )
        model.ir_version = min(model.ir_version, 10)  # as far as onnxruntime reads
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
