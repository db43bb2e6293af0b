"""Running a process and all it starts within limits of time and memory, leaving nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_POLL_SECONDS = 0.02
_MEMORY_POLL_SECONDS = 0.1


class Limit(StrEnum):
    """A limit that was reached."""

    TIME = "time"
    MEMORY = "memory"


@dataclass(frozen=True)
class Ended:
    """How a process ended: ``exit_code`` as of subprocess (-9 after SIGKILL).

    ``reached``: the limit for which it was killed, None if it ended by itself. ``seconds``: wall
    time. ``peak_memory_bytes``: resident memory of all its processes together, sampled ten times a
    second, and at least what the process itself had at its height.
    """

    exit_code: int
    reached: Limit | None
    seconds: float
    peak_memory_bytes: int


def run_limited(
    command: Callable[[int], list[str]],
    *,
    folder: Path,
    log: Path,
    environment: dict[str, str],
    seconds: float,
    memory_bytes: int,
) -> Ended:
    """Run ``command(alive)`` in ``folder``, its output going to the file ``log``.

    It gets a process group of its own, which is killed when a limit is reached or an exception
    (Ctrl-C) comes by. ``alive`` is the reading end of a pipe that closes with this process: how a
    child notices a caller that was killed (see yosys_process.py).

    Memory is what is resident, watched from here, rather than RLIMIT_AS: an address space is twice
    as large as what Yosys uses of it, it is limited per process where Yosys and its logic optimiser
    stand side by side, and what happens at that limit cannot be told from any other crash. A
    process can pass the limit by what it touches within a tenth of a second.

    Raises OSError if the process cannot be started.
    """
    reading, writing = os.pipe()
    try:
        with log.open("wb") as output:
            started = time.monotonic()
            process = subprocess.Popen(
                command(reading),
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(reading,),
                process_group=0,
            )
        try:
            return _wait(process, started, seconds, memory_bytes)
        finally:
            # What it started can outlive it.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if process.returncode is None:
                process.wait()
    finally:
        os.close(reading)
        os.close(writing)


def _wait(
    process: subprocess.Popen[bytes], started: float, seconds: float, memory_bytes: int
) -> Ended:
    peak = 0
    reached: Limit | None = None
    next_look = 0.0
    while True:
        exit_code = process.poll()
        now = time.monotonic()
        if exit_code is not None:
            return Ended(exit_code, reached, now - started, peak)
        if reached is None:
            if now >= next_look:
                peak = max(peak, _resident_bytes(process.pid))
                next_look = now + _MEMORY_POLL_SECONDS
            if peak > memory_bytes:
                reached = Limit.MEMORY
            elif now - started > seconds:
                reached = Limit.TIME
            if reached is not None:
                os.killpg(process.pid, signal.SIGKILL)
        time.sleep(_POLL_SECONDS)


def _resident_bytes(pid: int) -> int:
    """Resident memory of a process and all it started; at least what the process had at its height.

    Not ru_maxrss: that begins with what the caller had when it forked. For the same reason a child
    that runs the same program as the process itself is left out: it has not got to its own yet.
    """
    import psutil

    total = 0
    with suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        process = psutil.Process(pid)
        program = process.exe()
        total = process.memory_info().rss
        for child in process.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if child.exe() != program:
                    total += child.memory_info().rss
        status = Path(f"/proc/{pid}/status").read_text()
        if height := re.search(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE):
            total = max(total, int(height[1]) * 1024)
    return total
