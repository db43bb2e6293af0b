"""The ``dask`` executor: tasks on the workers of a Dask cluster.

Every task is pinned to one worker that has room for it, so that a lost worker takes only what it
was building, and nobody else's task is ever suspected. Which try of a task counts is decided here:
what a worker thought dead still finishes is not looked at.
"""

from __future__ import annotations

import contextlib
import logging
import pickle
import re
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from dse.errors import DseError, ExecutorError, InputError
from dse.executors import dask_task
from dse.executors.dask_run import DaskRun
from dse.executors.dask_workers import LOOK_SECONDS, DaskWorkers
from dse.executors.interface import ExecutorChoice, Name, Watch, resources_of, tools_here
from dse.executors.signals_wait import signals_wait
from dse.worker import Outcome, Task
from finn_flows.backends.interface import Backend

if TYPE_CHECKING:
    from distributed import Client

#: How long a scheduler that was started by hand may have no worker.
WAIT_SECONDS = 60.0
INSTALL = "pip install 'split-dse[cluster]'"
_CONNECT_SECONDS = 10.0
#: How long workers that are there may take to say what software they have, before the sweep begins
#: with the others.
_MEETING_SECONDS = 10.0
#: Loggers that are given a level of their own.
_CHATTY = ("distributed", "distributed.client", "tornado", "tornado.application", "asyncio")
_ADDRESS = re.compile(
    r"(?:[a-z]+://)?[^\s/:]+:[0-9]{1,5}|[a-z]+://\[[0-9A-Fa-f:.%a-z]+\]:[0-9]{1,5}"
)


