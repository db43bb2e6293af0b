"""ONNX files: reading them whole, and telling a faulty one from a bug of ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dse.errors import NetworkFileError

if TYPE_CHECKING:
    import onnx


def onnx_fault(model: onnx.ModelProto) -> str | None:
    """What is wrong with ``model`` as ONNX, None if nothing is."""
    import onnx

    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        return str(error)
    return None


def load_onnx(path: Path) -> onnx.ModelProto:
    """The model in a file, with external data from the file's own folder.

    Raises NetworkFileError, naming the file, for what is no ONNX file, is empty or lacks its data.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load_from_string(path.read_bytes())
    except OSError as error:
        raise NetworkFileError(f"cannot read: {error.strerror or error}", where=path) from error
    except (DecodeError, ValueError) as error:
        raise NetworkFileError(
            f"not an ONNX file ({error})", where=path, expected="a QONNX model"
        ) from error
    if not model.graph.node:
        raise NetworkFileError("holds no ONNX graph", where=path, expected="a QONNX model")
    try:
        # Large parameters may lie in files of their own, in the model's folder and nowhere else.
        onnx.external_data_helper.load_external_data_for_model(model, str(path.parent))
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        raise NetworkFileError(
            f"cannot read its external data: {error}",
            where=path,
            expected=f"the data files in {path.parent}",
        ) from error
    return model
