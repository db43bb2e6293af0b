"""Faults that a test asks for: which tool, at which step, at which call, what happens then.

The file that FAKE_VENDOR_FAULTS names is a JSON list of objects:

    {"tool": "vivado", "step": "synthesis", "kind": "licence", "call": 1, "calls": 1, ...}

``step``: of vivado ``start``, ``block_design``, ``package``, ``synthesis``, ``placement``,
``routing``, ``bitstream``, ``report``, ``xo``; of v++ ``start``, ``synthesis``, ``placement``,
``routing``, ``bitstream``; of HLS ``start``, ``csynth``, ``export``. ``match``: regular
expression that must be found in the design's name (a kernel, a partition, ``top``). The fault comes
at the ``call``-th time (from 1) that tool, step and design fit, and the ``calls`` - 1 after it.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from pathlib import Path
from typing import Any

VARIABLE = "FAKE_VENDOR_FAULTS"


def due(tool: str, step: str, design: str) -> list[dict[str, Any]]:
    """The faults that come now. Each call counts one for every fault that fits."""
    path = os.environ.get(VARIABLE)
    if not path:
        return []
    try:
        faults = json.loads(Path(path).read_text())
    except FileNotFoundError:
        return []
    found = []
    for number, fault in enumerate(faults):
        if fault.get("tool", tool) != tool or fault["step"] != step:
            continue
        if not re.search(fault.get("match", ""), design):
            continue
        first = fault.get("call", 1)
        if first <= _count(Path(f"{path}.{number}")) < first + fault.get("calls", 1):
            found.append(fault)
    return found


def _count(path: Path) -> int:
    """One more than the number in the file, which becomes that number; safe between processes."""
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        number = int(file.read() or 0) + 1
        file.truncate(0)
        file.write(str(number))
    return number
