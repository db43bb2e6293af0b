"""Paths of memory files in the Verilog of a node, made absolute before blocks are stitched."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dse.atomic_write import atomic_write

if TYPE_CHECKING:
    import onnx


def make_paths_absolute(node: onnx.NodeProto) -> None:
    """What FINN's ReplaceVerilogRelPaths does to one node, for a build that may be killed.

    FINN's opens every file for writing, changed or not: killed amid that it leaves it empty, and
    the step that wrote it is done. Here a file that needs no change is left alone, and the others
    are replaced whole.
    """
    from qonnx.custom_op.registry import getCustomOp

    named = getCustomOp(node).get_nodeattr("ipgen_path")
    if not named or not Path(named).is_dir():
        return
    for file in Path(named).rglob("*.v"):
        text = file.read_text()
        folder = file.parent.resolve().as_posix()
        changed = text.replace('$readmemh(".', f'$readmemh("{folder}').replace('"./', f'"{folder}/')
        if changed != text:
            atomic_write(file, changed)
