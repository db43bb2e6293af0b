"""One run of a vendor tool: started, watched, its log read while it runs, its end classed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from finn_flows.tool_process import Limits, ToolRun


@dataclass(frozen=True)
class ToolCall:
    """A command that runs ``tool`` and what it must leave.

    ``step``: in words, as a person reads it: ``conv3, MVAU: HLS``. ``tool``: ``vivado``,
    ``vitis_hls``, ``vivado_hls``, ``vitis-run`` or ``v++``. ``command`` runs in ``directory``;
    what it prints goes to ``log`` (an earlier try's log is kept beside it). ``makes``: files or
    folders that must be there, and not empty, afterwards. ``environment`` is added to ours.
    """

    step: str
    tool: str
    command: tuple[str, ...]
    directory: Path
    log: Path
    makes: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def call_tool(call: ToolCall, limits: Limits, status: Callable[[str], None]) -> ToolRun:
    """Run ``call``; again, at most twice, where that can help (licence busy, crash, port in use).

    ``status`` is told, in words, which stage the log shows: ``conv3, MVAU: HLS: csynth``.

    Raises ToolError of the kind that fits; never for timing that is not met (the tool ends well
    then). A full disk has the OSError as its cause.
    """
    raise NotImplementedError
