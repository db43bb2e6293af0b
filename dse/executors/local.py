"""The ``local`` executor: worker processes on this machine.

A dead worker costs the task it had, nothing else: concurrent.futures and loky declare the whole
pool broken when one worker is killed (by the kernel, out of memory, say) and fail every task in
flight; hence one process and one pipe per slot here.
"""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable, Generator, Mapping
from multiprocessing.connection import wait
from types import TracebackType
from typing import Self

from dse.errors import InputError
from dse.executors.interface import ExecutorChoice, Name, Watch
from dse.executors.signals_wait import signals_wait
from dse.executors.worker_process import WorkerProcess
from dse.worker import Outcome, Task
from finn_flows.backends.interface import Backend

#: Longest time, in seconds, until a dead worker is noticed whose pipe a stray child still holds,
#: and between looks at what the tasks say.
_POLL_SECONDS = 1.0


class LocalExecutor:
    """At most ``workers`` tasks at once, a process for each (default: as many as cores)."""

    name = "local"

    def __init__(self, workers: int | None = None) -> None:
        self._workers = workers or len(os.sched_getaffinity(0))

    @classmethod
    def from_choice(cls, choice: ExecutorChoice) -> Self:
        """InputError for what only a cluster has a use for."""
        given = {
            "--scheduler": choice.scheduler,
            "--slurm": choice.slurm,
            "--resource": choice.resources,
            "--wait": choice.wait,
            "--pull": choice.pull or None,
        }
        for option, value in given.items():
            if value is not None:
                raise InputError(f"{option} needs --executor dask; builds on this machine run here")
        return cls(choice.workers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    def tool_versions(self, backend: Backend, note: Callable[[str], None]) -> Mapping[str, str]:
        return backend.tool_versions()

    def slots(self, backend: Backend, most: int, note: Callable[[str], None]) -> int:
        return max(1, min(self._workers, most))

    def run_tasks(
        self,
        backend: Backend,
        next_task: Callable[[], tuple[Name, Task] | None],
        most: int,
        watch: Watch,
    ) -> Generator[tuple[Name, Outcome], None, None]:
        """See :meth:`dse.executors.interface.Executor.run_tasks`. Whatever is left is killed."""
        idle = [WorkerProcess() for _ in range(self.slots(backend, most, watch.note))]
        busy: dict[WorkerProcess, Name] = {}
        looked = time.monotonic()
        try:
            while True:
                while idle:
                    begun = next_task()
                    if begun is None:
                        break
                    name, task = begun
                    worker = idle.pop()
                    busy[worker] = name
                    worker.start_task(pickle.dumps(task))
                if not busy:
                    return
                wait([handle for worker in busy for handle in worker.handles()], _POLL_SECONDS)
                for worker in list(busy):
                    outcome = worker.outcome()
                    if outcome is not None:
                        idle.append(worker)
                        yield busy.pop(worker), outcome
                if time.monotonic() - looked >= _POLL_SECONDS:
                    looked = time.monotonic()
                    watch.look()
        finally:
            # A second Ctrl-C must not leave a worker behind.
            with signals_wait():
                for worker in (*idle, *busy):
                    worker.kill()
