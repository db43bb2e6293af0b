"""Table I as text: the same panels, sources and notes for the terminal, Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from reports.comparison_panel import increment_panel
from reports.comparison_text import explain, explain_briefly
from reports.implementation_panel import implementation_panels
from reports.page import Cell, Column, Explanation, Page, Panel, PanelKind
from reports.panel_cells import resource_cell, split_label
from reports.resource_text import RESOURCE_TITLES, format_percent, format_used
from reports.sweep_record import PartName
from reports.table import TABLE_RESOURCES, WHOLE, Entry, Point, SplitTable
from reports.table_notes import (
    Notes,
    describe_source,
    difference_marks,
    folding_marks,
    unknown_marks,
)
from reports.timing_panels import layer_panel, pipeline_panels, timing_panel
from reports.utilization import Source


def lay_out(table: SplitTable, differences: bool = False) -> Page:
    """All panels of a table, in reading order; a panel without any number is left out.

    ``differences``: behind the percent of each tool stands its difference to the paper's.
    """
    notes = Notes()
    configuration = table.configuration
    firsts = [_part_at(table, point) for point in table.points]
    panels: list[Panel] = []
    if any(firsts):
        parts = "First part and whole network" if WHOLE in table.points else "First part"
        if table.device is not None:
            title = f"{parts}: percent of {table.device.name}"
            panels.append(_percent_panel(table, title, firsts, notes, differences))
        panels.append(
            _side_by_side(table, PanelKind.USED, f"{parts}: used", firsts, _used_cell, notes)
        )
    if table.differences:
        panels.append(_difference_panel(table, notes))
    panels += increment_panel(table, notes)
    panels += _second_part_panels(table, notes)
    panels += timing_panel(table, notes)
    panels += pipeline_panels(table, notes)
    panels += layer_panel(table, notes)
    panels += implementation_panels(table, notes)
    return Page(
        title=(
            f"{configuration.network} on {configuration.device}, {configuration.clock_mhz:g} MHz, "
            f"folding {configuration.folding}"
        ),
        panels=tuple(panels),
        sources=tuple((source.value, describe_source(table, source)) for source in table.sources),
        notes=tuple(notes.texts),
        explanations=tuple(
            Explanation(source, tuple(explain(table, source)), explain_briefly(table, source))
            for source in dict.fromkeys(difference.source for difference in table.differences)
            if explain_briefly(table, source)
        ),
    )


def _percent_cell(entry: Entry, resource: str) -> str:
    share = entry.percent[resource]
    return "" if share is None else format_percent(share)


def _used_cell(entry: Entry, resource: str) -> str:
    count = entry.used()[resource]
    if count is None:
        return ""
    return ("≈" if entry.used_derived else "") + format_used(resource, count)


def _both_cell(entry: Entry, resource: str) -> str:
    used, share = _used_cell(entry, resource), _percent_cell(entry, resource)
    return f"{used} ({share})" if share else used


_Row = dict[Source, Entry]


def _part_at(table: SplitTable, point: Point) -> _Row:
    """The first part (or the whole network) at a point, by source."""
    part = PartName.WHOLE if point == WHOLE else PartName.FIRST
    entries = ((source, table.entry(point, part, source)) for source in table.sources)
    return {source: entry for source, entry in entries if entry is not None}


def _percent_panel(
    table: SplitTable, title: str, rows: Sequence[_Row], notes: Notes, differences: bool
) -> Panel:
    panel = _side_by_side(table, PanelKind.PERCENT, title, rows, _percent_cell, notes)
    if not differences or not table.differences:
        return panel
    marks = difference_marks(table, table.sources, notes)
    columns, lines = [panel.columns[0]], [[line[0]] for line in panel.rows]
    shown = [row for row in rows if row]
    keys = [(resource, source) for resource in TABLE_RESOURCES for source in table.sources]
    for position, (resource, source) in enumerate(keys, start=1):
        columns.append(panel.columns[position])
        for line, full in zip(lines, panel.rows, strict=True):
            line.append(full[position])
        if source is Source.PAPER:
            continue
        columns.append(Column(RESOURCE_TITLES[resource], source, marks, difference=True))
        for line, row in zip(lines, shown, strict=True):
            ours, theirs = row.get(source), row.get(Source.PAPER)
            line.append(Cell(_gap(ours, theirs, resource)))
    return replace(panel, columns=tuple(columns), rows=tuple(tuple(line) for line in lines))


def _gap(ours: Entry | None, theirs: Entry | None, resource: str) -> str:
    """Our percent less the paper's, with its sign; empty unless both are known."""
    if ours is None or theirs is None:
        return ""
    share, published = ours.percent[resource], theirs.percent[resource]
    if share is None or published is None:
        return ""
    # A true minus, as wide as the plus.
    return f"{share - published:+.2f}".replace("-", "\N{MINUS SIGN}")


