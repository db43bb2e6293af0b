"""Table I as text: the same panels, sources and notes for the terminal, Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from reports.published import FF_FOOTNOTE
from reports.sweep_record import PartName
from reports.table import (
    TABLE_RESOURCES,
    WHOLE,
    Entry,
    Pipeline,
    Point,
    SplitTable,
    Status,
)
from reports.utilization import Scope, Source

#: How the resources are called in a heading.
RESOURCE_TITLES = {
    "lut": "LUT",
    "lut_as_logic": "LUT as logic",
    "lutram": "LUTRAM",
    "ff": "FF",
    "bram": "BRAM",
    "dsp": "DSP",
    "uram": "URAM",
}

#: What is known beforehand of a tool's way of counting.
_SOURCE_REMARKS = {
    Source.YOSYS: "a leaner circuit than the HLS one, not the same circuit",
}


@dataclass(frozen=True)
class Cell:
    """A piece of text with the numbers of the notes that belong to it."""

    text: str
    marks: tuple[int, ...] = ()


@dataclass(frozen=True)
class Column:
    """``name``: the resource or quantity; ``source`` is None for what no tool counts.

    ``difference``: not what ``source`` says, but that less what the paper says.
    """

    name: str
    source: Source | None = None
    marks: tuple[int, ...] = ()
    numeric: bool = True
    difference: bool = False


class PanelKind(StrEnum):
    """What a panel tells."""

    PERCENT = "percent"
    USED = "used"
    DIFFERENCE = "difference"
    SECOND_PART = "second-part"
    LINK = "link"


@dataclass(frozen=True)
class Panel:
    """One block of text. ``side_by_side``: neighbouring columns are one resource of each source."""

    kind: PanelKind
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    side_by_side: bool

    @property
    def sources(self) -> tuple[Source, ...]:
        """Whose numbers stand in it."""
        return tuple(dict.fromkeys(c.source for c in self.columns if c.source is not None))

    @property
    def heading(self) -> str:
        """The title with the sources of its numbers: a block is never without."""
        return f"{self.title} — {' | '.join(source.value for source in self.sources)}"

    @property
    def groups(self) -> tuple[tuple[str, int, int], ...]:
        """Runs of columns of one name behind the first: (name, first, last), counted from 1."""
        runs: list[tuple[str, int, int]] = []
        for position, column in enumerate(self.columns[1:], start=2):
            if runs and runs[-1][0] == column.name:
                runs[-1] = (column.name, runs[-1][1], position)
            else:
                runs.append((column.name, position, position))
        return tuple(runs)

    def pieces(self, most_columns: int) -> list[Panel]:
        """The panel in as many as ``most_columns`` wide at most; a resource stays in one piece.

        A panel that is not side by side is one piece; so is a resource, however many its sources.
        """
        if len(self.columns) <= most_columns or not self.side_by_side:
            return [self]
        runs: list[list[int]] = []
        for _, first, last in self.groups:
            columns = list(range(first - 1, last))
            if not runs or 1 + len(runs[-1]) + len(columns) > most_columns:
                runs.append([])
            runs[-1] += columns
        pieces = []
        for run in runs:
            kept = [0, *run]
            names = ", ".join(dict.fromkeys(self.columns[i].name for i in run))
            pieces.append(
                replace(
                    self,
                    title=f"{self.title}: {names}",
                    columns=tuple(self.columns[i] for i in kept),
                    rows=tuple(tuple(row[i] for i in kept) for row in self.rows),
                )
            )
        return pieces

    def of_source(self, source: Source) -> Panel:
        """The columns of one source and of none; rows of which that source says nothing go."""
        kept = [i for i, c in enumerate(self.columns) if c.source in (None, source)]
        own = [i for i in kept if self.columns[i].source is not None]
        rows = [row for row in self.rows if any(row[i] != Cell("") for i in own)]
        return Panel(
            self.kind,
            self.title,
            tuple(self.columns[i] for i in kept),
            tuple(tuple(row[i] for i in kept) for row in rows),
            self.side_by_side,
        )


@dataclass(frozen=True)
class Page:
    """Everything a person reads: ``sources`` as (name, description), ``notes`` counted from 1."""

    title: str
    panels: tuple[Panel, ...]
    sources: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


class _Notes:
    """Numbers notes in the order in which they are first needed."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def mark(self, text: str) -> int:
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text) + 1


