"""A part of a network as FINN hardware layers: cut out, folded, specialised for a device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dse.errors import FoldingError
from finn_flows.cut import Cut, cut_position
from finn_flows.dataflow import (
    COMPUTE,
    PADDING,
    POOL,
    RESHAPE,
    THRESHOLDING,
    WIDTH_CONVERTER,
    WINDOW,
    convert_to_hardware_layers,
    is_hardware,
    quiet_finn,
    streamline,
)
from finn_flows.finn_graph import build_finn_graph
from finn_flows.folding import Folding, check_folding, greatest_divisor
from finn_flows.graph_cut import cut_graph
from finn_flows.network import ConvLayer, DenseLayer, MaxPoolLayer, Network
from finn_flows.wire_packing import WORD_BITS

if TYPE_CHECKING:
    import onnx
    from qonnx.core.modelwrapper import ModelWrapper

#: What a converter to or from the 64-bit words of the link is called where layers are listed.
WIRE = "wire"


class HardwareNetwork:
    """A whole network as FINN's hardware layers, ready to be cut.

    Converting takes seconds and depends on the network alone, so :func:`hardware_network` keeps the
    last few. ``model`` is executable by qonnx; ``streamlined`` is the step before it.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.streamlined: ModelWrapper = streamline(build_finn_graph(network))
        self.model: ModelWrapper = convert_to_hardware_layers(self.streamlined)
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


def fold(hardware: HardwareNetwork, part: ModelWrapper, folding: Folding) -> None:
    """Set PE, SIMD and memory of every node of ``part``, in place.

    Window generators and padding take the SIMD of the layer they feed; a pool takes the PE of the
    layer before it, so that it is never the slower of the two. Raises FoldingError for a folding
    that does not divide its layer.
    """
    from qonnx.custom_op.registry import getCustomOp

    network = hardware.network
    check_folding(network, folding)
    for node in part.graph.node:
        if not is_hardware(node):
            continue
        position = hardware.position_of(node)
        layer = network.layers[position]
        chosen = folding.layers[max(_number_at(network, position) - network.first_layer, 0)]
        custom = getCustomOp(node)
        if isinstance(layer, MaxPoolLayer):
            lanes = greatest_divisor(network.shapes[position][-1], chosen.pe)
            custom.set_nodeattr("PE" if node.op_type == POOL else "SIMD", lanes)
        elif node.op_type in COMPUTE:
            custom.set_nodeattr("PE", chosen.pe)
            custom.set_nodeattr("SIMD", chosen.simd)
            custom.set_nodeattr("ram_style", chosen.weight_memory)
        elif node.op_type == THRESHOLDING:
            custom.set_nodeattr("PE", chosen.pe)
        elif node.op_type == RESHAPE:
            channels = network.shapes[position][-1]
            custom.set_nodeattr("PE", greatest_divisor(channels, chosen.simd))
        elif node.op_type in (WINDOW, PADDING):
            depthwise = isinstance(layer, ConvLayer) and layer.groups > 1
            custom.set_nodeattr("SIMD", chosen.pe if depthwise else chosen.simd)
        else:
            raise FoldingError(
                f"{network.label(position)}: no folding is known for a {node.op_type} node"
            )


def specialise(
    part: ModelWrapper, device: str, *, wire_before: bool, wire_after: bool
) -> ModelWrapper:
    """HLS or RTL variants for ``device``, with width converters where neighbours differ in width.

    ``wire_before`` / ``wire_after``: the part's input / result crosses a link, so it gets a
    converter from / to 64-bit words. (With PE 1 the stream of layer 5 is 2 bits wide, which a DMA
    would pad to 8: 256 bytes on the wire instead of 64.) The result no longer executes in Python.
    """
    from finn.transformation.fpgadataflow.insert_dwc import InsertDWC
    from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers
    from qonnx.transformation.general import GiveUniqueNodeNames

    with quiet_finn():
        part = part.transform(SpecializeLayers(device))
        part = part.transform(InsertDWC())
        if wire_before:
            _add_wire_converter(part, part.graph.node[0], at_input=True)
        if wire_after and is_hardware(part.graph.node[-1]):
            _add_wire_converter(part, part.graph.node[-1], at_input=False)
        part = part.transform(SpecializeLayers(device))  # the converters just added
        return part.transform(GiveUniqueNodeNames())


def _add_wire_converter(model: ModelWrapper, end: onnx.NodeProto, *, at_input: bool) -> None:
    """A converter between the stream at one end of ``model`` and the 64-bit words of the link.

    None is added where the stream is as wide as a word, or where values do not divide a word: such
    a tensor is packed by the host.
    """
    from onnx import helper
    from qonnx.custom_op.registry import getCustomOp

    custom = getCustomOp(end)
    width = custom.get_instream_width(0) if at_input else custom.get_outstream_width(0)
    shape = custom.get_normal_input_shape(0) if at_input else custom.get_normal_output_shape(0)
    datatype = custom.get_input_datatype(0) if at_input else custom.get_output_datatype(0)
    values = 1
    for extent in shape:
        values *= int(extent)
    bits = datatype.bitwidth()
    if width == WORD_BITS or WORD_BITS % bits or values * bits % WORD_BITS:
        return
    old = end.input[0] if at_input else end.output[0]
    inner = f"{old}_{WIRE}"
    node = helper.make_node(
        WIDTH_CONVERTER,
        [old if at_input else inner],
        [inner if at_input else old],
        name=WIRE,
        domain="finn.custom_op.fpgadataflow",
        backend="fpgadataflow",
        inShape=[int(extent) for extent in shape],
        outShape=[int(extent) for extent in shape],
        inWidth=WORD_BITS if at_input else width,
        outWidth=width if at_input else WORD_BITS,
        dataType=datatype.name,
    )
    if at_input:
        end.input[0] = inner
        model.graph.node.insert(0, node)
    else:
        end.output[0] = inner
        model.graph.node.append(node)
    model.set_tensor_shape(inner, [int(extent) for extent in shape])
    model.set_tensor_datatype(inner, datatype)


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
                raise FoldingError(f"FINN's node {node.name} matches no layer of {network.name}")
            positions.extend([at] * (pending + 1))
            pending = 0
        elif node.op_type == THRESHOLDING or not is_hardware(node):
            positions.append(at)
        else:
            pending += 1
    if pending or at != len(network.layers) - 1:
        raise FoldingError(f"FINN's graph of {network.name} has not one node group per layer")
    return positions


def _number_at(network: Network, position: int) -> int:
    """Number of the compute layer at ``position``, or before it for a pool."""
    before = sum(not isinstance(layer, MaxPoolLayer) for layer in network.layers[: position + 1])
    return network.first_layer + before - 1


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    import onnx

    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    return copied
