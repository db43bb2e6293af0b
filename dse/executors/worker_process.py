"""A worker process (dse/worker.py) from the outside: one process, one pipe, one task at a time."""

from __future__ import annotations

import multiprocessing
import os
import signal
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.resource_tracker import ensure_running

from dse.executors.signals_wait import signals_wait
from dse.worker import Outcome, serve


class WorkerProcess:
    """A slot that holds a live worker process while there is work; it is started on first use."""

    _process: BaseProcess | None = None
    _connection: Connection

    def start_task(self, task: bytes) -> None:
        """Have the process do a pickled :class:`dse.worker.Task`."""
        if self._process is None or not self._process.is_alive():
            self.kill()
            self._start()
        # If the worker is dead already, outcome() says so.
        with suppress(OSError):
            self._connection.send_bytes(task)

    def handles(self) -> list[Connection | int]:
        """For multiprocessing.connection.wait: ready once there may be an outcome."""
        assert self._process is not None
        return [self._connection, self._process.sentinel]

    def outcome(self) -> Outcome | None:
        """What became of the task, None while it runs. A dead worker's outcome is an error."""
        assert self._process is not None
        alive = self._process.is_alive()
        try:
            if self._connection.poll():
                received = self._connection.recv()
                assert isinstance(received, Outcome)
                return received
        except (EOFError, OSError):
            alive = False
        if alive:
            return None
        self._process.join()
        error = f"the worker process {_how_it_ended(self._process.exitcode)}"
        self.kill()
        return Outcome(error=error)

    def kill(self) -> None:
        """End the process and everything in its process group."""
        if self._process is None:
            return
        assert self._process.pid is not None
        # Its group exists only once it has made its session; before that it has no children.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.join()
        self._process.close()
        self._connection.close()
        self._process = None

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=serve, args=(theirs,), name="dse worker")
        # Where its resource tracker does not run yet, multiprocessing starts that first, and then
        # unblocks SIGINT, which the worker must not meet before it has a session of its own.
        ensure_running()
        # Half started, a worker would complain of a driver that hangs up.
        with signals_wait():
            process.start()
            self._process, self._connection = process, ours
        theirs.close()


def _how_it_ended(code: int | None) -> str:
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name
    return f"was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
