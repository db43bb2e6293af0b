"""Cells that several kinds of panels have."""

from __future__ import annotations

from collections.abc import Callable

from reports.missed_goals import missed_words
from reports.page import Cell
from reports.published import FF_FOOTNOTE
from reports.table import WHOLE, Entry, Point, SplitTable, Status
from reports.table_notes import Notes, knows, same_ff
from reports.utilization import Source


def split_label(point: Point, notes: Notes) -> Cell:
    """A split as the tables label it."""
    if point == WHOLE:
        return Cell("whole")
    if point.pool != "after":
        return Cell(str(point.split))
    note = "after: the max-pool behind this layer is on the second board, behind the cut."
    return Cell(f"{point.split} after", (notes.mark(note),))


def resource_cell(
    table: SplitTable,
    entry: Entry | None,
    resource: str,
    cell: Callable[[Entry, str], str],
    notes: Notes,
) -> Cell:
    """What one source says of one resource, written by ``cell``."""
    if entry is None:
        return Cell("")
    outcome = outcome_cell(table, entry, notes)
    if outcome is not None:
        return outcome
    text = cell(entry, resource)
    marks = list(missed_marks(entry, notes)) if text else []
    if resource == "ff" and entry.source is Source.PAPER and same_ff(table, entry):
        marks.append(notes.mark(FF_FOOTNOTE))
    if entry.used()[resource] is None and knows(table, resource, entry.source):
        marks.append(notes.mark(f"{entry.source.value} gives no count here: blank, not zero."))
    return Cell(text, tuple(marks))


def missed_marks(entry: Entry, notes: Notes) -> tuple[int, ...]:
    """A mark at what the vendor's tools built and that misses fit or timing."""
    missed = missed_words(entry.implementation)
    return (notes.mark(f"{_place(entry).capitalize()}: {missed}."),) if missed else ()


def outcome_cell(table: SplitTable, entry: Entry, notes: Notes) -> Cell | None:
    """What stands in place of a number where nothing was built."""
    if entry.status is Status.MISFIT:
        return Cell("no fit", missed_marks(entry, notes))
    if entry.status is Status.EMPTY:
        note = "empty: no layer is left behind this cut, so nothing is built."
        return Cell("empty", (notes.mark(note),))
    if entry.status is not Status.FAILED:
        return None
    error = " ".join((entry.error or "").split())
    alike = [
        other
        for other in table.entries
        if (other.source, other.status, other.error) == (entry.source, entry.status, entry.error)
    ]
    # One note for all that fail together, as they do with a layer that they share.
    place = "" if len(alike) > 1 else f", {_place(entry)}"
    return Cell("failed", (notes.mark(f"{entry.source.value}{place}: failed: {error}"),))


def _place(entry: Entry) -> str:
    if entry.point.split is None:
        return "whole network"
    side = ", pool after the cut" if entry.point.pool == "after" else ""
    return f"split {entry.point.split}{side}, {entry.part.value} part"
