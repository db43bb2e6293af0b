"""A whole network as FINN's hardware layers, ready to be cut at any layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dse.errors import BuildError, DseError, NetworkError
from finn_flows.cut import Cut, cut_position
from finn_flows.dataflow import (
    COMPUTE,
    POOL,
    THRESHOLDING,
    WIDTH_CONVERTER,
    convert_to_hardware_layers,
    is_hardware,
    streamline,
)
from finn_flows.finn_graph import build_finn_graph
from finn_flows.finn_limits import check_buildable, check_computes
from finn_flows.graph_cut import cut_graph, graph_between
from finn_flows.network import ConvLayer, DenseLayer, MaxPoolLayer, Network

if TYPE_CHECKING:
    import onnx
    from qonnx.core.modelwrapper import ModelWrapper

#: What a converter to or from the 64-bit words of the link is called where layers are listed.
WIRE = "wire"


class HardwareNetwork:
    """A whole network as FINN's hardware layers, ready to be cut.

    Converting takes seconds and depends on the network alone, so :func:`hardware_network` keeps the
    last few. ``model`` is executable by qonnx; ``streamlined`` is the step before it. Raises
    BuildError for a network that FINN cannot convert, or converts into something else.
    """

    def __init__(self, network: Network) -> None:
        check_buildable(network)
        self.network = network
        self.streamlined, self.model = _convert(network)
        check_computes(self.model, network)
        self._position_of = dict(
            zip(
                (node.output[0] for node in self.model.graph.node),
                _node_positions(network, self.model),
                strict=True,
            )
        )

    def part(self, cut: Cut | None, second: bool = False) -> ModelWrapper:
        """The hardware layers on one side of ``cut`` (None: the whole network).

        Proves that one tensor crosses (CutError otherwise). The second side of the last cut has no
        nodes.
        """
        from qonnx.core.modelwrapper import ModelWrapper

        if cut is None:
            return ModelWrapper(_copy(self.model.model))
        end = cut_position(self.network, cut)
        before = [node for node in self.model.graph.node if self.position_of(node) < end]
        return ModelWrapper(cut_graph(self.model.model, before[-1].output[0])[int(second)])

    def layer(self, position: int) -> ModelWrapper:
        """The hardware layers of ``network.layers[position]`` alone."""
        from qonnx.core.modelwrapper import ModelWrapper

        nodes = [node for node in self.model.graph.node if self.position_of(node) == position]
        return ModelWrapper(
            graph_between(self.model.model, nodes, nodes[0].input[0], nodes[-1].output[0])
        )

    def label_of(self, node: onnx.NodeProto) -> str | None:
        """Label of the layer that ``node`` of a part belongs to, such as ``conv3``.

        None for a node that no layer asked for (a width converter). Goes by the node's result
        tensor, since a part's nodes are renamed.
        """
        position = self._position_of.get(node.output[0].removesuffix(f"_{WIRE}"))
        if position is None or node.op_type.startswith(WIDTH_CONVERTER):
            return None
        return self.network.label(position)

    def position_of(self, node: onnx.NodeProto) -> int:
        """Index in ``network.layers`` of the layer that ``node`` belongs to."""
        return self._position_of[node.output[0]]


def hardware_network(network: Network) -> HardwareNetwork:
    """The conversion of ``network``; the last few are kept, told apart by what they compute."""
    kept = _CONVERTED.get(network.sha256)
    if kept is None:
        while len(_CONVERTED) >= _KEPT:
            del _CONVERTED[next(iter(_CONVERTED))]
        kept = _CONVERTED[network.sha256] = HardwareNetwork(network)
    return kept


_KEPT = 4
_CONVERTED: dict[str, HardwareNetwork] = {}


def _convert(network: Network) -> tuple[ModelWrapper, ModelWrapper]:
    try:
        streamlined = streamline(build_finn_graph(network))
        return streamlined, convert_to_hardware_layers(streamlined)
    except DseError:
        raise
    except Exception as error:  # FINN and qonnx raise whatever they meet, AssertionError included
        message = str(error) or "without a message"
        raise BuildError(
            f"FINN cannot convert {network.name}: {type(error).__name__}: {message}"
        ) from error


def _node_positions(network: Network, model: ModelWrapper) -> list[int]:
    """For each node of the chain ``model``, the index of the network layer it belongs to."""
    positions: list[int] = []
    pending = 0  # nodes that prepare the next compute layer or pool
    at = -1
    for node in model.graph.node:
        if node.op_type in COMPUTE or node.op_type == POOL:
            at += 1
            expected = MaxPoolLayer if node.op_type == POOL else (ConvLayer, DenseLayer)
            if at >= len(network.layers) or not isinstance(network.layers[at], expected):
                raise NetworkError(f"FINN's node {node.name} matches no layer of {network.name}")
            positions.extend([at] * (pending + 1))
            pending = 0
        elif node.op_type == THRESHOLDING or not is_hardware(node):
            positions.append(at)
        else:
            pending += 1
    if pending or at != len(network.layers) - 1:
        raise NetworkError(f"FINN's graph of {network.name} has not one node group per layer")
    return positions


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    import onnx

    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    return copied
