"""A part in onnxruntime, on one thread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dse.deploy.node.engines.image_codec import decode_image, encode_image
from dse.deploy.node.engines.interface import Engine
from dse.errors import DseError

#: onnxruntime's names of the types that finn_flows.standard_onnx gives inputs and results.
_TYPES = {
    "tensor(int8)": np.int8,
    "tensor(uint8)": np.uint8,
    "tensor(int16)": np.int16,
    "tensor(int32)": np.int32,
}


class OnnxEngine(Engine):
    """``files``: the model that ``parameters["model"]`` names, standard ONNX."""

    def __init__(self) -> None:
        self._session: Any = None

    def load(self, folder: Path, stage: dict[str, Any]) -> None:
        """See Engine. DseError, naming the model, where onnxruntime refuses it."""
        model = folder / stage["parameters"]["model"]
        try:
            import onnxruntime
        except ImportError as error:
            raise DseError("the onnx engine needs onnxruntime: %s" % error) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(
                str(model), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # it has no base class of its own
            raise DseError("onnxruntime cannot load it: %s" % error, where=model) from error
        self._input, self._output = stage["input"], stage["output"]
        source, target = self._session.get_inputs()[0], self._session.get_outputs()[0]
        # Both ends stay where they are: nothing is allocated and no name looked up for an image.
        self._values = np.zeros((1, *self._input["shape"]), dtype=_TYPES[source.type])
        self._result = np.zeros((1, *self._output["shape"]), dtype=_TYPES[target.type])
        self._binding = self._session.io_binding()
        for bind, name, array in (
            (self._binding.bind_input, source.name, self._values),
            (self._binding.bind_output, target.name, self._result),
        ):
            bind(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)

    def compute(self, payload: memoryview) -> bytes:
        """See Engine."""
        self._values[:] = decode_image(payload, self._input)
        self._session.run_with_iobinding(self._binding)
        return encode_image(self._result, self._output)

    def close(self) -> None:
        """See Engine."""
        self._session = self._binding = None
