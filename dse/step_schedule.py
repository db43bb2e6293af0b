"""In which order shared steps and points start, and which points a failed step takes with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: A full disk fails many steps alike: this many errors stand in one line, the rest are counted.
ERRORS_IN_FULL = 3


@dataclass(frozen=True)
class Step:
    """The shared step at ``position`` in the plan."""

    position: int


@dataclass(frozen=True)
class Point:
    """The point at ``position`` among those to build."""

    position: int


class StepSchedule:
    """Steps first, in their order; then each point once all of its steps are finished.

    ``points``: how many there are. ``needed_by``: for each step the positions of the points that
    need it.
    """

    def __init__(self, points: int, needed_by: Sequence[frozenset[int]]) -> None:
        self._steps = [position for position, users in enumerate(needed_by) if users]
        self._points = list(range(points))
        self._needs = {
            point: {step for step, users in enumerate(needed_by) if point in users}
            for point in self._points
        }
        self._open = {point: set(steps) for point, steps in self._needs.items()}
        self._errors: dict[int, str] = {}

    @property
    def step_count(self) -> int:
        """How many steps have not been started."""
        return len(self._steps)

    def next(self) -> Step | Point | None:
        """What to start now; None if nothing can start (yet)."""
        if self._steps:
            return Step(self._steps.pop(0))
        ready = next((point for point in self._points if not self._open[point]), None)
        if ready is None:
            return None
        self._points.remove(ready)
        return Point(ready)

    def finished(self, step: int, error: str | None) -> list[tuple[int, int, str]]:
        """Note that a step is finished, with its ``error`` if it failed.

        Returns the points lost by now, each once, as (point, first of its steps that failed, the
        errors in :func:`one_line`): those with all steps finished, but not all of them well.
        """
        if error is not None:
            self._errors[step] = error
        lost = []
        for point in list(self._points):
            self._open[point].discard(step)
            failed = sorted(self._needs[point] & self._errors.keys())
            if failed and not self._open[point]:
                self._points.remove(point)
                lost.append((point, failed[0], one_line([self._errors[one] for one in failed])))
        return lost


def one_line(errors: Sequence[str]) -> str:
    """The first errors in full, and how many more there are."""
    more = len(errors) - ERRORS_IN_FULL
    return "; ".join(errors[:ERRORS_IN_FULL]) + (f"; and {more} more" if more > 0 else "")