def lay_out(table: SplitTable, differences: bool = False) -> Page:
    """All panels of a table, in reading order; a panel without any number is left out.

    ``differences``: behind the percent of each tool stands its difference to the paper's.
    """
    notes = _Notes()
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
    panels += _second_part_panels(table, notes)
    panels += _pipeline_panels(table, notes)
    return Page(
        title=(
            f"{configuration.network} on {configuration.device}, {configuration.clock_mhz:g} MHz, "
            f"folding {configuration.folding}"
        ),
        panels=tuple(panels),
        sources=tuple((source.value, describe_source(table, source)) for source in table.sources),
        notes=tuple(notes.texts),
    )


# -- numbers as text ----------------------------------------------------------------------------


def format_used(resource: str, count: float) -> str:
    """Whole units; BRAM, in halves, with one decimal."""
    return f"{count:.1f}" if resource == "bram" else f"{count:.0f}"


def format_percent(share: float) -> str:
    """Two decimals, as the paper prints."""
    return f"{share:.2f}"


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


# -- panels -------------------------------------------------------------------------------------

_Row = dict[Source, Entry]


def _part_at(table: SplitTable, point: Point) -> _Row:
    """The first part (or the whole network) at a point, by source."""
    part = PartName.WHOLE if point == WHOLE else PartName.FIRST
    entries = ((source, table.entry(point, part, source)) for source in table.sources)
    return {source: entry for source, entry in entries if entry is not None}


def _percent_panel(
    table: SplitTable, title: str, rows: Sequence[_Row], notes: _Notes, differences: bool
) -> Panel:
    panel = _side_by_side(table, PanelKind.PERCENT, title, rows, _percent_cell, notes)
    if not differences or not table.differences:
        return panel
    marks = _difference_marks(table, table.sources, notes)
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
    notes: _Notes,
) -> Panel:
    columns = [Column("Split", numeric=False)]
    for resource in TABLE_RESOURCES:
        for source in table.sources:
            marks = _unknown_marks(table, resource, source, notes)
            if source is Source.PAPER:
                marks += _folding_marks(table, notes)
            columns.append(Column(RESOURCE_TITLES[resource], source, marks))
    lines = []
    for point, row in zip(table.points, rows, strict=True):
        if not row:
            continue
        line = [_label(point, notes)]
        for resource in TABLE_RESOURCES:
            for source in table.sources:
                line.append(_resource_cell(table, row.get(source), resource, cell, notes))
        lines.append(tuple(line))
    return Panel(kind, title, tuple(columns), tuple(lines), side_by_side=True)


def _second_part_panels(table: SplitTable, notes: _Notes) -> Iterable[Panel]:
    """One panel for each source that says anything of second parts."""
    for source in table.sources:
        entries = [table.entry(point, PartName.SECOND, source) for point in table.points]
        if not any(entries):
            continue
        columns = [Column("Split", numeric=False)]
        for resource in TABLE_RESOURCES:
            marks = _unknown_marks(table, resource, source, notes)
            columns.append(Column(RESOURCE_TITLES[resource], source, marks))
        lines = []
        for point, entry in zip(table.points, entries, strict=True):
            if entry is None:
                continue
            cells = (
                _resource_cell(table, entry, resource, _both_cell, notes)
                for resource in TABLE_RESOURCES
            )
            lines.append((_label(point, notes), *cells))
        title = "Second part: used (percent)" if table.device else "Second part: used"
        yield Panel(PanelKind.SECOND_PART, title, tuple(columns), tuple(lines), side_by_side=False)


