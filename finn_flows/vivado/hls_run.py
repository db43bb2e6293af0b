"""FINN's HLS of one node, within limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from finn_flows.tool_process import Limits
from finn_flows.vendor.tool_call import ToolCall, call_tool
from finn_flows.vivado.finn_session import FinnTools, finn_session, tool_environment
from finn_flows.vivado.hls_blocks import HLS_LOG, hls_makes
from finn_flows.vivado.installation import VivadoInstallation
from finn_flows.vivado.part_model import layer_of

if TYPE_CHECKING:
    import onnx


def run_hls(
    node: onnx.NodeProto,
    folder: Path,
    *,
    installation: VivadoInstallation,
    device: str,
    limits: Limits,
    status: Callable[[str], None],
) -> float:
    """HLS of ``node``, whose code is in ``folder``, there; the tool's wall time in seconds.

    Raises ToolError, naming the layer.
    """
    from finn.transformation.fpgadataflow.hlssynth_ip import HLSSynthIP
    from qonnx.custom_op.registry import getCustomOp

    seconds = 0.0

    def call(command: Sequence[str], directory: Path) -> None:
        nonlocal seconds
        asked = ToolCall(
            f"{layer_of(node)}, {node.op_type.removesuffix('_hls')}: HLS",
            Path(command[0]).name,
            tuple(command),
            directory,
            folder / HLS_LOG,
            hls_makes(node, folder),
            environment=tool_environment(),
        )
        seconds += call_tool(asked, limits, status).seconds

    tools = FinnTools(installation, call)
    with finn_session(folder, log=folder / "finn.log", tools=tools):
        copy = type(node)()
        copy.CopyFrom(node)
        getCustomOp(copy).set_nodeattr("code_gen_dir_ipgen", str(folder))
        HLSSynthIP(device).applyNodeLocal(copy)
    return seconds
