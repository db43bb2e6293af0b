"""Executing FINN's own graph, node by node in qonnx: slow, and exact as what FINN would build."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from finn_flows.dataflow import quiet_finn
from finn_flows.network import Network

if TYPE_CHECKING:
    from qonnx.core.modelwrapper import ModelWrapper


def execute_graph(
    model: ModelWrapper, network: Network, tensor: NDArray[np.integer]
) -> NDArray[np.int32]:
    """What ``model``, made of ``network``, computes.

    Integers (images, *input_shape) to int32 (images, *output_shape), one image at a time. FINN
    turns bipolar products into XNOR and popcount on bits, where 0 stands for -1: such a tensor is
    translated at either end.
    """
    from qonnx.core.onnx_exec import execute_onnx

    if not model.graph.node:
        return tensor.astype(np.int32)
    source, result = model.graph.input[0].name, model.graph.output[0].name
    shape = model.get_tensor_shape(source)
    bits_enter = network.input_type.is_bipolar and _holds_bits(model, source)
    bits_leave = network.output_type.is_bipolar and _holds_bits(model, result)
    outputs = []
    for image in tensor:
        values = image.astype(np.float32).reshape(shape)
        with quiet_finn():
            left = execute_onnx(model, {source: (values + 1) / 2 if bits_enter else values})[result]
        outputs.append(2 * left - 1 if bits_leave else left)
    found = np.rint(np.stack(outputs)).astype(np.int32)
    return found.reshape(len(tensor), *network.output_shape)


def _holds_bits(model: ModelWrapper, tensor: str) -> bool:
    return bool(model.get_tensor_datatype(tensor).name == "BINARY")
