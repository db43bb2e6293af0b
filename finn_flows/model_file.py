"""FINN's models as files: ONNX, gzip-compressed.

FINN holds a weight of two bits as a float of 32, so a model is ten times as large as it need be;
the store keeps two of every design point.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING

from dse.errors import NetworkFileError

if TYPE_CHECKING:
    from qonnx.core.modelwrapper import ModelWrapper

SUFFIX = ".onnx.gz"

#: Higher levels take seconds for each model and save little more.
_LEVEL = 3


def save_model(model: ModelWrapper, directory: Path, name: str) -> Path:
    """Write ``directory/name.onnx.gz``, which is returned. The same model gives the same bytes."""
    path = directory / f"{name}{SUFFIX}"
    content = model.model.SerializeToString(deterministic=True)
    path.write_bytes(gzip.compress(content, _LEVEL, mtime=0))
    return path


def read_model(path: Path) -> ModelWrapper:
    """The model in a file of :func:`save_model`. NetworkFileError if it is damaged or not there."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from qonnx.core.modelwrapper import ModelWrapper

    try:
        model = onnx.load_model_from_string(gzip.decompress(path.read_bytes()))
        if not model.graph.node:
            raise ValueError("holds no model")
        return ModelWrapper(model)
    except (OSError, EOFError, DecodeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise NetworkFileError(f"cannot read: {reason}", where=path) from error
