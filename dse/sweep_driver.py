"""The sweep driver: every design point through a backend, once, whatever happens on the way."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from dse.design_point import empty_record, failed_record, is_empty
from dse.errors import StoreError
from dse.store import ResultStore
from dse.worker import Outcome, Task
from dse.worker_pool import run_tasks
from finn_flows.backends.interface import Backend, Part
from reports.sweep_record import SweepRecord


class PointState(StrEnum):
    """How a point came by its record."""

    EMPTY = "empty"
    CACHED = "cached"
    BUILT = "built"
    FAILED = "failed"


@dataclass(frozen=True)
class PointResult:
    """A design point and what became of it.

    ``key`` is its content address; ``folder`` holds what the backend left (for a failed point: of
    the failed try), None for an empty part.
    """

    part: Part
    key: str
    state: PointState
    record: SweepRecord
    folder: Path | None


class Progress(Protocol):
    """What wants to know how a sweep gets on."""

    def started(self, to_build: int, cached: int, workers: int) -> None: ...

    def building(self, part: Part) -> None: ...

    def finished(self, result: PointResult, seconds: float) -> None: ...


def sweep(
    points: Sequence[Part],
    backend: Backend,
    store: ResultStore,
    workers: int,
    progress: Progress,
) -> list[PointResult]:
    """Build every point that the (entered) store does not hold; results in the order of ``points``.

    Each finished point is in the store before the next one is looked at, so a killed sweep resumes.
    A point that fails, or whose worker process dies, has a record with ``error``; it is not stored
    and the next sweep tries it again. Nothing is started when every point is known. Raises
    StoreError when the store cannot be written; every worker is then stopped.
    """
    keys = [part.key(backend) for part in points]
    results: dict[int, PointResult] = {}
    missing: dict[str, list[int]] = {}
    for number, (part, key) in enumerate(zip(points, keys, strict=True)):
        known = _known(part, backend, key, store)
        if known is not None:
            results[number] = known
        else:
            missing.setdefault(key, []).append(number)

    workers = max(1, min(workers, len(missing)))
    progress.started(len(missing), len(results), workers)
    if missing:
        built = _build(
            [points[numbers[0]] for numbers in missing.values()],
            list(missing),
            backend,
            store,
            workers,
            progress,
        )
        with closing(built):
            for result in built:
                # Equal points under two names are built once.
                for number in missing[result.key]:
                    results[number] = _named(result, points[number])
    return [results[number] for number in range(len(points))]


def _known(part: Part, backend: Backend, key: str, store: ResultStore) -> PointResult | None:
    if is_empty(part):
        return PointResult(part, key, PointState.EMPTY, empty_record(part, backend), None)
    record = store.find(key)
    if record is None:
        return None
    return _named(PointResult(part, key, PointState.CACHED, record, store.folder(key)), part)


def _named(result: PointResult, part: Part) -> PointResult:
    """The result under the names and the clock that ``part`` has.

    Names decide nothing, so no key holds them; nor does the clock where the backend says so.
    """
    record = replace(
        result.record,
        network=part.whole.name,
        folding=part.folding.name,
        clock_mhz=part.clock_mhz,
    )
    return replace(result, part=part, record=record)


def _build(
    points: Sequence[Part],
    keys: Sequence[str],
    backend: Backend,
    store: ResultStore,
    workers: int,
    progress: Progress,
) -> Generator[PointResult, None, None]:
    """Results as they finish."""
    directories: dict[int, Path] = {}
    begun: dict[int, float] = {}

    def task(number: int) -> Task:
        directories[number] = store.begin(keys[number])
        begun[number] = time.monotonic()
        progress.building(points[number])
        return Task(points[number], backend, directories[number])

    tasks = ((number, lambda number=number: task(number)) for number in range(len(points)))
    outcomes = run_tasks(tasks, workers)
    try:
        with closing(outcomes):
            for number, outcome in outcomes:
                result = _store_outcome(
                    points[number], keys[number], backend, outcome, directories[number], store
                )
                del directories[number]
                progress.finished(result, time.monotonic() - begun[number])
                yield result
    finally:
        for directory in directories.values():
            store.discard(directory)


def _store_outcome(
    part: Part,
    key: str,
    backend: Backend,
    outcome: Outcome,
    directory: Path,
    store: ResultStore,
) -> PointResult:
    if outcome.disk_error is not None:
        raise StoreError(f"{part} cannot be built: {outcome.disk_error}", where=store.directory)
    if outcome.record is not None:
        store.publish(key, directory, outcome.record)
        return PointResult(part, key, PointState.BUILT, outcome.record, store.folder(key))
    record = failed_record(part, backend, outcome.error or "failed without a message")
    return PointResult(part, key, PointState.FAILED, record, store.fail(key, directory))
