"""Parts of which nothing is asked but that they fit, in the form of closed labels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dse.plan.part_fits import PartFits
from dse.plan.part_labels import ClosedPart
from dse.plan.query import Query


class FittingParts:
    """Parts that start with block ``start``; each that fits has one label without figures."""

    def __init__(self, query: Query, start: int, fits: PartFits) -> None:
        self._query, self._start, self._fits = query, start, fits

    def closed(self) -> Iterator[ClosedPart]:
        """One for each place where the part may end and fits, ascending."""
        _, possible = self._fits.ranges
        furthest = min(int(possible[self._start]), self._query.furthest(self._start))
        for end in self._query.ends:
            if self._start < end <= furthest and self.options(end, 0):
                yield ClosedPart(end, np.empty((1, 0)), np.zeros(1, dtype=np.int64))

    def options(self, end: int, label: int) -> tuple[int, ...]:
        """The foldings with which the part fits; empty where it does not."""
        return self._fits.options(self._start, end) or ()