def _side_by_side(
    table: SplitTable,
    kind: PanelKind,
    title: str,
    rows: Sequence[_Row],
    cell: Callable[[Entry, str], str],
    notes: Notes,
) -> Panel:
    columns = [Column("Split", numeric=False)]
    for resource in TABLE_RESOURCES:
        for source in table.sources:
            marks = unknown_marks(table, resource, source, notes)
            if source is Source.PAPER:
                marks += folding_marks(table, notes)
            columns.append(Column(RESOURCE_TITLES[resource], source, marks))
    lines = []
    for point, row in zip(table.points, rows, strict=True):
        if not row:
            continue
        line = [split_label(point, notes)]
        for resource in TABLE_RESOURCES:
            for source in table.sources:
                line.append(resource_cell(table, row.get(source), resource, cell, notes))
        lines.append(tuple(line))
    return Panel(kind, title, tuple(columns), tuple(lines), side_by_side=True)


def _second_part_panels(table: SplitTable, notes: Notes) -> Iterable[Panel]:
    """One panel for each source that says anything of second parts."""
    for source in table.sources:
        entries = [table.entry(point, PartName.SECOND, source) for point in table.points]
        if not any(entries):
            continue
        columns = [Column("Split", numeric=False)]
        for resource in TABLE_RESOURCES:
            marks = unknown_marks(table, resource, source, notes)
            columns.append(Column(RESOURCE_TITLES[resource], source, marks))
        lines = []
        for point, entry in zip(table.points, entries, strict=True):
            if entry is None:
                continue
            cells = (
                resource_cell(table, entry, resource, _both_cell, notes)
                for resource in TABLE_RESOURCES
            )
            lines.append((split_label(point, notes), *cells))
        title = "Second part: used (percent)" if table.device else "Second part: used"
        yield Panel(PanelKind.SECOND_PART, title, tuple(columns), tuple(lines), side_by_side=False)


def _difference_panel(table: SplitTable, notes: Notes) -> Panel:
    compared = [difference.source for difference in table.differences]
    marks = difference_marks(table, compared, notes)
    columns = [Column("", numeric=False)]
    means, counts = [Cell("mean", marks)], [Cell("splits")]
    greatest, places = [Cell("greatest", marks)], [Cell("at split")]
    for resource in TABLE_RESOURCES:
        for difference in table.differences:
            if difference.resource != resource:
                continue
            unknown = unknown_marks(table, resource, difference.source, notes)
            columns.append(Column(RESOURCE_TITLES[resource], difference.source, unknown))
            mean = difference.percentage_points
            means.append(Cell("" if mean is None else format_percent(mean)))
            greatest.append(
                Cell("" if difference.greatest is None else format_percent(difference.greatest))
            )
            split = difference.greatest_split
            places.append(Cell("" if split is None else str(split)))
            counts.append(Cell(str(difference.count)))
    return Panel(
        PanelKind.DIFFERENCE,
        "First part: absolute difference to the paper, percentage points",
        tuple(columns),
        (tuple(means), tuple(greatest), tuple(places), tuple(counts)),
        side_by_side=True,
    )
