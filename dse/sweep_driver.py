"""The sweep driver: every design point through a backend, once, whatever happens on the way."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from typing import Protocol

from dse.design_point import empty_record, is_empty
from dse.executors.interface import Executor
from dse.point_result import PointResult as PointResult
from dse.point_result import PointState as PointState
from dse.store import ResultStore
from dse.sweep_build import BuildProgress, build_points
from finn_flows.backends.interface import Backend, Part, StepSharingBackend


class Progress(BuildProgress, Protocol):
    """What wants to know how a sweep gets on."""

    def started(self, backend: str, to_build: int, cached: int, workers: int) -> None: ...


def sweep(
    points: Sequence[Part],
    backend: Backend,
    store: ResultStore,
    executor: Executor,
    progress: Progress,
) -> list[PointResult]:
    """Build every point that the (entered) store does not hold; results in the order of ``points``.

    Builds run where the (entered) ``executor`` says, with the versions of tools that are there.

    Each finished point is in the store before the next one is looked at, so a killed sweep resumes.
    A point that fails, or whose worker process dies, has a record with ``error``; it is not stored
    and the next sweep tries it again. What several points share is done once, before them (see
    StepSharingBackend); where that fails, so do the points that need it. Nothing is started when
    every point is known. Raises StoreError when the store cannot be written, ExecutorError when the
    executor has nobody to build; whatever runs is then stopped.
    """
    tools = executor.tool_versions(backend, progress.note)
    keys = [part.key(backend, tools) for part in points]
    results: dict[int, PointResult] = {}
    missing: dict[str, list[int]] = {}
    for number, (part, key) in enumerate(zip(points, keys, strict=True)):
        known = _known(part, backend, key, store)
        if known is not None:
            results[number] = known
        else:
            missing.setdefault(key, []).append(number)

    # One point may have many shared steps; without such there is no work for more workers.
    most = sys.maxsize if isinstance(backend, StepSharingBackend) else len(missing)
    workers = executor.slots(backend, most, progress.note) if missing else 1
    progress.started(backend.name, len(missing), len(results), workers)
    if missing:
        built = build_points(
            [points[numbers[0]] for numbers in missing.values()],
            list(missing),
            backend,
            store,
            executor,
            most,
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
