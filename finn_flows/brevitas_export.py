"""Brevitas -> QONNX, quietly."""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx
    import torch


def brevitas_to_qonnx(
    model: torch.nn.Module, input_shape: tuple[int, ...], *, traced: bool = False
) -> onnx.ModelProto:
    """Export a Brevitas model in evaluation mode; ``input_shape`` is one batch, NCHW.

    What PyTorch's exporter says on the way is kept off the screen. The model comes back in
    evaluation mode. ``traced``: by TorchScript's tracer, which the residual models of Brevitas'
    examples need: they check that quantised tensors are added, and torch.export has none.
    """
    with quiet():
        import onnx
        import torch
        from brevitas.export import export_qonnx

        model.eval()
        with tempfile.TemporaryDirectory() as folder, torch.no_grad():
            path = Path(folder) / "model.onnx"
            exporter = {"dynamo": False} if traced else {}
            export_qonnx(model, torch.zeros(input_shape), str(path), verbose=False, **exporter)
            return onnx.load(str(path))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep warnings, log lines and prints of torch and Brevitas off the screen."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
