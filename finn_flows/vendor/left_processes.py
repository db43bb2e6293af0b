"""Processes of a tool that left its process group: found by a mark in their environment.

A tool that makes its runs sessions of their own would leave them behind when it is killed.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

#: Set for a tool and whatever it starts: the absolute folder that the tool works in.
DIRECTORY_VARIABLE = "SPLIT_DSE_TOOL_DIRECTORY"
_MARK = f"{DIRECTORY_VARIABLE}=".encode()


def kill_left_processes(folder: Path) -> int:
    """Kill every process of a tool that works in ``folder`` or below it; how many there were.

    Only the caller may have tools at work there. Processes of other users are not seen.
    """
    root = os.fsencode(folder.absolute())
    killed = 0
    for pid, directory in _marked():
        if directory == root or directory.startswith(root + b"/"):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
    return killed


def _marked() -> Iterator[tuple[int, bytes]]:
    own = os.getpid()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == own:
            continue
        with suppress(OSError):  # it has gone, or is another user's
            environment = (entry / "environ").read_bytes()
            at = environment.find(_MARK)
            if at == 0 or (at > 0 and environment[at - 1] == 0):
                value = environment[at + len(_MARK) :].split(b"\0", 1)[0]
                yield int(entry.name), value
