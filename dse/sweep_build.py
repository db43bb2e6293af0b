"""Building the points that nobody knows yet: shared steps, points, and what becomes of them."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dse.design_point import failed_record
from dse.errors import StoreError
from dse.executors.interface import Executor
from dse.point_result import PointResult, PointState
from dse.step_schedule import Point, Step, StepSchedule
from dse.store import ResultStore
from dse.tasks import BuildTask, PlanTask, StepTask
from dse.worker import Outcome, Task
from finn_flows.backends.interface import Backend, Part, SharedStep, StepSharingBackend
from finn_flows.build_status import clear_status, read_status


class BuildProgress(Protocol):
    """What wants to know how the building gets on."""

    def planning(self) -> None: ...

    def planned(self, steps: int, error: str | None) -> None: ...

    def step_begun(self, name: str) -> None: ...

    def step_finished(self, name: str, seconds: float, error: str | None) -> None: ...

    def building(self, part: Part) -> None: ...

    def finished(self, result: PointResult, seconds: float | None) -> None:
        """``seconds`` is None for a point that did not begin, as a step that it needs failed."""

    def doing(self, statuses: Sequence[Doing]) -> None:
        """What runs now and says what it is at; about once a second."""

    def note(self, line: str) -> None:
        """What the executor has to tell a person."""


@dataclass(frozen=True)
class Doing:
    """A point or shared step that runs since ``seconds`` and says ``status``."""

    name: str
    seconds: float
    status: str


def build_points(
    points: Sequence[Part],
    keys: Sequence[str],
    backend: Backend,
    store: ResultStore,
    executor: Executor,
    most: int,
    progress: BuildProgress,
) -> Generator[PointResult, None, None]:
    """Results as they finish, each in the store before it is given. See dse.sweep_driver.sweep."""
    work = _Work(points, keys, backend, store, progress)
    outcomes = executor.run_tasks(backend, work.next_task, most, work)
    try:
        with closing(outcomes):
            for job, outcome in outcomes:
                yield from work.settle(job, outcome)
    finally:
        work.discard()


@dataclass(frozen=True)
class _Plan:
    """Asking the backend what the points share."""


_Job = _Plan | Step | Point


class _Work:
    """What is to be done, what is being done, and what follows from an outcome."""

    def __init__(
        self,
        points: Sequence[Part],
        keys: Sequence[str],
        backend: Backend,
        store: ResultStore,
        progress: BuildProgress,
    ) -> None:
        self._points = points
        self._keys = keys
        self._backend = backend
        self._store = store
        self._progress = progress
        self._steps: Sequence[SharedStep] = ()
        self._step_logs: dict[int, Path] = {}
        self._schedule: StepSchedule | None = None
        self._begun: dict[_Job, tuple[Path, float]] = {}
        if not isinstance(backend, StepSharingBackend):
            self._schedule = StepSchedule(len(points), ())

    def next_task(self) -> tuple[_Job, Task] | None:
        """The next one that can start, with its folder made."""
        if self._schedule is None:
            return None if self._begun else self._plan()
        job = self._schedule.next()
        if isinstance(job, Step):
            step = self._steps[job.position]
            self._progress.step_begun(step.name)
            return job, StepTask(step.function, step.arguments, self._begin(job, step.key))
        if isinstance(job, Point):
            part = self._points[job.position]
            self._progress.building(part)
            folder = self._begin(job, self._keys[job.position])
            return job, BuildTask(part, self._backend, folder)
        return None

    def settle(self, job: _Job, outcome: Outcome) -> Iterator[PointResult]:
        """The results that follow from the outcome of ``job``."""
        directory, begun = self._begun[job]
        clear_status(directory)
        seconds = time.monotonic() - begun
        if isinstance(job, Point):
            result = self._store_point(job.position, outcome, directory)
            del self._begun[job]
            self._progress.finished(result, seconds)
            yield result
        elif isinstance(job, Step):
            yield from self._finish_step(job, outcome, directory, seconds)
        else:
            self._take_plan(outcome, directory)

    def look(self) -> None:
        """Tell what the tasks that run say they are at."""
        now = time.monotonic()
        self._progress.doing(
            [
                Doing(self._name(job), now - begun, status)
                for job, (directory, begun) in self._begun.items()
                if (status := read_status(directory)) is not None
            ]
        )

    def note(self, line: str) -> None:
        """What the executor has to tell."""
        self._progress.note(line)

    def _name(self, job: _Job) -> str:
        if isinstance(job, Point):
            return str(self._points[job.position])
        return self._steps[job.position].name if isinstance(job, Step) else "plan"

    def discard(self) -> None:
        """Forget what was begun and is not settled."""
        for directory, _ in self._begun.values():
            self._store.discard(directory)

    def _begin(self, job: _Job, key: str) -> Path:
        directory = self._store.begin(key)
        self._begun[job] = directory, time.monotonic()
        return directory

    def _plan(self) -> tuple[_Job, Task]:
        assert isinstance(self._backend, StepSharingBackend)
        self._progress.planning()
        directory = self._begin(_Plan(), f"{self._backend.name}-plan")
        return _Plan(), PlanTask(tuple(self._points), self._backend, directory)

    def _take_plan(self, outcome: Outcome, directory: Path) -> None:
        self._put_away(_Plan(), f"{self._backend.name}-plan", outcome, directory)
        # Without a plan each point does for itself what it needs.
        self._steps = () if outcome.error is not None else outcome.result
        needed_by = [step.needed_by for step in self._steps]
        self._schedule = StepSchedule(len(self._points), needed_by)
        self._progress.planned(self._schedule.step_count, outcome.error)

    def _finish_step(
        self, job: Step, outcome: Outcome, directory: Path, seconds: float
    ) -> Iterator[PointResult]:
        assert self._schedule is not None
        step = self._steps[job.position]
        # A disk that fails here is that of the backend's cache: if it is the store's, too, the next
        # point says so.
        error = outcome.error
        if error is not None and step.name not in error:
            error = f"{step.name}: {error}"
        kept = self._put_away(job, step.key, outcome, directory)
        if kept is not None:
            self._step_logs[job.position] = kept
        self._progress.step_finished(step.name, seconds, error)
        for position, first_failed, errors in self._schedule.finished(job.position, error):
            part = self._points[position]
            result = PointResult(
                part,
                self._keys[position],
                PointState.FAILED,
                failed_record(part, self._backend, errors),
                self._step_logs[first_failed],
            )
            self._progress.finished(result, None)
            yield result

    def _put_away(self, job: _Job, key: str, outcome: Outcome, directory: Path) -> Path | None:
        """Where the log of a failed step is kept; that of one that went well is not."""
        kept = None
        if outcome.error is None:
            self._store.leave_out(key, directory)
        else:
            kept = self._store.fail(key, directory)
        del self._begun[job]
        return kept

    def _store_point(self, position: int, outcome: Outcome, directory: Path) -> PointResult:
        part, key = self._points[position], self._keys[position]
        if outcome.disk_error is not None:
            raise StoreError(
                f"{part} cannot be built: {outcome.disk_error}", where=self._store.directory
            )
        if outcome.error is None:
            self._store.publish(key, directory, outcome.result)
            folder = self._store.folder(key)
            return PointResult(part, key, PointState.BUILT, outcome.result, folder)
        record = failed_record(part, self._backend, outcome.error)
        return PointResult(part, key, PointState.FAILED, record, self._store.fail(key, directory))
