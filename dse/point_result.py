"""A design point of a sweep and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from finn_flows.backends.interface import Part
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
    the failed try, or of the shared step that failed), None for an empty part.
    """

    part: Part
    key: str
    state: PointState
    record: SweepRecord
    folder: Path | None
