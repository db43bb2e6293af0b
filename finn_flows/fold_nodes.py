"""Setting PE, SIMD and memory on FINN's hardware layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dse.errors import FoldingError
from finn_flows.dataflow import COMPUTE, PADDING, POOL, RESHAPE, THRESHOLDING, WINDOW, is_hardware
from finn_flows.folding import Folding, LayerFolding, check_folding, greatest_divisor
from finn_flows.hardware_network import HardwareNetwork
from finn_flows.network import ConvLayer, MaxPoolLayer, Network

if TYPE_CHECKING:
    import onnx
    from qonnx.core.modelwrapper import ModelWrapper


def fold(hardware: HardwareNetwork, part: ModelWrapper, folding: Folding) -> None:
    """Fold every node of ``part`` in place. FoldingError for one that does not divide its layer."""
    check_folding(hardware.network, folding)
    for node in part.graph.node:
        if is_hardware(node):
            position = hardware.position_of(node)
            chosen = folding_at(hardware.network, folding, position)
            fold_node(hardware.network, position, node, chosen)


def folding_at(network: Network, folding: Folding, position: int) -> LayerFolding:
    """What folds ``network.layers[position]``; a pool goes by the layer before it."""
    before = sum(not isinstance(layer, MaxPoolLayer) for layer in network.layers[: position + 1])
    return folding.layers[max(before - 1, 0)]


def fold_node(network: Network, position: int, node: onnx.NodeProto, chosen: LayerFolding) -> None:
    """Fold one node of ``network.layers[position]`` in place.

    Window generators and padding take the SIMD of the layer they feed; a pool takes the PE of the
    layer before it, so that it is never the slower of the two.
    """
    from qonnx.custom_op.registry import getCustomOp

    layer = network.layers[position]
    custom = getCustomOp(node)
    kind = node.op_type.removesuffix("_hls").removesuffix("_rtl")
    if isinstance(layer, MaxPoolLayer):
        lanes = greatest_divisor(network.shapes[position][-1], chosen.pe)
        custom.set_nodeattr("PE" if kind == POOL else "SIMD", lanes)
    elif kind in COMPUTE:
        custom.set_nodeattr("PE", chosen.pe)
        custom.set_nodeattr("SIMD", chosen.simd)
        custom.set_nodeattr("ram_style", chosen.weight_memory)
    elif kind == THRESHOLDING:
        custom.set_nodeattr("PE", chosen.pe)
    elif kind == RESHAPE:
        channels = network.shapes[position][-1]
        custom.set_nodeattr("PE", greatest_divisor(channels, chosen.simd))
    elif kind in (WINDOW, PADDING):
        depthwise = isinstance(layer, ConvLayer) and layer.groups > 1
        custom.set_nodeattr("SIMD", chosen.pe if depthwise else chosen.simd)
    else:
        raise FoldingError(f"{network.label(position)}: no folding is known for a {kind} node")
