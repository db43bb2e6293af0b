"""How a tool's first parts compare with the paper's, as numbers."""

from __future__ import annotations

from dataclasses import dataclass

from reports.sweep_record import PartName
from reports.table import TABLE_RESOURCES, Point, SplitTable
from reports.utilization import Source

#: Two printed percentages with two decimals say their difference to within this.
PRINTED_PRECISION = 0.01


@dataclass(frozen=True)
class Increment:
    """What layer ``split`` (with a pool behind it) adds: split k less split k - 1.

    In percentage points of the device, according to ``source`` and to the paper. What every split
    has alike, a shell, is not in it.
    """

    source: Source
    resource: str
    split: int
    percentage_points: float
    paper: float

    @property
    def is_more(self) -> bool:
        """More than the paper's by more than its print can hide."""
        return self.percentage_points - self.paper > PRINTED_PRECISION


@dataclass(frozen=True)
class IncrementSum:
    """What the layers ``splits`` add together."""

    source: Source
    resource: str
    splits: tuple[int, ...]
    percentage_points: float
    paper: float

    @property
    def ratio(self) -> float | None:
        """Of the paper's; None where that is nothing."""
        return self.percentage_points / self.paper if self.paper > 0 else None


def increments(table: SplitTable, source: Source, resource: str) -> tuple[Increment, ...]:
    """By split, wherever both figures of both splits are known; none for another folding."""
    if source is Source.PAPER or not table.published_folding:
        return ()
    found = []
    splits = sorted({point.split for point in table.points if point.split is not None})
    for split in splits:
        ours = _step(table, source, resource, split)
        paper = _step(table, Source.PAPER, resource, split)
        if ours is not None and paper is not None:
            found.append(Increment(source, resource, split, ours, paper))
    return tuple(found)


def increment_sums(table: SplitTable, source: Source) -> tuple[IncrementSum, ...]:
    """The sum over all layers of which there are increments, for each resource that has any."""
    sums = []
    for resource in TABLE_RESOURCES:
        found = increments(table, source, resource)
        if found:
            sums.append(
                IncrementSum(
                    source,
                    resource,
                    tuple(one.split for one in found),
                    sum(one.percentage_points for one in found),
                    sum(one.paper for one in found),
                )
            )
    return tuple(sums)


def _step(table: SplitTable, source: Source, resource: str, split: int) -> float | None:
    shares = []
    for number in (split, split - 1):
        entry = table.entry(Point(number, "before"), PartName.FIRST, source)
        shares.append(None if entry is None else entry.percent[resource])
    upper, lower = shares
    return None if upper is None or lower is None else upper - lower
