"""The process in which Yosys runs: ``python -P yosys_process.py SCRIPT ALIVE``.

Runs the commands in the file SCRIPT, one a line, and writes what Yosys says to standard output. A
line ``if_any SELECTION COMMAND`` is run only if the selection (without blanks) holds anything.
It stands alone, importing nothing of this project, since it is started by its path.

ALIVE is the number of an open file descriptor, the reading end of a pipe whose other end only the
caller holds. When the caller is gone, however it went, the kernel closes that end and signals this
process group. A thread could not watch the pipe (Yosys holds Python's lock while it works), and
PR_SET_PDEATHSIG would leave the logic optimiser that Yosys starts (yosys-abc) behind.
"""

from __future__ import annotations

import fcntl
import os
import resource
import select
import signal
import sys
from pathlib import Path

IF_ANY = "if_any "


def main(script: Path, alive: int) -> None:
    _end_with(alive)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from pyosys import libyosys  # type: ignore[import-untyped]

    design = libyosys.Design()
    for command in script.read_text().splitlines():
        if command.startswith(IF_ANY):
            selection, command = command.removeprefix(IF_ANY).split(" ", 1)
            selected = Path("selected.txt")
            libyosys.run_pass(f"select -write {selected} {selection}", design)
            if not selected.read_text():
                continue
        libyosys.run_pass(command, design)


def _end_with(alive: int) -> None:
    signal.signal(signal.SIGIO, signal.SIG_DFL)  # which ends the process
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGIO})
    fcntl.fcntl(alive, fcntl.F_SETOWN, -os.getpgrp())
    flags = fcntl.fcntl(alive, fcntl.F_GETFL)
    fcntl.fcntl(alive, fcntl.F_SETFL, flags | os.O_ASYNC)
    if select.select([alive], [], [], 0)[0]:  # the caller was gone before
        sys.exit("the caller is gone")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
