"""The driver's side of worker processes: a dead worker costs the task it had, nothing else.

concurrent.futures and loky declare the whole pool broken when one worker is killed (by the kernel,
out of memory, say) and fail every task in flight; hence one process and one pipe per slot here.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.resource_tracker import ensure_running
from typing import TypeVar

from dse.worker import Outcome, Task, serve

#: Longest time, in seconds, until a dead worker is noticed whose pipe a stray child still holds.
_POLL_SECONDS = 1.0

#: Signals by which a person, a shell or an operating system asks us to end.
_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


Name = TypeVar("Name")


def run_tasks(
    next_task: Callable[[], tuple[Name, Task] | None], workers: int
) -> Generator[tuple[Name, Outcome], None, None]:
    """Run tasks on ``workers`` processes; yield (name, outcome) as each one finishes.

    ``next_task`` is asked whenever a worker is free, and again after each outcome if it said None:
    nothing can start yet. None while no task runs is the end. When the iterator is closed, or an
    exception passes through it, every worker and all it started is killed at once.
    """
    idle = [_Worker() for _ in range(workers)]
    busy: dict[_Worker, Name] = {}
    try:
        while True:
            while idle:
                begun = next_task()
                if begun is None:
                    break
                name, task = begun
                worker = idle.pop()
                busy[worker] = name
                worker.start_task(task)
            if not busy:
                return
            wait([handle for worker in busy for handle in worker.handles()], _POLL_SECONDS)
            for worker in list(busy):
                outcome = worker.outcome()
                if outcome is not None:
                    idle.append(worker)
                    yield busy.pop(worker), outcome
    finally:
        # A second Ctrl-C must not leave a worker behind.
        with _signals_wait():
            for worker in (*idle, *busy):
                worker.kill()


class _Worker:
    """A slot that holds a live worker process while there is work; it is started on first use."""

    _process: BaseProcess | None = None
    _connection: Connection

    def start_task(self, task: Task) -> None:
        if self._process is None or not self._process.is_alive():
            self.kill()
            self._start()
        # If the worker is dead already, outcome() says so.
        with suppress(OSError):
            self._connection.send(task)

    def handles(self) -> list[Connection | int]:
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
        with _signals_wait():
            process.start()
            self._process, self._connection = process, ours
        theirs.close()


@contextmanager
def _signals_wait() -> Iterator[None]:
    """Put off Ctrl-C and what else asks us to end until the block is done.

    A process started in the block does not see a Ctrl-C at all.
    """
    arrived: list[int] = []
    # Python runs a handler in the main thread, whichever thread the signal reached: blocking it is
    # enough for the process that is started (it inherits that), not for us. Only SIGINT is blocked:
    # tools that a worker starts can still be asked to end.
    in_main_thread = threading.current_thread() is threading.main_thread()
    handlers = {
        number: handler
        for number in _ENDING_SIGNALS
        if (handler := signal.getsignal(number)) is not None  # installed by C code: not ours
    }
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    if in_main_thread:
        for number in handlers:
            signal.signal(number, lambda number, _frame: arrived.append(number))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if in_main_thread:
            for number, handler in handlers.items():
                signal.signal(number, handler)
    if arrived:
        # To whoever handles it, or to its end.
        signal.raise_signal(arrived[0])


def _how_it_ended(code: int | None) -> str:
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name
    return f"was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
