"""Running a tool and all it starts within limits of time and memory, leaving nothing behind."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO

#: The first process of the group that the tool runs in. Its input is a pipe that only the caller
#: could write to and never does: it wakes up when the caller is gone, however it went, and ends the
#: whole group. A shell, since it must be small, be there at once and work beside any tool.
_WATCHER = ("/bin/sh", "-c", "trap '' HUP INT QUIT TERM; read -r _; kill -KILL 0")

_LOOK_SECONDS = 0.1
#: Between vfork and exec, which takes less than this, a process seems to have its parent's memory.
_START_SECONDS = 0.005
_HEIGHT = re.compile(r"^VmHWM:\s*(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True)
class Limits:
    """``seconds`` of wall time and ``memory_bytes`` of resident memory, of all processes together,
    that a tool and what it starts may take."""

    seconds: float = 900.0
    memory_bytes: int = 2 * 1024**3


class Outcome(StrEnum):
    """How a tool ended: by itself (whatever its exit code), for a limit, or by another's signal."""

    ENDED = "ended"
    OUT_OF_TIME = "out of time"
    OUT_OF_MEMORY = "out of memory"
    KILLED = "killed by a signal"


@dataclass(frozen=True)
class ToolRun:
    """What became of a tool.

    ``exit_code`` is as of subprocess: -N after signal N. ``seconds``: wall time.
    ``peak_memory_bytes``: resident memory of all its processes together, shared pages once, sampled
    ten times a second, and at least what any of them had at its height when last looked at; None if
    all had ended before they could be looked at. ``output``: what it printed, errors among the
    rest; None if that went to a file.
    """

    outcome: Outcome
    exit_code: int
    seconds: float
    peak_memory_bytes: int | None
    output: str | None


def run_tool(
    command: Sequence[str],
    *,
    directory: Path,
    limits: Limits,
    log: Path | None = None,
    environment: Mapping[str, str] | None = None,
    each_look: Callable[[], None] | None = None,
) -> ToolRun:
    """Run ``command`` in ``directory``; what it prints goes to the file ``log``, or is returned.

    It reads nothing, leaves no core file, and ``environment`` is added to the caller's. It runs in
    a process group of its own, all of which is killed when the tool has ended, when a limit is
    reached, when an exception (Ctrl-C) comes by and when the caller is gone, even by SIGKILL. What
    leaves the group, or a copy of the caller made by a fork without exec, which holds the caller's
    pipe open, escapes that.

    Memory is what is resident, watched from here, rather than RLIMIT_AS: an address space is far
    larger than what is used of it, it is limited per process where a tool and those it starts stand
    side by side, and what happens at that limit cannot be told from any other crash. A tool can
    pass the limit by what it touches within a tenth of a second.

    ``each_look`` is called each time that the tool is looked at, ten times a second while it runs;
    what it raises ends the tool.

    Raises OSError if the tool cannot be started or ``log`` cannot be opened.
    """
    with _opened(log) as output, _group() as group:
        started = time.monotonic()
        process = subprocess.Popen(
            list(command),
            cwd=directory,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=group,
        )
        try:
            with suppress(ProcessLookupError):  # it may have ended already
                resource.prlimit(process.pid, resource.RLIMIT_CORE, (0, 0))
            reached, peak = _wait(process, group, started, limits, each_look)
        finally:
            os.killpg(group, signal.SIGKILL)  # what the tool started can outlive it
            process.kill()  # should it have left the group
            process.wait()
        seconds = time.monotonic() - started
        if log is None:
            output.seek(0)
        said = output.read().decode(errors="replace") if log is None else None
    code = process.returncode
    if reached is None or code != -signal.SIGKILL:  # it ended just before it was to be killed
        reached = Outcome.KILLED if code < 0 else Outcome.ENDED
    return ToolRun(reached, code, seconds, peak, said)


def _opened(log: Path | None) -> IO[bytes]:
    return tempfile.TemporaryFile() if log is None else log.open("wb")


@contextmanager
def _group() -> Iterator[int]:
    """The number of a process group with a watcher in it, which ends the group with the caller.

    The watcher is reaped last, so that until then the number cannot become another group's. A tool
    started into the group holds the caller's end of the pipe until it is in there and runs its own
    program: there is no moment at which the watcher could miss it.
    """
    watched, alive = os.pipe()
    try:
        try:
            watcher = subprocess.Popen(
                _WATCHER,
                stdin=watched,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                process_group=0,
            )
        finally:
            os.close(watched)
        try:
            yield watcher.pid
        finally:
            os.killpg(watcher.pid, signal.SIGKILL)
            watcher.wait()
    finally:
        os.close(alive)


def _wait(
    process: subprocess.Popen[bytes],
    group: int,
    started: float,
    limits: Limits,
    each_look: Callable[[], None] | None,
) -> tuple[Outcome | None, int | None]:
    """Until the process ends or a limit is reached: which limit, and the greatest memory seen."""
    end = started + limits.seconds
    peak = 0
    while True:
        peak = max(peak, _resident_bytes(group, peak))
        if peak > limits.memory_bytes:
            return Outcome.OUT_OF_MEMORY, peak
        left = end - time.monotonic()
        if left <= 0:
            return Outcome.OUT_OF_TIME, peak or None
        if each_look is not None:
            each_look()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=min(left, _LOOK_SECONDS))
            return None, peak or None


def _resident_bytes(group: int, peak: int) -> int:
    """Resident memory of a group without its watcher; any lower number if not above ``peak``.

    At least what any one process had at its height. (Not ru_maxrss: that begins with what the
    caller had when it forked.) Who shares a page takes long to find out, so it is looked at only
    where it matters.
    """
    members = [pid for pid in _members(group) if pid != group]
    height = max((_height(pid) for pid in members), default=0)
    upper = sum(_bytes_of(pid, shared_once=False) for pid in members)
    if max(upper, height) <= peak or len(members) < 2:
        return max(upper, height)
    exact = sum(_bytes_of(pid, shared_once=True) for pid in members)
    if exact > peak:
        time.sleep(_START_SECONDS)
        members = [pid for pid in _members(group) if pid != group]
        exact = min(exact, sum(_bytes_of(pid, shared_once=True) for pid in members))
    return max(exact, height)


def _members(group: int) -> list[int]:
    import psutil

    found = []
    for pid in psutil.pids():
        with suppress(OSError):  # it has gone meanwhile
            if os.getpgid(pid) == group:
                found.append(pid)
    return found


def _bytes_of(pid: int, *, shared_once: bool) -> int:
    """Resident memory of one process; a page that N processes share counts as an Nth of it, or
    in full where the system does not say who shares it."""
    import psutil

    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if shared_once:
            with suppress(psutil.AccessDenied):
                return int(process.memory_full_info().pss)
        return int(process.memory_info().rss)
    return 0


def _height(pid: int) -> int:
    with suppress(OSError):
        if height := _HEIGHT.search(Path(f"/proc/{pid}/status").read_text()):
            return int(height[1]) * 1024
    return 0
