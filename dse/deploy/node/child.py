"""A task's process as the node manager has it: started, watched, ended with all it started."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, NamedTuple, Optional

from dse.deploy.node.container import CONTROL_VARIABLE, PROGRESS_VARIABLE
from dse.deploy.node.json_channel import JsonChannel
from dse.deploy.node.progress import COMPUTING, LOADING, UNWATCHED, Progress
from dse.errors import DseError

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class ChildError(DseError):
    """A task's process cannot be started."""


class Limits(NamedTuple):
    """Seconds that a task may take without a sign of its compute thread: to load (the interpreter
    included), for one chunk, and in every other state, in which it shows a few times a second that
    it is there. What a task that is no job does is not watched."""

    load: float = 60.0
    compute: float = 10.0
    silence: float = 3.0

    def of(self, state: int) -> float:
        """What is granted in ``state`` of progress."""
        if state == UNWATCHED:
            return float("inf")
        return {0: self.load, LOADING: self.load, COMPUTING: self.compute}.get(state, self.silence)


class Child:
    """One running task. ``task``: its id; ``owner``: the client's; ``spawn``: what was asked for;
    ``reason``: why it failed, once that is known; ``cause``: ``task``, ``link`` (a hop that
    broke), ``neighbour`` (one that its other end closed), ``watchdog``, ``protocol``, ``killed``,
    ``exit`` or ``lease``; ``lost``: how much of what it said did not reach the
    client, by kind."""

    def __init__(self, owner: bytes, spawn: Dict[str, Any], log: Path, code: str) -> None:
        """Start it. ``code``: folder or zipapp with the board side."""
        self.owner = owner
        self.spawn = spawn
        self.task: str = spawn["task"]
        self.limits = Limits(**spawn["limits"])
        self.reason: Optional[str] = None
        self.cause = ""
        self.is_stopping = False
        self.lost = {"output": 0, "event": 0}
        self._kill_at: Optional[float] = None
        self._counter = -1
        self._moved = time.monotonic()
        main = Path(spawn["main"])
        try:
            self.progress = Progress.create()
        except OSError as error:
            raise ChildError(f"cannot start: {error.strerror or error}", where=main) from error
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            self.progress.close()
            raise ChildError(f"cannot start: {error.strerror or error}", where=main) from error
        environment = {
            **os.environ,
            "PYTHONPATH": code,
            "PYTHONUNBUFFERED": "1",
            # A board has few cores; an engine's library must not start a thread for each.
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            CONTROL_VARIABLE: str(theirs.fileno()),
            PROGRESS_VARIABLE: str(self.progress.fd),
        }
        try:
            with log.open("ab") as output:
                self._process = subprocess.Popen(
                    [sys.executable, str(main)],
                    cwd=str(main.parent),
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=(theirs.fileno(), self.progress.fd),
                    start_new_session=True,
                    preexec_fn=_die_with_parent,
                )
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            ours.close()
            theirs.close()
            self.progress.close()
            reason = getattr(error, "strerror", None) or error
            raise ChildError(f"cannot start: {reason}", where=main) from error
        theirs.close()
        # A child that does not read must not hold up the manager.
        ours.settimeout(1.0)
        self.channel = JsonChannel(ours)
        self.tell({"type": "config", **{key: spawn[key] for key in ("name", "app", "config")}})

    @property
    def pid(self) -> int:
        """Of the process, which leads its own group and session."""
        return self._process.pid

    def tell(self, message: Dict[str, Any]) -> bool:
        """Send ``message``; False if the child does not take it, which is its end: half a message
        may be in its channel."""
        try:
            self.channel.send(message)
        except socket.timeout:
            self.fail("it does not read what its node manager tells it", "protocol")
            self.kill()
            return False
        except OSError:
            return False
        return True

    def watch(self) -> None:
        """Kill the process if its compute thread has given no sign for too long, or if it was to
        stop and did not."""
        now = time.monotonic()
        if self._kill_at is not None and now >= self._kill_at:
            self.kill()
            return
        reading = self.progress.read()
        if reading.counter != self._counter:
            self._counter, self._moved = reading.counter, now
            return
        limit = self.limits.of(reading.state)
        if now - self._moved > limit and not self.is_stopping:
            where = f" (image {reading.sequence})" if reading.state == COMPUTING else ""
            self.fail(
                f"no sign of its compute thread for {limit:g} s: {reading.state_name}{where}",
                "watchdog",
            )
            self.kill()

    def excuse(self, seconds: float) -> None:
        """For so long nobody could have seen a sign of it."""
        self._moved += seconds

    @property
    def idle_seconds(self) -> float:
        """Since the compute thread was last seen to do anything."""
        return time.monotonic() - self._moved

    def fail(self, reason: str, cause: str) -> None:
        """Keep ``reason`` if it is the first."""
        if self.reason is None:
            self.reason, self.cause = reason, cause

    def stop(self, grace: float) -> None:
        """Ask the process to end, and kill it after ``grace`` seconds if it does not."""
        self.is_stopping = True
        if self._kill_at is None:
            self._kill_at = time.monotonic() + grace
            self.tell({"type": "stop"})
            try:
                os.kill(self.pid, signal.SIGTERM)
            except ProcessLookupError:
                return

    def kill(self) -> None:
        """End the process and all that it started, at once."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return

    def exit_code(self) -> Optional[int]:
        """None while it runs; negative for a signal."""
        return self._process.poll()

    def bury(self) -> str | None:
        """After its end: kill what it left running, give everything back; why it ended, None for
        a peaceful end."""
        code = self._process.wait()  # it has ended: this only asks how
        self.kill()
        self.channel.close()
        self.progress.close()
        if self.reason is None and not self.is_stopping:
            if code < 0:
                self.fail(f"its process was killed by {_signal_name(-code)}", "killed")
            elif code > 0:
                self.fail(f"its process ended with exit code {code}", "exit")
        return self.reason


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most real-time signals have none
        return f"signal {number}"


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
