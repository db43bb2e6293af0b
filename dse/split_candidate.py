"""A cut as one source sees it: both parts, the link between them, and how fast the pair can run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reports.sweep_record import PartName
from reports.table import Entry, Point, SplitTable, Status
from reports.utilization import Source, Utilization


@dataclass(frozen=True)
class Candidate:
    """``first`` and ``second`` are None where the source says nothing of that part.

    ``interval``: cycles between two images when both boards work at once. ``is_split`` is False for
    the cut behind the last layer, which leaves the second board empty, whichever source says so.
    """

    point: Point
    first: Entry | None
    second: Entry | None
    interval: int | None
    clock_mhz: float
    is_split: bool = True

    def __str__(self) -> str:
        side = ", pool after the cut" if self.point.pool == "after" else ""
        return f"split {self.point.split}{side}"

    @property
    def label(self) -> str:
        """As a table has it: ``3``, or ``3 after`` with the pool behind the cut."""
        return f"{self.point.split}" + (" after" if self.point.pool == "after" else "")

    @property
    def parts(self) -> tuple[tuple[PartName, Entry | None], ...]:
        """Both parts by name, the first one first."""
        return ((PartName.FIRST, self.first), (PartName.SECOND, self.second))

    @property
    def is_built(self) -> bool:
        """Whether the source gives a result of both parts."""
        return all(entry is not None and entry.status is Status.BUILT for _, entry in self.parts)

    @property
    def bytes_per_image(self) -> int | None:
        """Over the link; None if unknown."""
        sizes = (entry.bytes_per_image for _, entry in self.parts if entry is not None)
        return next((size for size in sizes if size is not None), None)

    @property
    def usages(self) -> tuple[Utilization, ...]:
        """What is known of the parts' resources."""
        entries = (entry for _, entry in self.parts if entry is not None)
        return tuple(entry.utilization for entry in entries if entry.utilization is not None)

    @property
    def order(self) -> tuple[int, bool]:
        """Sorts by split, the pool before the cut first."""
        return (self.point.split or 0, self.point.pool == "after")

    def used(self, resource: str) -> tuple[float, float] | None:
        """Counts of both parts; None where either is unknown."""
        if self.first is None or self.second is None:
            return None
        first, second = self.first.used()[resource], self.second.used()[resource]
        return None if first is None or second is None else (first, second)


def candidates_of(table: SplitTable, source: Source, points: Iterable[Point]) -> list[Candidate]:
    """What ``source`` says of the cuts ``points``, in their order."""
    entries = {(e.point, e.part): e for e in table.entries if e.source is source}
    empty = {entry.point for entry in table.entries if entry.status is Status.EMPTY}
    intervals = {p.point: p.interval for p in table.pipelines if p.source is source}
    return [
        Candidate(
            point=point,
            first=entries.get((point, PartName.FIRST)),
            second=entries.get((point, PartName.SECOND)),
            interval=intervals.get(point),
            clock_mhz=table.configuration.clock_mhz,
            is_split=point not in empty,
        )
        for point in points
    ]
