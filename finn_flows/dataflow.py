"""FINN's flow, from the integer graph to folded hardware layers, with no vendor tool.

Steps: streamline, lower convolutions, convert to FINN's hardware layers (executable in Python),
then specialise for a device and fold (no longer executable there). Every step is a function from a
model to a new model.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dse.errors import NetworkError

if TYPE_CHECKING:
    import onnx
    from qonnx.core.modelwrapper import ModelWrapper

#: Hardware layers before a device is chosen, and what each does in a network.
WINDOW, PADDING, POOL, RESHAPE, THRESHOLDING = (
    "ConvolutionInputGenerator",
    "FMPadding",
    "Pool",
    "Reshape",
    "Thresholding",
)
COMPUTE = ("MVAU", "VVAU")
WIDTH_CONVERTER = "StreamingDataWidthConverter"
#: What may be left for the host at the end of a network.
HOST = ("Mul", "Add")


def streamline(model: ModelWrapper) -> ModelWrapper:
    """Nothing but Im2Col, MatMul, MultiThreshold, MaxPoolNHWC and Reshape, all channel last.

    Where a bipolar last layer has no thresholds to absorb it, the map from popcounts back to
    accumulators (Mul, Add) is left at the end.
    """
    from finn.transformation.streamline import Streamline, absorb
    from finn.transformation.streamline.reorder import MakeMaxPoolNHWC
    from finn.transformation.streamline.round_thresholds import RoundAndClipThresholds
    from qonnx.transformation.bipolar_to_xnor import ConvertBipolarMatMulToXnorPopcount
    from qonnx.transformation.fold_constants import FoldConstants
    from qonnx.transformation.general import (
        GiveReadableTensorNames,
        GiveUniqueNodeNames,
        RemoveUnusedTensors,
    )
    from qonnx.transformation.infer_data_layouts import InferDataLayouts
    from qonnx.transformation.infer_datatypes import InferDataTypes
    from qonnx.transformation.infer_shapes import InferShapes
    from qonnx.transformation.lower_convs_to_matmul import LowerConvsToMatMul

    for step in (
        InferShapes(),
        FoldConstants(),
        GiveUniqueNodeNames(),
        GiveReadableTensorNames(),
        InferDataTypes(),
        # Before anything else moves biases about, as FINN's own builder does.
        absorb.AbsorbScalarBiasIntoMultiThreshold(),
        Streamline(),
        LowerConvsToMatMul(),
        MakeMaxPoolNHWC(),
        absorb.AbsorbTransposeIntoMultiThreshold(),
        MakeMaxPoolNHWC(),
        absorb.AbsorbConsecutiveTransposes(),
        ConvertBipolarMatMulToXnorPopcount(),
        Streamline(),
        # Popcounts halve bipolar thresholds, which leaves .5 where the parity never matches.
        RoundAndClipThresholds(),
        InferDataLayouts(),
        RemoveUnusedTensors(),
    ):
        with quiet_finn():
            model = model.transform(step)
    _drop_last_transpose(model)
    return model


def convert_to_hardware_layers(model: ModelWrapper) -> ModelWrapper:
    """FINN's hardware layers, not yet specialised: qonnx can still execute the result.

    A Mul and Add left at the end (see :func:`streamline`) are the host's work and stay as they are.
    Raises NetworkError naming the node that FINN has no hardware layer for.
    """
    from finn.transformation.fpgadataflow.convert_to_hw.binary_matrix_vector_activation import (
        InferBinaryMatrixVectorActivation,
    )
    from finn.transformation.fpgadataflow.convert_to_hw.conv_inp_gen import InferConvInpGen
    from finn.transformation.fpgadataflow.convert_to_hw.fm_padding import InferFMPadding
    from finn.transformation.fpgadataflow.convert_to_hw.pool import InferPool
    from finn.transformation.fpgadataflow.convert_to_hw.quantized_matrix_vector_activation import (
        InferQuantizedMatrixVectorActivation,
    )
    from finn.transformation.fpgadataflow.convert_to_hw.reshape import InferReshape
    from finn.transformation.fpgadataflow.convert_to_hw.thresholding import InferThresholdingLayer
    from finn.transformation.fpgadataflow.convert_to_hw.vector_vector_activation import (
        InferVectorVectorActivation,
    )
    from finn.transformation.fpgadataflow.minimize_accumulator_width import (
        MinimizeAccumulatorWidth,
    )
    from finn.transformation.fpgadataflow.minimize_weight_bit_width import MinimizeWeightBitWidth
    from finn.transformation.move_reshape import RemoveCNVtoFCFlatten
    from finn.transformation.streamline import absorb
    from qonnx.transformation.general import GiveReadableTensorNames, GiveUniqueNodeNames
    from qonnx.transformation.infer_data_layouts import InferDataLayouts
    from qonnx.transformation.infer_datatypes import InferDataTypes
    from qonnx.transformation.infer_shapes import InferShapes

    for step in (
        InferBinaryMatrixVectorActivation(),
        InferQuantizedMatrixVectorActivation(),
        InferVectorVectorActivation(),
        InferThresholdingLayer(),
        InferFMPadding(),
        InferPool(),
        InferConvInpGen(),
        absorb.AbsorbConsecutiveTransposes(),
        RemoveCNVtoFCFlatten(),
        InferReshape(),
        MinimizeWeightBitWidth(),
        MinimizeAccumulatorWidth(),
        InferDataLayouts(),
        InferDataTypes(),
        InferShapes(),
        GiveUniqueNodeNames(),
        GiveReadableTensorNames(),
    ):
        with quiet_finn():
            model = model.transform(step)
    nodes = list(model.graph.node)
    while nodes and nodes[-1].op_type in HOST:
        nodes.pop()
    for node in nodes:
        if not is_hardware(node):
            raise NetworkError(f"FINN has no hardware layer for {node.op_type} ({node.name})")
    return model


def is_hardware(node: onnx.NodeProto) -> bool:
    """Whether ``node`` is one of FINN's hardware layers, specialised or not."""
    return node.domain.startswith("finn.custom_op.fpgadataflow")


def _drop_last_transpose(model: ModelWrapper) -> None:
    """Let a network that ends in an image give it channel last, as every tensor inside is."""
    last = model.graph.node[-1]
    if last.op_type != "Transpose":
        return
    shape = model.get_tensor_shape(last.input[0])
    before = model.find_producer(last.input[0])
    before.output[0] = last.output[0]
    model.graph.node.remove(last)
    model.set_tensor_shape(before.output[0], shape)


@contextmanager
def quiet_finn() -> Iterator[None]:
    """Keep FINN's and qonnx' remarks on what they do off the user's screen; errors still raise."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(previous)
