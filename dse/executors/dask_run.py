"""Tasks on their way through Dask workers: tried, lost, tried again, settled once."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic
from uuid import uuid4

from dse.errors import ExecutorError
from dse.executors import dask_task
from dse.executors.dask_task import Answer, NotWantedError, Request
from dse.executors.dask_workers import DaskWorker, DaskWorkers, scheduler_lost
from dse.executors.interface import Name
from dse.executors.kept_folder import Packed, Shared, move_in, remove_tries, unpack
from dse.worker import Outcome, describe, disk_error
from finn_flows.build_status import clear_status, write_status

if TYPE_CHECKING:
    from distributed import Client, Future

#: So many workers may be lost while they do one and the same task, and no other one.
MOST_LOSSES = 5
#: After so many losses beside others, any of which may be to blame, a task has a worker alone.
_LOSSES_IN_COMPANY = 2
#: Between looks at whether a worker that has an answer is still there.
_ANSWER_SECONDS = 2.0


@dataclass(eq=False)
class _Job(Generic[Name]):
    """A task and what befell it.

    ``directory``: its folder, here. ``losses``: workers that were lost while they did it alone, and
    ``losses_in_company``: how many beside other tasks. ``kept``: the worker that is kept for it.
    """

    name: Name
    task: bytes
    directory: Path
    losses: list[str] = field(default_factory=list)
    losses_in_company: int = 0
    kept: DaskWorker | None = None

    @property
    def goes_alone(self) -> bool:
        """Whether only a loss of a worker that does nothing else says more about it."""
        return self.losses_in_company >= _LOSSES_IN_COMPANY


@dataclass(frozen=True)
class _Try(Generic[Name]):
    """A job on a worker. ``attempt`` is another word for each try."""

    job: _Job[Name]
    worker: DaskWorker
    attempt: str


class _WorkerLost(Exception):
    """The worker left with what it was asked for."""


class DaskRun(Generic[Name]):
    """Tasks that were started and have no outcome yet."""

    def __init__(
        self,
        client: Client,
        workers: DaskWorkers,
        needs: Mapping[str, float],
        pull: bool,
        note: Callable[[str], None],
    ) -> None:
        self._client = client
        self._workers = workers
        self._needs = needs
        self._pull = pull
        self._note = note
        self._tries: dict[Future, _Try[Name]] = {}
        self._again: deque[_Job[Name]] = deque()
        self._given_up: deque[tuple[Name, Outcome]] = deque()
        self._done: queue.SimpleQueue[Future] = queue.SimpleQueue()
        #: By attempt, what the task said last.
        self._statuses: dict[str, str] = {}
        self._topic = f"dse-status-{uuid4().hex}"
        client.subscribe_topic(self._topic, self._take_status)

    @property
    def running(self) -> int:
        """How many have been started and are not settled."""
        return len(self._tries) + len(self._again) + len(self._given_up)

    def start(self, name: Name, task: bytes, directory: Path, worker: DaskWorker) -> None:
        """Start the pickled ``task``, whose folder is ``directory``, on ``worker``."""
        self._submit(_Job(name, task, directory), worker)

    def start_again(self) -> bool:
        """Start a task that a worker took along, if there is one and room for it."""
        for job in self._again:
            worker = self._kept_for(job) if job.goes_alone else self._workers.free()
            if worker is not None:
                self._again.remove(job)
                self._submit(job, worker)
                return True
        return False

    def _kept_for(self, job: _Job[Name]) -> DaskWorker | None:
        """A worker that is kept for the job, once it has nothing else to do."""
        if job.kept is None or not self._workers.is_there(job.kept):
            job.kept = self._workers.reserve()
        return job.kept if job.kept is not None and job.kept.busy == 0 else None

    def give_up_lost(self) -> bool:
        """Take their tasks back from workers that are gone. Whether there are such."""
        lost = [
            (future, one)
            for future, one in self._tries.items()
            if not self._workers.is_there(one.worker)
        ]
        for future, one in lost:
            del self._tries[future]
            future.cancel(force=True)
            self._lose(one)
        return bool(lost)

    def finished(self, timeout: float) -> Iterator[tuple[Name, Outcome]]:
        """The outcomes that there are within ``timeout`` seconds."""
        while self._given_up:
            yield self._given_up.popleft()
        with suppress(queue.Empty):
            while True:
                future = self._done.get(timeout=timeout)
                timeout = 0.0
                one = self._tries.pop(future, None)
                if one is None:
                    continue  # of a try that was given up
                one.worker.busy -= 1
                if one.job.kept is one.worker:
                    one.worker.reserved, one.job.kept = False, None
                try:
                    outcome = self._outcome(future, one)
                except _WorkerLost:
                    # Before anything else is started there, and lost with it once more.
                    self._workers.look(self._note, at_once=True)
                    self._lose(one)
                else:
                    remove_tries(one.job.directory)
                    yield one.job.name, outcome

    def end(self) -> None:
        """Have the workers end all of it."""
        self._client.unsubscribe_topic(self._topic)
        futures = list(self._tries)
        if futures and self._client.status == "running":
            with suppress(Exception):  # of a scheduler that is about to be gone
                self._client.cancel(futures, force=True)
        directories = [one.job.directory for one in self._tries.values()]
        for directory in (*directories, *(job.directory for job in self._again)):
            remove_tries(directory)
        self._tries.clear()

    def _submit(self, job: _Job[Name], worker: DaskWorker) -> None:
        token, attempt = f".shared-{uuid4().hex}", uuid4().hex
        (job.directory / token).touch()
        request = Request(
            job.task, job.directory.absolute(), token, self._pull, self._topic, attempt
        )
        future = self._client.submit(
            dask_task.run,
            request,
            key=f"dse-{attempt}",
            workers=[worker.address],
            resources=dict(self._needs) or None,
            pure=False,
            retries=0,
        )
        worker.busy += 1
        self._tries[future] = _Try(job, worker, attempt)
        future.add_done_callback(self._done.put)

    def _outcome(self, future: Future, one: _Try[Name]) -> Outcome:
        """Raises _WorkerLost where there is none."""
        from distributed import KilledWorker

        self._empty(one.job.directory)
        try:
            answer = self._answer(future, one)
        except (KilledWorker, NotWantedError) as error:
            raise _WorkerLost from error
        except (_WorkerLost, ExecutorError):
            raise
        except Exception as error:
            return Outcome(error=f"{one.worker.address}: {describe(error)}")
        try:
            if isinstance(answer.kept, Shared):
                move_in(answer.kept, one.job.directory)
            elif isinstance(answer.kept, Packed):
                self._fetch(answer.kept, one)
        except (OSError, ExecutorError) as error:
            return Outcome(error=describe(error), disk_error=disk_error(error))
        return answer.outcome

    def _answer(self, future: Future, one: _Try[Name]) -> Answer:
        while True:
            if future.status in ("cancelled", "lost"):
                if self._client.status != "running":
                    raise scheduler_lost()
                raise _WorkerLost
            try:
                answer: Answer = future.result(timeout=_ANSWER_SECONDS)
            except TimeoutError:
                # Dask waits for a worker of this address to come back and do it again.
                self._check(one.worker)
            else:
                return answer

    def _fetch(self, packed: Packed, one: _Try[Name]) -> None:
        unpack(
            packed,
            lambda *piece: self._ask(one, dask_task.read_piece, packed, *piece),
            one.job.directory,
        )
        with suppress(_WorkerLost):  # it takes the file along
            self._ask(one, dask_task.forget, packed)

    def _ask(self, one: _Try[Name], question: Callable[..., Any], *arguments: Any) -> Any:
        address = one.worker.address
        try:
            return self._client.run(question, *arguments, workers=[address])[address]
        except Exception as error:
            self._check(one.worker)
            raise ExecutorError(f"{address}: {describe(error)}") from error

    def _check(self, worker: DaskWorker) -> None:
        """_WorkerLost if it is not there any more."""
        self._workers.look(self._note, at_once=True)
        if not self._workers.is_there(worker):
            raise _WorkerLost

    def _lose(self, one: _Try[Name]) -> None:
        job = one.job
        if job.goes_alone or one.worker.slots == 1:
            job.losses.append(one.worker.address)
        else:
            job.losses_in_company += 1
        remove_tries(job.directory)
        self._empty(job.directory)
        if len(job.losses) < MOST_LOSSES:
            self._note(f"worker {one.worker.address} is lost; what it was building is tried again")
            self._again.append(job)
        else:
            workers = ", ".join(job.losses)
            error = f"{len(job.losses)} Dask workers were lost while they did this: {workers}"
            self._given_up.append((job.name, Outcome(error=error)))

    def tell_statuses(self) -> None:
        """Put what the tasks say they are at where the watch looks for it."""
        said = dict(self._statuses)
        for one in self._tries.values():
            if one.attempt in said:
                write_status(one.job.directory, said[one.attempt])

    def _take_status(self, event: tuple[float, Any]) -> None:
        # In a thread of Dask's: files are written by ours alone.
        _, said = event
        self._statuses[said["attempt"]] = said["status"]

    @staticmethod
    def _empty(directory: Path) -> None:
        """Take out of a task's folder what we put there."""
        clear_status(directory)
        for token in directory.glob(".shared-*"):
            token.unlink()
