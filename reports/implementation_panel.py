"""What the vendor's tools say of each build beside counts: slack, power, run time, goals missed."""

from __future__ import annotations

from collections.abc import Iterable

from reports.missed_goals import lacking_resources, missed_timing
from reports.page import Cell, Column, Panel, PanelKind
from reports.panel_cells import missed_marks, split_label
from reports.sweep_record import PartName
from reports.table import WHOLE, Entry, SplitTable
from reports.table_notes import Notes


def implementation_panels(table: SplitTable, notes: Notes) -> Iterable[Panel]:
    """A panel for each source that knows slack, power or run time of any build."""
    for source in table.sources:
        entries = [
            entry
            for entry in table.entries
            if entry.source is source and entry.implementation is not None
        ]
        if not any(_is_known(entry) for entry in entries):
            continue
        slack = notes.mark(
            "WNS, WHS: worst setup and hold slack after routing, in ns; below 0 the clock is too "
            "fast for the circuit."
        )
        power = notes.mark("Power: what the tool estimates for the whole chip, in W.")
        time = notes.mark(
            "Run time: wall time of the vendor's tools for this build, hours:minutes:seconds."
        )
        columns = (
            Column("Split", numeric=False),
            Column("Part", numeric=False),
            Column("WNS", source, (slack,)),
            Column("WHS", source, (slack,)),
            Column("Power", source, (power,)),
            Column("Run time", source, (time,)),
            Column("Goals", source, numeric=False),
        )
        yield Panel(
            PanelKind.IMPLEMENTATION,
            "Timing, power and run time",
            columns,
            tuple(_line(entry, notes) for entry in entries),
            side_by_side=False,
        )


def _is_known(entry: Entry) -> bool:
    said = entry.implementation
    return said is not None and any(
        number is not None for number in (said.wns_ns, said.whs_ns, said.power_w, said.run_seconds)
    )


def _line(entry: Entry, notes: Notes) -> tuple[Cell, ...]:
    said = entry.implementation
    assert said is not None
    part = "" if entry.part is PartName.WHOLE and entry.point == WHOLE else entry.part.value
    return (
        split_label(entry.point, notes),
        Cell(part),
        Cell(_signed(said.wns_ns)),
        Cell(_signed(said.whs_ns)),
        Cell("" if said.power_w is None else f"{said.power_w:.3f}"),
        Cell(_duration(said.run_seconds)),
        Cell(_goals(entry), missed_marks(entry, notes)),
    )


def _goals(entry: Entry) -> str:
    """``met`` only where timing is known to be."""
    said = entry.implementation
    assert said is not None
    words = []
    if lacking_resources(said):
        words.append("does not fit")
    if missed_timing(said):
        words.append("timing not met")
    if words:
        return ", ".join(words)
    return "" if said.wns_ns is None else "met"


def _signed(slack: float | None) -> str:
    # A true minus, as wide as a digit.
    return "" if slack is None else f"{slack:.3f}".replace("-", "\N{MINUS SIGN}")


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
