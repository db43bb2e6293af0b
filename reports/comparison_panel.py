"""What each layer adds, by every tool beside the paper."""

from __future__ import annotations

from collections.abc import Iterable

from reports.comparison import increment_sums, increments
from reports.page import Cell, Column, Panel, PanelKind
from reports.published import FF_FOOTNOTE
from reports.resource_text import RESOURCE_TITLES, format_percent
from reports.table import TABLE_RESOURCES, SplitTable
from reports.table_notes import Notes
from reports.utilization import Source


def increment_panel(table: SplitTable, notes: Notes) -> Iterable[Panel]:
    """A panel if any increment is known to the paper and to a tool."""
    tools = [source for source in table.sources if source is not Source.PAPER]
    ours = {
        (one.source, one.resource, one.split): one
        for source in tools
        for resource in TABLE_RESOURCES
        for one in increments(table, source, resource)
    }
    if not ours:
        return
    sums = {
        (one.source, one.resource): one for tool in tools for one in increment_sums(table, tool)
    }
    published = {(one.resource, one.split): one.paper for one in ours.values()}
    note = notes.mark(
        "What layer k adds, with a pool behind it: the first part of split k less that of split "
        "k - 1. What all splits have alike, such as a shell, is not in it."
    )
    columns, keys = [Column("Layer", numeric=False, marks=(note,))], []
    for resource in TABLE_RESOURCES:
        known = [tool for tool in tools if (tool, resource) in sums]
        for source in (Source.PAPER, *known) if known else ():
            columns.append(Column(RESOURCE_TITLES[resource], source))
            keys.append((resource, source))
    lines = []
    for split in sorted({split for _, _, split in ours}):
        line = [Cell(str(split))]
        for resource, source in keys:
            one = ours.get((source, resource, split))
            share = published.get((resource, split))
            if source is not Source.PAPER:
                share = one.percentage_points if one else None
            marks: tuple[int, ...] = ()
            if resource == "ff" and source is Source.PAPER and split == 2 and share is not None:
                marks = (notes.mark(FF_FOOTNOTE),)
            line.append(Cell("" if share is None else format_percent(share), marks))
        lines.append(tuple(line))
    yield Panel(
        PanelKind.INCREMENT,
        "What each layer adds to the first part, percentage points",
        tuple(columns),
        tuple(lines),
        side_by_side=True,
    )
