"""An ONNX graph seen as a chain: one input, one result, and parameters along the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dse.errors import NetworkError
from finn_flows.graph_cut import crossing_tensors
from finn_flows.onnx_graph import OnnxGraph
from finn_flows.onnx_node import node_label

if TYPE_CHECKING:
    import onnx


class OnnxChain(OnnxGraph):
    """A graph whose nodes follow each other.

    ``nodes`` are those that work on the data, in order. Nodes that do not lead to the
    result are left out. Raises NetworkError if the graph is not a chain, naming the node and the
    tensors that are live together there.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        super().__init__(model)
        self.nodes = self._walk()

    def _walk(self) -> list[onnx.NodeProto]:
        nodes: list[onnx.NodeProto] = []
        tensor = self.input_name
        while True:
            consumers = self.consumers(tensor)
            if tensor == self.result_name and not consumers:
                return nodes
            if len(consumers) != 1 or tensor == self.result_name:
                raise self._branch(tensor, consumers)
            node = consumers[0]
            if sum(name in self._dynamic for name in node.input) != 1 or len(nodes) > len(
                self._graph.node
            ):
                raise NetworkError(
                    f"{node_label(node)} reads computed data more than once: "
                    + ", ".join(name for name in node.input if name in self._dynamic),
                    expected="a feed-forward chain",
                )
            nodes.append(node)
            tensor = next(name for name in node.output if name in self._useful)

    def _branch(self, tensor: str, consumers: list[onnx.NodeProto]) -> NetworkError:
        if not consumers:
            return NetworkError(f"tensor {tensor!r} leads nowhere")
        behind = consumers[0].output[0]
        live = crossing_tensors(self._graph, behind)
        return NetworkError(
            f"tensor {tensor!r} branches into {' and '.join(map(node_label, consumers))}"
            + (" and the result" if tensor == self.result_name else "")
            + f": behind {behind!r} the tensors {', '.join(live)} are live together",
            expected="a feed-forward chain, one live tensor at every cut",
        )
