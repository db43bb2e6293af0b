"""How long an image takes at least before, in and behind any part of a plan."""

from __future__ import annotations

import numpy as np

from dse.plan.part_bounds import ROUNDING, Deadlines, PartBounds
from dse.plan.query import Query


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
        boards = max(1, int(min(len(query.problem.fleet.boards), query.most.boards, blocks)))
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

    def deadlines(self, query: Query, kind: int, first: int) -> Deadlines:
        """Of parts that start with block ``first``, those that a plan in time may have."""
        bounds = self.parts[kind]
        seconds = query.most.latency * (1 + ROUNDING) - self._around[first]
        most = seconds / query.kinds[kind].seconds
        least = bounds.least[first]
        lasts = np.flatnonzero(np.isfinite(least) & (least * (1 - ROUNDING) <= most))
        # With the longest time to spare first: it is met by most of those that meet any.
        order = lasts[np.argsort((least - most)[lasts], kind="stable")]
        return Deadlines(bounds, first, tuple(order.tolist()), tuple(most[order].tolist()))