def _pipeline_panels(table: SplitTable, notes: _Notes) -> Iterable[Panel]:
    for source in table.sources:
        pipelines = [pipeline for pipeline in table.pipelines if pipeline.source is source]
        if not pipelines:
            continue
        interval = notes.mark(
            "II: cycles between two images when both boards work at once, the greater of both "
            "parts' cycles; images/s is what that allows at the clock, an upper bound that leaves "
            "out the link and the host."
        )
        columns = (
            Column("Split", numeric=False),
            Column("Bytes/image"),
            Column("Cycles first", source),
            Column("Cycles second", source),
            Column("II", source, (interval,)),
            Column("Images/s", source, (interval,)),
            Column("Slowest", source, numeric=False),
        )
        lines = tuple(_pipeline_line(table, pipeline, notes) for pipeline in pipelines)
        yield Panel(PanelKind.LINK, "Link and cycles per image", columns, lines, side_by_side=False)


def _pipeline_line(table: SplitTable, pipeline: Pipeline, notes: _Notes) -> tuple[Cell, ...]:
    point, source = pipeline.point, pipeline.source
    part = PartName.WHOLE if point == WHOLE else PartName.FIRST
    first = table.entry(point, part, source)
    second = table.entry(point, PartName.SECOND, source)
    slowest = pipeline.slowest or ""
    if pipeline.slowest_layer not in (None, slowest):
        slowest = f"{pipeline.slowest_layer}: {slowest}"
    fps = pipeline.frames_per_second
    return (
        _label(point, notes),
        Cell("" if pipeline.bytes_per_image is None else str(pipeline.bytes_per_image)),
        _cycles_cell(first, notes),
        _cycles_cell(second, notes),
        Cell("" if pipeline.interval is None else str(pipeline.interval)),
        Cell("" if fps is None else f"{fps:.1f}"),
        Cell(slowest),
    )


def _cycles_cell(entry: Entry | None, notes: _Notes) -> Cell:
    if entry is None:
        return Cell("")
    return _outcome(entry, notes) or Cell("" if entry.cycles is None else str(entry.cycles))


def _difference_marks(
    table: SplitTable, sources: Iterable[Source], notes: _Notes
) -> tuple[int, ...]:
    """What to bear in mind where numbers of ``sources`` are held against the paper's."""
    marks = []
    scopes = {entry.source: entry.utilization.scope for entry in table.entries if entry.utilization}
    alone = [
        source.value
        for source in dict.fromkeys(sources)
        if source is not Source.PAPER and scopes.get(source) is Scope.OUT_OF_CONTEXT
    ]
    if alone:
        marks.append(
            notes.mark(
                "The paper's figures contain the PS/AXI shell, those of "
                f"{', '.join(alone)} are the accelerator alone: the difference is not the error of "
                "an estimate."
            )
        )
    return tuple(marks)


def _folding_marks(table: SplitTable, notes: _Notes) -> tuple[int, ...]:
    """Published figures beside another folding than theirs."""
    if table.published_folding:
        return ()
    return (
        notes.mark(
            "The paper's circuits have the folding published with BNN-PYNQ, which is not the "
            f"folding here ({table.configuration.folding}): other circuits, so no difference is "
            "computed."
        ),
    )


def _difference_panel(table: SplitTable, notes: _Notes) -> Panel:
    compared = [difference.source for difference in table.differences]
    marks = _difference_marks(table, compared, notes)
    columns = [Column("", numeric=False)]
    means, counts = [Cell("first part", marks)], [Cell("splits")]
    for resource in TABLE_RESOURCES:
        for difference in table.differences:
            if difference.resource != resource:
                continue
            unknown = _unknown_marks(table, resource, difference.source, notes)
            columns.append(Column(RESOURCE_TITLES[resource], difference.source, unknown))
            mean = difference.percentage_points
            means.append(Cell("" if mean is None else format_percent(mean)))
            counts.append(Cell(str(difference.count)))
    return Panel(
        PanelKind.DIFFERENCE,
        "Mean absolute difference to the paper, percentage points",
        tuple(columns),
        (tuple(means), tuple(counts)),
        side_by_side=True,
    )


# -- cells and their notes ----------------------------------------------------------------------


def _label(point: Point, notes: _Notes) -> Cell:
    if point == WHOLE:
        return Cell("whole")
    if point.pool != "after":
        return Cell(str(point.split))
    note = "after: the max-pool behind this layer is on the second board, behind the cut."
    return Cell(f"{point.split} after", (notes.mark(note),))


