"""Processes of a tool that left its process group: found by a mark in their environment.

A tool that makes its runs sessions of their own would leave them behind when it is killed.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

#: Set for a tool and whatever it starts: the absolute folder that the tool works in.
DIRECTORY_VARIABLE = "SPLIT_DSE_TOOL_DIRECTORY"
_MARK = f"{DIRECTORY_VARIABLE}=".encode()
#: Looks at all processes, and seconds between two.
_MOST_LOOKS = 50
_LOOK_SECONDS = 0.005


def kill_left_processes(folder: Path) -> int:
    """Kill every process of a tool that works in ``folder`` or below it; how many there were.

    Only the caller may have tools at work there. Processes of other users are not seen.
    """
    root = os.fsencode(folder.absolute())
    killed: set[int] = set()
    for _ in range(_MOST_LOOKS):
        again = False
        for pid, directory in _marked():
            if directory is None:
                again = True
            elif directory == root or directory.startswith(root + b"/"):
                # What it may have started since the list of processes was made is seen next time.
                again = True
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
                    killed.add(pid)
        if not again:
            break
        time.sleep(_LOOK_SECONDS)
    return len(killed)


def _marked() -> Iterator[tuple[int, bytes | None]]:
    """Processes with the mark and its value; None for one that is just starting a program, whose
    environment nobody can read yet."""
    own = os.getpid()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == own:
            continue
        with suppress(OSError):  # it has gone, or is another user's
            environment = (entry / "environ").read_bytes()
            if not environment and _starts(entry):
                yield int(entry.name), None
            at = environment.find(_MARK)
            if at == 0 or (at > 0 and environment[at - 1] == 0):
                value = environment[at + len(_MARK) :].split(b"\0", 1)[0]
                yield int(entry.name), value


def _starts(entry: Path) -> bool:
    """Whether the process is amid an exec. The kernel's threads and zombies run no program; one
    that was given no environment has had its arguments for long."""
    with suppress(OSError):
        (entry / "exe").readlink()
        return not (entry / "cmdline").read_bytes()
    return False
