"""The processes of an emulated board, whoever started them, known by their environment."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import psutil

#: Set for the node manager and inherited by all it starts, into whatever process group.
FOLDER_VARIABLE = "DSE_BOARD_FOLDER"


def board_processes(folder: Path) -> list[psutil.Process]:
    """Every living process of the board whose working folder is ``folder``."""
    marker = str(folder)
    found = []
    for process in psutil.process_iter():
        # Those of others, and those that ended meanwhile, are none of ours.
        with suppress(psutil.Error, OSError):
            if process.environ().get(FOLDER_VARIABLE) == marker:
                found.append(process)
    return found


def kill_board_processes(folder: Path, seconds: float = 5.0) -> list[int]:
    """SIGKILL to all of them until none is left; returns the ids of those that stayed.

    One may stay only while the kernel cannot end it (an input or output that hangs).
    """
    deadline = time.monotonic() + seconds
    while left := board_processes(folder):
        for process in left:
            # psutil compares the time of birth, so a number used again is not hit.
            with suppress(psutil.Error):
                process.kill()
        if time.monotonic() > deadline:
            return [process.pid for process in left]
        time.sleep(0.005)
    return []