def _resource_cell(
    table: SplitTable,
    entry: Entry | None,
    resource: str,
    cell: Callable[[Entry, str], str],
    notes: _Notes,
) -> Cell:
    if entry is None:
        return Cell("")
    outcome = _outcome(entry, notes)
    if outcome is not None:
        return outcome
    text = cell(entry, resource)
    marks = []
    if resource == "ff" and entry.source is Source.PAPER and _same_ff(table, entry):
        marks.append(notes.mark(FF_FOOTNOTE))
    if entry.used()[resource] is None and _knows(table, resource, entry.source):
        marks.append(notes.mark(f"{entry.source.value} gives no count here: blank, not zero."))
    return Cell(text, tuple(marks))


def _same_ff(table: SplitTable, entry: Entry) -> bool:
    """Whether this is one of the two paper entries with the same FF, and both are in the table."""
    pair = [table.entry(Point(split, "before"), PartName.FIRST, Source.PAPER) for split in (1, 2)]
    return entry in pair and None not in pair


def _outcome(entry: Entry, notes: _Notes) -> Cell | None:
    """What stands in place of a number where nothing was built."""
    if entry.status is Status.EMPTY:
        note = "empty: no layer is left behind this cut, so nothing is built."
        return Cell("empty", (notes.mark(note),))
    if entry.status is not Status.FAILED:
        return None
    place = f"{entry.part.value} part"
    if entry.point.split is None:
        place = "whole network"
    else:
        side = ", pool after the cut" if entry.point.pool == "after" else ""
        place = f"split {entry.point.split}{side}, {place}"
    error = " ".join((entry.error or "").split())
    return Cell("failed", (notes.mark(f"{entry.source.value}, {place}: failed: {error}"),))


def _knows(table: SplitTable, resource: str, source: Source) -> bool:
    return any(
        entry.source is source and entry.used()[resource] is not None for entry in table.entries
    )


def _unknown_marks(
    table: SplitTable, resource: str, source: Source, notes: _Notes
) -> tuple[int, ...]:
    """A mark where this source counts other resources, but never this one."""
    known = {name: _knows(table, name, source) for name in TABLE_RESOURCES}
    if known[resource] or not any(known.values()):
        return ()
    missing = ", ".join(RESOURCE_TITLES[name] for name, is_known in known.items() if not is_known)
    return (notes.mark(f"{source.value} does not count {missing}: blank, not zero."),)


def describe_source(table: SplitTable, source: Source) -> str:
    """Who says so, what was counted, and what was left out, from the entries themselves."""
    entries = [entry for entry in table.entries if entry.source is source]
    built = [entry.utilization for entry in entries if entry.utilization is not None]
    sentences = []
    citations = dict.fromkeys(entry.citation for entry in entries if entry.citation is not None)
    for citation in citations:
        cited = [entry for entry in entries if entry.citation == citation]
        where = "whole network" if cited[0].part is PartName.WHOLE else "first parts"
        derived = "; percent as printed, ≈ used = percent × device" * cited[0].used_derived
        sentences.append(f"{where}: {citation}{derived}")
    if not citations:
        tools = sorted({f"{one.tool} {one.tool_version}".strip() for one in built})
        stages = sorted({one.stage.value for one in built})
        sentences += [", ".join(tools), "/".join(stages)]
    what = {
        Scope.OUT_OF_CONTEXT: "the accelerator alone, without a shell",
        Scope.WITH_SHELL: "with the PS/AXI shell around the accelerator",
    }
    sentences += [what[scope] for scope in sorted({one.scope for one in built})]
    uncounted = sorted({kind for entry in entries for kind in entry.uncounted})
    if uncounted:
        sentences.append(f"counted as 0 there: {', '.join(uncounted)}")
    if source in _SOURCE_REMARKS:
        sentences.append(_SOURCE_REMARKS[source])
    if not built and not citations:
        return "nothing was built"
    if table.device is None:
        sentences.append(f"no percent: {table.configuration.device} is not in the device table")
    return "; ".join(sentences)