class DaskExecutor:
    """Builds on the cluster of the Dask ``scheduler``, or on one that Slurm starts as the TOML file
    ``slurm`` says.

    ``resources``: what a worker must offer for one task, by resource tag, in place of what the
    backend says. ``workers``: most tasks at once on all of them (None: as many as they have room
    for). ``wait``: seconds to wait while no worker can be used (None: 60, and without end
    for ``slurm``). ``pull``: fetch what builds leave even from workers that see its folder.
    Anybody who reaches a scheduler without TLS can run code on its workers, so without TLS (which
    Dask's own configuration turns on) it belongs in a trusted network.
    """

    name = "dask"

    def __init__(
        self,
        scheduler: str | None = None,
        *,
        slurm: str | Path | None = None,
        resources: Mapping[str, float] | None = None,
        workers: int | None = None,
        wait: float | None = None,
        pull: bool = False,
    ) -> None:
        if (scheduler is None) == (slurm is None):
            raise InputError(
                "the dask executor needs to know where to build",
                expected="either --scheduler tcp://HOST:PORT or --slurm FILE.toml",
            )
        if scheduler is not None and not _ADDRESS.fullmatch(scheduler):
            raise InputError(
                f"{scheduler[:100]!r} is no address of a Dask scheduler",
                expected="tcp://HOST:PORT or tls://HOST:PORT",
            )
        self._scheduler = scheduler
        self._slurm = None if slurm is None else Path(slurm)
        self._resources = resources
        self.most = workers
        self._wait = WAIT_SECONDS if wait is None and slurm is None else wait
        self._pull = pull
        self._workers: dict[str, DaskWorkers] = {}
        self._client: Client | None = None
        #: Told often whether workers were lost; sees to jobs.
        self._look_at_jobs: Callable[[bool], None] = lambda lost: None

    @classmethod
    def from_choice(cls, choice: ExecutorChoice) -> Self:
        """InputError for what is missing or makes no sense."""
        return cls(
            choice.scheduler,
            slurm=choice.slurm,
            resources=choice.resources,
            workers=choice.workers,
            wait=choice.wait,
            pull=choice.pull,
        )

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            try:
                from distributed import Client
            except ImportError as error:
                raise ExecutorError(f"Dask is not installed; to install it: {INSTALL}") from error
            stack.enter_context(_quiet())
            address: Any = self._scheduler
            if self._slurm is not None:
                from dse.executors.slurm_cluster import slurm_cluster

                cluster = stack.enter_context(slurm_cluster(self._slurm))
                address, self._look_at_jobs = cluster.dask, cluster.look
            try:
                client = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False, name="dse")
            except (OSError, ValueError) as error:
                raise ExecutorError(
                    f"no Dask scheduler answers at {self._scheduler}",
                    expected="one that `dask scheduler` started, of the same version of Dask",
                ) from error
            self._client = client
            stack.callback(self._leave)
            self._open = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A second Ctrl-C must not leave a job behind.
        with signals_wait():
            self._open.close()

    def tool_versions(self, backend: Backend, note: Callable[[str], None]) -> Mapping[str, str]:
        """Those of this machine, or, where the tools are not here, of the first worker that can
        build; the others must have the same."""
        here: Mapping[str, str] | None = None
        with suppress(DseError):
            here = tools_here(backend)
        workers = self._workers_for(backend, here)
        while workers.tools is None:
            self._look_at_jobs(False)
            workers.look(note)
            if workers.tools is None:
                time.sleep(0.05)
        return workers.tools

    def slots(self, backend: Backend, most: int, note: Callable[[str], None]) -> int:
        workers = self._workers_for(backend, None)
        workers.meet(note, _MEETING_SECONDS)
        return max(1, min(self._at_most(most), sum(worker.slots for worker in workers.usable)))

    def run_tasks(
        self,
        backend: Backend,
        next_task: Callable[[], tuple[Name, Task] | None],
        most: int,
        watch: Watch,
    ) -> Generator[tuple[Name, Outcome], None, None]:
        """See :meth:`dse.executors.interface.Executor.run_tasks`.

        A task whose worker is lost is tried again on another one. Raises ExecutorError where the
        scheduler is lost, or there was no worker for too long.
        """
        assert self._client is not None
        workers = self._workers_for(backend, None)
        run: DaskRun[Name] = DaskRun(
            self._client, workers, self._needs(backend), self._pull, watch.note
        )
        looked = time.monotonic()
        try:
            while True:
                workers.look(watch.note)
                self._look_at_jobs(run.give_up_lost())
                starved = False
                while run.start_again():
                    pass
                while run.running < self._at_most(most) and not starved:
                    room = workers.free()
                    if room is None:
                        break
                    begun = next_task()
                    if begun is None:
                        starved = True
                    else:
                        name, task = begun
                        run.start(name, pickle.dumps(task), task.directory, room)
                if starved and not run.running:
                    return
                yield from run.finished(LOOK_SECONDS / 4)
                if time.monotonic() - looked >= LOOK_SECONDS:
                    looked = time.monotonic()
                    run.tell_statuses()
                    watch.look()
        finally:
            with signals_wait():
                run.end()

    def _at_most(self, most: int) -> int:
        return most if self.most is None else min(most, self.most)

    def _needs(self, backend: Backend) -> Mapping[str, float]:
        return resources_of(backend) if self._resources is None else self._resources

    def _workers_for(self, backend: Backend, tools: Mapping[str, str] | None) -> DaskWorkers:
        assert self._client is not None
        if backend.name not in self._workers:
            self._workers[backend.name] = DaskWorkers(
                self._client, backend, self._needs(backend), tools, self._wait
            )
        return self._workers[backend.name]

    def _leave(self) -> None:
        """End what we keep on the workers, and hang up."""
        assert self._client is not None
        client, self._client = self._client, None
        self._workers.clear()
        if client.status == "running":
            with suppress(Exception):  # a worker that is gone has ended it, too
                client.run(dask_task.end_idle, on_error="ignore")
        with suppress(Exception):
            client.close(timeout=2)


@contextlib.contextmanager
def _quiet() -> Generator[None, None, None]:
    """Dask logs to stderr that it lost somebody; here that is one line of ours."""
    loggers = [logging.getLogger(name) for name in _CHATTY]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
