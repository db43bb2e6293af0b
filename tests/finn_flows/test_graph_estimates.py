"""An addition's nodes are those that FINN makes of one itself."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from finn_flows.dataflow import quiet_finn
from finn_flows.graph_estimates import addition_nodes
from finn_flows.integer_type import IntegerType
from finn_flows.network_graph import Addition, GraphTensor
from finn_flows.node_estimates import ask_node
from finn_flows.specialise import specialise

DEVICE = "xc7z020clg400-1"
CHANNELS, SIZE = 16, 4


@pytest.mark.slow
@pytest.mark.parametrize("bits", [2, 4])
def test_an_addition_and_its_thresholds_are_estimated_as_after_finns_own_conversion(
    bits: int,
) -> None:
    kind = IntegerType.unsigned(bits)
    shape = (SIZE, SIZE, CHANNELS)
    tensors = {name: GraphTensor(name, shape, kind) for name in ("one", "other", "result")}
    addition = Addition("add", ("one", "other"), "result", IntegerType.unsigned(bits + 1))
    model = specialise(_converted(bits), DEVICE)
    kinds = [node.op_type for node in model.graph.node]
    assert kinds == ["DuplicateStreams_hls", "ElementwiseAdd_hls", "Thresholding_rtl"]
    from qonnx.custom_op.registry import getCustomOp

    for lanes in (1, 4, 16):
        for node in model.graph.node:
            getCustomOp(node).set_nodeattr("PE", lanes)
        own = [ask_node(node, "add", DEVICE) for node in model.graph.node][1:]
        assert addition_nodes(addition, tensors, lanes, DEVICE) == own


def _converted(bits: int):  # type: ignore[no-untyped-def]
    """A tensor that forks and is added to itself, with thresholds, as FINN's hardware layers."""
    from finn.transformation.fpgadataflow.convert_to_hw.duplicate_streams import (
        InferDuplicateStreamsLayer,
    )
    from finn.transformation.fpgadataflow.convert_to_hw.elementwise_binary_operation import (
        InferElementwiseBinaryOperation,
    )
    from finn.transformation.fpgadataflow.convert_to_hw.thresholding import InferThresholdingLayer
    from finn.transformation.fpgadataflow.minimize_accumulator_width import (
        MinimizeAccumulatorWidth,
    )
    from qonnx.core.datatype import DataType
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.infer_datatypes import InferDataTypes
    from qonnx.transformation.infer_shapes import InferShapes
    from qonnx.util.basic import qonnx_make_model

    shape = [1, SIZE, SIZE, CHANNELS]
    graph = helper.make_graph(
        [
            helper.make_node("Add", ["source", "source"], ["sum"]),
            helper.make_node(
                "MultiThreshold",
                ["sum", "thresholds"],
                ["result"],
                domain="qonnx.custom_op.general",
                out_dtype=f"UINT{bits}",
                data_layout="NHWC",
            ),
        ],
        "addition",
        [helper.make_tensor_value_info("source", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("result", TensorProto.FLOAT, shape)],
    )
    model = ModelWrapper(qonnx_make_model(graph))
    steps = np.arange(1, 2**bits) * 2  # as far as the sum reaches
    model.set_initializer("thresholds", np.tile(steps, (CHANNELS, 1)).astype(np.float32))
    model.set_tensor_datatype("source", DataType[f"UINT{bits}"])
    model.set_tensor_datatype("thresholds", DataType[f"UINT{bits + 1}"])
    with quiet_finn():
        for step in (
            InferShapes(),
            InferDataTypes(),
            InferElementwiseBinaryOperation(),
            InferThresholdingLayer(),
            InferDuplicateStreamsLayer(),
            MinimizeAccumulatorWidth(),
            InferDataTypes(),
        ):
            model = model.transform(step)
    return model
