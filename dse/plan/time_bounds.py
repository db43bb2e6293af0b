"""How long an image takes at least before, in and behind any part of a plan."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dse.plan.part_bounds import ROUNDING, Deadline, PartBounds
from dse.plan.part_labels import ClosedPart, PartLabels
from dse.plan.query import Query
from dse.plan.undominated import Effort


class TimeBounds:
    """Of plans within ``query.most.interval``, whatever else is asked of their times.

    ``least``: seconds of an image in any plan, host included; inf where none fits.
    """

    def __init__(self, query: Query) -> None:
        most = query.most.interval * query.problem.most_replicas
        self.parts = [PartBounds(query, kind, most / kind.seconds) for kind in query.kinds]
        blocks = len(query.blocks)
        seconds = np.min(
            [
                bounds.least * kind.seconds
                for bounds, kind in zip(self.parts, query.kinds, strict=True)
            ],
            axis=0,
        )
        late = np.zeros(blocks + 1)
        for cut in query.ends[:-1]:
            links = query.problem.fleet.links
            late[cut] = min(link.late(query.bytes_at(cut)) for link in links)
        boards = int(min(len(query.problem.fleet.boards), query.most.boards, blocks))
        # With so many boards at most, of any kind: up to and from each number of blocks.
        before = np.full((boards + 1, blocks + 1), np.inf)
        behind = before.copy()
        before[:, 0], behind[:, blocks] = 0.0, 0.0
        hop_and_part = late[:-1, None] + seconds
        for own in range(1, boards + 1):
            longer = (before[own - 1, :-1, None] + hop_and_part).min(axis=0)
            before[own] = np.minimum(before[own - 1], longer)
            longer = (hop_and_part + behind[own - 1][None]).min(axis=1)
            behind[own, :-1] = np.minimum(behind[own - 1, :-1], longer)
        self.least = query.host[1] + float(before[boards, blocks])
        around = [before[own][:-1, None] + behind[boards - 1 - own][None] for own in range(boards)]
        self._around = query.host[1] + late[:-1, None] + np.min(around, axis=0)

    def slack(self, query: Query, kind: int, first: int, last: int) -> float:
        """Clock cycles that a part may take of an image, for the plan to be in time; -inf where
        there is no such part."""
        if np.isinf(self.parts[kind].least[first, last]):
            return -np.inf
        seconds = query.most.latency * (1 + ROUNDING) - self._around[first, last]
        return float(seconds / query.kinds[kind].seconds)


class TimelyParts:
    """Parts that start with block ``start``, each place where one may end looked at by itself.

    For a place there is a time within which the part must be, and labels that surely exceed it are
    dropped.
    """

    def __init__(
        self,
        query: Query,
        start: int,
        kind: int,
        most_cycles: float,
        effort: Effort,
        bounds: TimeBounds,
    ) -> None:
        self._query, self._start, self._kind = query, start, kind
        self._most_cycles, self._effort, self._bounds = most_cycles, effort, bounds
        self._parts: dict[int, PartLabels] = {}

    def closed(self) -> Iterator[ClosedPart]:
        """One for each place where the part may end, fits and is in time, ascending."""
        query = self._query
        for end in query.ends:
            if not self._start < end <= query.furthest(self._start):
                continue
            slack = self._bounds.slack(query, self._kind, self._start, end)
            bounds = self._bounds.parts[self._kind]
            if bounds.least[self._start, end] * (1 - ROUNDING) > slack:
                continue
            self._parts[end] = part = PartLabels(
                query,
                self._start,
                query.kinds[self._kind],
                self._most_cycles,
                self._effort,
                Deadline(bounds, self._start, end, slack),
            )
            yield from part.closed()

    def options(self, end: int, label: int) -> tuple[int, ...]:
        """The foldings of a label of a closed part."""
        return self._parts[end].options(end, label)
