"""Where a report begins in a file: the first lines of Vivado's reports and of HLS' text reports."""

from __future__ import annotations

import re

#: What a Vivado report begins with; a copyright line and a rule may stand before.
VIVADO = "| Tool Version"

#: The title line of a csynth text report: tool, top function.
HLS_TITLE = re.compile(r"\s*== (Vivado|Vitis) HLS Report for '(.+)'\s*")


def is_start(line: str) -> bool:
    """Whether ``line`` begins a report, so that what came before is complete or never will be."""
    return line.startswith(VIVADO) or ("==" in line and HLS_TITLE.fullmatch(line) is not None)
