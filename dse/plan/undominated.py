"""Which of many points are not dominated: none other is as small in every column."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dse.errors import DseError
from dse.plan.arrays import Floats, Integers

#: Points compared at once with those kept; a trade of memory for calls.
_TOGETHER = 256

#: Sums that are made at once before the label solver gives up on a problem.
MOST_SUMS = 4_000_000


class TooManyLabels(DseError):
    """The label solver would hold or compare too many sums for this problem."""


class Effort:
    """How many pairs of points one query has compared. Raises TooManyLabels over ``most``."""

    def __init__(self, most: float = 1e8) -> None:
        self._left = most

    def spend(self, pairs: int) -> None:
        """Before so many are compared."""
        self._left -= pairs
        if self._left < 0:
            raise TooManyLabels(
                "this problem has too many sums to compare for the label solver",
                expected="fewer foldings a block, or a problem that the MILP covers",
            )


def undominated(points: Floats, effort: Effort | None = None) -> Integers:
    """Indices of the points to keep; of equal points one.

    ``points``: n x columns; less is better in each. Raises TooManyLabels over the ``effort``.
    """
    if len(points) <= 1:
        return np.arange(len(points))
    points = points[:, (points != points[0]).any(axis=0)]
    if points.shape[1] == 0:
        return np.array([0])
    if points.shape[1] == 1:
        return np.array([int(points[:, 0].argmin())])
    order = np.lexsort(points.T[::-1])
    points = points[order]
    if points.shape[1] == 2:
        second = points[:, 1]
        before = np.concatenate([[np.inf], np.minimum.accumulate(second)[:-1]])
        keep = second < before
        keep[0] = True
        return order[keep]
    return order[_among_sorted(points, effort or Effort(np.inf))]


def _among_sorted(points: Floats, effort: Effort) -> Integers:
    """Of points in lexical order, in which none is dominated by a later one that differs."""
    kept = np.empty((0, points.shape[1]))
    indices: list[Integers] = []
    for start in range(0, len(points), _TOGETHER):
        block = np.arange(start, min(start + _TOGETHER, len(points)))
        effort.spend(len(block) * (len(kept) + _TOGETHER // 4))
        block = block[~_dominated(kept, points[block])]
        if len(block) == 0:
            continue
        own = points[block]
        below = np.ones((len(own), len(own)), dtype=bool)
        for column in own.T:
            below &= column[:, None] <= column[None, :]
        # Only an earlier point dominates a later one; of equal ones the first stays.
        block = block[~np.triu(below, 1).any(axis=0)]
        kept = np.concatenate([kept, points[block]])
        indices.append(block)
    return np.concatenate(indices)


def _dominated(kept: Floats, points: Floats) -> NDArray[np.bool_]:
    dominated = np.zeros(len(points), dtype=bool)
    for start in range(0, len(kept), 4096):
        some = kept[start : start + 4096]
        left = np.flatnonzero(~dominated)
        if len(left) == 0:
            break
        below = some[:, 0][:, None] <= points[left, 0][None, :]
        for column in range(1, points.shape[1]):
            below &= some[:, column][:, None] <= points[left, column][None, :]
        dominated[left] = below.any(axis=0)
    return dominated
