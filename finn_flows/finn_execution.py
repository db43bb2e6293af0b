"""Running FINN's own graph of a network, or of a part, node by node in qonnx.

Slow (tens of milliseconds per image) and meant for verification: it executes the very graph whose
resources are estimated and that FINN would build.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from finn_flows.cut import Cut, split_network
from finn_flows.dataflow import quiet_finn
from finn_flows.hardware_network import hardware_network
from finn_flows.network import Network


class FinnNetwork:
    """The hardware layers of a whole network (``cut`` None) or of one side of a cut."""

    def __init__(self, whole: Network, cut: Cut | None = None, *, second: bool = False) -> None:
        self.network = whole if cut is None else split_network(whole, cut)[int(second)]
        self.model = hardware_network(whole).part(cut, second)

    def run(self, tensor: NDArray[np.integer]) -> NDArray[np.int32]:
        """Integers (images, *input_shape) to int32 (images, *output_shape), one image at a time."""
        from qonnx.core.onnx_exec import execute_onnx

        graph = self.model.graph
        if not graph.node:
            return tensor.astype(np.int32)
        source, result = graph.input[0].name, graph.output[0].name
        shape = self.model.get_tensor_shape(source)
        outputs = []
        for image in tensor:
            entered = self._to_finn(source, image.astype(np.float32).reshape(shape))
            with quiet_finn():
                left = execute_onnx(self.model, {source: entered})[result]
            outputs.append(self._from_finn(result, left).reshape(self.network.output_shape))
        return np.rint(np.stack(outputs)).astype(np.int32)

    def _to_finn(self, tensor: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
        # FINN turns bipolar products into XNOR and popcount, on bits: 0 stands for -1.
        if self.network.input_type.is_bipolar and self._holds_bits(tensor):
            return ((values + 1) / 2).astype(np.float32)
        return values

    def _from_finn(self, tensor: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.network.output_type.is_bipolar and self._holds_bits(tensor):
            return (2 * values - 1).astype(np.float32)
        return values

    def _holds_bits(self, tensor: str) -> bool:
        return bool(self.model.get_tensor_datatype(tensor).name == "BINARY")
