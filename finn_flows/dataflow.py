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
    from qonnx.core.modelwrapper import ModelWrapper

#: Hardware layers before a device is chosen, and what each does in a network.
WINDOW, PADDING, POOL, THRESHOLDING = (
    "ConvolutionInputGenerator",
    "FMPadding",
    "Pool",
    "Thresholding",
)
COMPUTE = ("MVAU", "VVAU")
WIDTH_CONVERTER = "StreamingDataWidthConverter"


def streamline(model: ModelWrapper) -> ModelWrapper:
    """Nothing but Im2Col, MatMul, MultiThreshold and MaxPoolNHWC, channel last."""
    from finn.transformation.streamline import Streamline, absorb
    from finn.transformation.streamline.reorder import MakeMaxPoolNHWC
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
        InferDataLayouts(),
        RemoveUnusedTensors(),
    ):
        with quiet_finn():
            model = model.transform(step)
    return model


def convert_to_hardware_layers(model: ModelWrapper) -> ModelWrapper:
    """FINN's hardware layers, not yet specialised: qonnx can still execute the result.

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
    for node in model.graph.node:
        if not node.domain.startswith("finn.custom_op.fpgadataflow") and node.op_type != "Reshape":
            raise NetworkError(f"FINN has no hardware layer for {node.op_type} ({node.name})")
    return model


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
