"""What a sweep found out: its records, its files, and views of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from reports.drawing import Drawing
from reports.sweep_record import PartName, SweepRecord
from reports.vendor_records import expanded

if TYPE_CHECKING:
    from pandas import DataFrame

    from dse.sweep_driver import PointResult
    from reports.table import SplitTable


@dataclass(frozen=True)
class Sweep:
    """A sweep in folder ``out``: a record per design point and source, in the order of the points.

    ``results`` says how each point of this run fared (built, known, failed); it is empty for a
    sweep that was only opened. ``files``: what was written. ``warnings``: one line each.
    """

    out: Path
    records: tuple[SweepRecord, ...]
    results: tuple[PointResult, ...] = ()
    files: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def failed(self) -> list[PointResult]:
        """The points of this run that could not be built."""
        return [result for result in self.results if result.record.error is not None]

    @property
    def split_table(self) -> SplitTable:
        """The records beside the published figures, ready to be written or drawn."""
        from reports.table import build_table

        return build_table(self.records)

    def tidy(self) -> DataFrame:
        """One row per design point, part, source and resource; unknown is NaN."""
        from reports.tidy_frame import tidy_frame

        return tidy_frame(self.split_table)

    def table(
        self,
        values: Literal["percent", "used"] = "percent",
        part: Literal["first", "second", "whole"] = "first",
        pool: Literal["before", "after"] = "before",
    ) -> DataFrame:
        """Table I: a row per split, a column per resource and source; unknown is NaN.

        ``values``: percent of the device, or how many are used. The columns of two sources never
        mix. ``pool``: which side of the cut a max-pool there is on (not asked for the whole).
        """
        from reports.tidy_frame import wide_frame

        return wide_frame(self.split_table, values, PartName(part), pool)

    def fig4a(self) -> Drawing:
        """How each resource of the first part grows with the split (Fig. 4a of the paper)."""
        from reports.figure_growth import growth_figure

        return Drawing(**growth_figure(self.split_table))

    def fig4b(self) -> Drawing:
        """The whole network, its convolutions and its fully connected layers (Fig. 4b)."""
        from reports.figure_parts import parts_figure

        return Drawing(**parts_figure(self.split_table))


def open_sweep(out: Path) -> Sweep:
    """The last sweep in ``out``. InputError if nothing was swept there, StoreError if damaged."""
    from dse.sweep_file import read_sweep_file

    return Sweep(out, tuple(read_sweep_file(out)))


def records_of(results: Sequence[PointResult]) -> tuple[SweepRecord, ...]:
    """The records of ``results``, in order; two of a build that was synthesised and placed."""
    return expanded([result.record for result in results])
