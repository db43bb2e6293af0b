"""What FINN cannot build, said before it is tried, and proof that what it made is the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dse.errors import BuildError
from finn_flows.finn_execution import execute_graph
from finn_flows.integer_reference import run_integers
from finn_flows.network import ConvLayer, MaxPoolLayer, Network

if TYPE_CHECKING:
    import onnx
    from qonnx.core.modelwrapper import ModelWrapper

#: FINN's Python execution adds up in float32, which holds every integer up to here.
_EXACT_FLOAT32 = 2**24


def check_buildable(network: Network) -> None:
    """BuildError, naming the layer, for a layer that FINN has no hardware for."""
    for position, layer in enumerate(network.layers):
        if not isinstance(layer, ConvLayer) or layer.groups == 1:
            continue
        label = network.label(position)
        if layer.output_channels != layer.groups:
            raise BuildError(
                f"{label}: a depthwise convolution from {layer.groups} to "
                f"{layer.output_channels} channels; FINN builds one output for each input"
            )
        if layer.weight_type.is_bipolar and network.type_after(position).is_bipolar:
            # FINN's XNOR conversion would read the zeros between the channels as weights.
            raise BuildError(
                f"{label}: FINN builds no depthwise convolution of bipolar values and weights"
            )


def code_refused(node: onnx.NodeProto) -> str:
    """Why FINN generates no HLS code of a folded, specialised ``node``; empty if it does.

    FINN estimates such a node all the same: a stream wider than HLS has integers, or so few lanes
    that the weights have no array. What says so is FINN's own check.
    """
    from finn.util.basic import getHWCustomOp

    if not node.op_type.endswith("_hls"):
        return ""
    custom = getHWCustomOp(node)
    custom.code_gen_dict = {}
    try:
        custom.get_ap_int_max_w()
        custom.defines("ipgen")
    except Exception as error:  # FINN's own kinds, AssertionError included
        return " ".join(str(error).split()) or type(error).__name__
    return ""


def check_computes(model: ModelWrapper, network: Network) -> None:
    """BuildError unless ``model`` (executable by qonnx) gives the reference's result for an image.

    One random image through the very graph whose resources are counted: a conversion that went
    wrong cannot pass for the network. Left out where FINN's float32 sums are not exact.
    """
    ranges = [
        network.accumulator_range(position)
        for position, layer in enumerate(network.layers)
        if not isinstance(layer, MaxPoolLayer)
    ]
    if any(max(-least, greatest) >= _EXACT_FLOAT32 for least, greatest in ranges):
        return
    kind = network.input_type
    values = np.arange(kind.minimum, kind.maximum + 1, kind.step)
    image = np.random.default_rng(0).choice(values, size=(1, *network.input_shape))
    expected = run_integers(network, image)
    if not np.array_equal(execute_graph(model, network, image), expected):
        raise BuildError(f"FINN's graph of {network.name} does not compute {network.name}")
