"""Cycles, images per second and latency: by source, side by side, and layer by layer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reports.layer_figures import LayerFigures
from reports.page import Cell, Column, Panel, PanelKind
from reports.panel_cells import outcome_cell, split_label
from reports.sweep_record import PartName
from reports.table import WHOLE, Entry, Pipeline, SplitTable
from reports.table_notes import Notes
from reports.utilization import Source

_MEASURED = "measured"
_ESTIMATED = "estimated"
_UNKNOWN = "unknown"


def cycles_word(table: SplitTable, source: Source) -> str:
    """``measured`` or ``estimated``, as all its cycles are, ``partly measured``; or ``unknown``."""
    known = {
        entry.cycles_measured
        for entry in table.entries
        if entry.source is source and entry.cycles is not None
    }
    if not known:
        return _UNKNOWN
    if known == {True}:
        return _MEASURED
    return "partly measured" if True in known else _ESTIMATED


def pipeline_panels(table: SplitTable, notes: Notes) -> Iterable[Panel]:
    """Link and cycles, one panel for each source that knows anything of them."""
    for source in table.sources:
        pipelines = [pipeline for pipeline in table.pipelines if pipeline.source is source]
        if not pipelines:
            continue
        interval = _interval_note(notes)
        marks = _measured_marks(table, source, notes)
        word = cycles_word(table, source)
        columns = [
            Column("Split", numeric=False),
            Column("Bytes/image"),
            Column("Cycles first", source, marks),
            Column("Cycles second", source, marks),
            Column("II", source, (interval,)),
            Column("Images/s", source, (interval,)),
        ]
        with_latency = any(pipeline.latency_cycles is not None for pipeline in pipelines)
        if with_latency:
            columns.append(Column("Latency", source, (_latency_note(notes),)))
        columns.append(Column("Slowest", source, numeric=False))
        yield Panel(
            PanelKind.LINK,
            "Link and cycles per image" + ("" if word == _UNKNOWN else f", {word}"),
            tuple(columns),
            tuple(_pipeline_line(table, one, with_latency, notes) for one in pipelines),
            side_by_side=False,
        )


def timing_panel(table: SplitTable, notes: Notes) -> Iterable[Panel]:
    """Both parts at work, by every source: a panel if there is more than one that knows."""
    by_place = {(one.point, one.source): one for one in table.pipelines}
    sources = [
        source
        for source in table.sources
        if any(one.source is source and one.interval is not None for one in table.pipelines)
    ]
    if len(sources) < 2:
        return
    interval = _interval_note(notes)
    compared = _compared(table, sources)
    columns = [Column("Split", numeric=False)]
    columns += [
        Column("II", source, (interval, *_measured_marks(table, source, notes)))
        for source in sources
    ]
    if compared is not None:
        columns.append(Column("Difference", compared[1], (_difference_note(notes, *compared),)))
    columns += [Column("Images/s", source, (interval,)) for source in sources]
    late = [
        source
        for source in sources
        if any(one.source is source and one.latency_cycles is not None for one in table.pipelines)
    ]
    columns += [Column("Latency", source, (_latency_note(notes),)) for source in late]
    lines = []
    for point in table.points:
        there = {source: by_place.get((point, source)) for source in sources}
        if not any(there.values()):
            continue
        line = [split_label(point, notes)]
        line += [_number(one.interval if one else None) for one in there.values()]
        if compared is not None:
            base, other = (there[source] for source in compared)
            intervals = (one.interval if one else None for one in (base, other))
            line.append(_difference(*intervals))
        for one in there.values():
            fps = one.frames_per_second if one else None
            line.append(Cell("" if fps is None else f"{fps:.1f}"))
        for source in late:
            one = there[source]
            line.append(_number(one.latency_cycles if one else None))
        lines.append(tuple(line))
    yield Panel(
        PanelKind.TIMING,
        "Both parts at work: cycles and images per second",
        tuple(columns),
        tuple(lines),
        side_by_side=True,
    )


def layer_panel(table: SplitTable, notes: Notes) -> Iterable[Panel]:
    """Layer by layer, if sources differ in who counted the cycles or one knows the logic depth."""
    sources = list(dict.fromkeys(figures.source for figures in table.layers))
    deep = [source for source in sources if _knows_depth(table, source)]
    compared = _compared(table, sources)
    if not deep and compared is None:
        return
    timed = [source for source in sources if _knows_cycles(table, source)]
    columns = [Column("Layer", numeric=False)]
    columns += [Column("Cycles", source, _layer_marks(table, source, notes)) for source in timed]
    if compared is not None:
        columns.append(Column("Difference", compared[1], (_difference_note(notes, *compared),)))
    for source in deep:
        mark = notes.mark(
            "LUT levels: LUTs one behind another on the longest path between two registers; "
            "CARRY4: carry cells on that path."
        )
        deepest = _deepest_note(table, source, notes)
        columns.append(Column("LUT levels", source, (mark, deepest)))
        if _knows_carries(table, source):
            columns.append(Column("CARRY4", source))
    by_place = {(figures.layer, figures.source): figures for figures in table.layers}
    lines = []
    for label in dict.fromkeys(figures.layer for figures in table.layers):
        there = {source: by_place.get((label, source)) for source in sources}
        line = [Cell(label)]
        line += [_number(_cycles(there[source])) for source in timed]
        if compared is not None:
            base, other = (_cycles(there[source]) for source in compared)
            line.append(_difference(base, other))
        for source in deep:
            one = there[source]
            line.append(_number(one.logic_depth if one else None))
            if _knows_carries(table, source):
                line.append(_number(one.carry_depth if one else None))
        lines.append(tuple(line))
    yield Panel(
        PanelKind.LAYERS,
        "Layer by layer: cycles per image and logic depth",
        tuple(columns),
        tuple(lines),
        side_by_side=True,
    )


def _pipeline_line(
    table: SplitTable, pipeline: Pipeline, with_latency: bool, notes: Notes
) -> tuple[Cell, ...]:
    point, source = pipeline.point, pipeline.source
    part = PartName.WHOLE if point == WHOLE else PartName.FIRST
    first = table.entry(point, part, source)
    second = table.entry(point, PartName.SECOND, source)
    slowest = pipeline.slowest or ""
    if pipeline.slowest_layer not in (None, slowest):
        slowest = f"{pipeline.slowest_layer}: {slowest}"
    fps = pipeline.frames_per_second
    return (
        split_label(point, notes),
        _number(pipeline.bytes_per_image),
        _cycles_cell(table, first, notes),
        _cycles_cell(table, second, notes),
        _number(pipeline.interval),
        Cell("" if fps is None else f"{fps:.1f}"),
        *([_number(pipeline.latency_cycles)] if with_latency else []),
        Cell(slowest),
    )


def _cycles_cell(table: SplitTable, entry: Entry | None, notes: Notes) -> Cell:
    if entry is None:
        return Cell("")
    return outcome_cell(table, entry, notes) or _number(entry.cycles)


def _number(count: int | None) -> Cell:
    return Cell("" if count is None else str(count))


def _difference(base: int | None, other: int | None) -> Cell:
    if base is None or other is None:
        return Cell("")
    # A true minus, as wide as the plus.
    return Cell(f"{other - base:+d}".replace("-", "\N{MINUS SIGN}"))


def _compared(table: SplitTable, sources: Sequence[Source]) -> tuple[Source, Source] | None:
    """FINN's estimate, and whoever measured what it estimates; None unless both are there."""
    measured = [source for source in sources if cycles_word(table, source) == _MEASURED]
    if Source.FINN_ESTIMATE not in sources or not measured:
        return None
    return Source.FINN_ESTIMATE, measured[-1]


def _knows_depth(table: SplitTable, source: Source) -> bool:
    return any(one.source is source and one.logic_depth is not None for one in table.layers)


def _knows_carries(table: SplitTable, source: Source) -> bool:
    return any(one.source is source and one.carry_depth is not None for one in table.layers)


def _knows_cycles(table: SplitTable, source: Source) -> bool:
    return any(one.source is source and one.cycles is not None for one in table.layers)


def _cycles(figures: LayerFigures | None) -> int | None:
    return None if figures is None else figures.cycles


def _interval_note(notes: Notes) -> int:
    return notes.mark(
        "II: cycles between two images when both boards work at once, the greater of both "
        "parts' cycles; images/s is what that allows at the clock, an upper bound that leaves "
        "out the link and the host."
    )


def _latency_note(notes: Notes) -> int:
    return notes.mark(
        "Latency: cycles of one image alone, through the first part and then the second, leaving "
        "out the link and the host."
    )


def _difference_note(notes: Notes, base: Source, other: Source) -> int:
    return notes.mark(f"Difference: cycles of {other.value} less those of {base.value}.")


def _measured_marks(table: SplitTable, source: Source, notes: Notes) -> tuple[int, ...]:
    word = cycles_word(table, source)
    if word in (_ESTIMATED, _UNKNOWN):
        return ()
    which = "these cycles were" if word == _MEASURED else "some of these cycles were"
    return (
        notes.mark(
            f"{source.value}, {word}: {which} counted in a cycle-accurate simulation of each part."
        ),
    )


def _layer_marks(table: SplitTable, source: Source, notes: Notes) -> tuple[int, ...]:
    """Of a source that measures parts: whether its layers' cycles were measured, too."""
    timed = [one for one in table.layers if one.source is source and one.cycles is not None]
    if timed and all(one.cycles_measured for one in timed):
        return (
            notes.mark(
                f"{source.value}, measured: these cycles were counted in a cycle-accurate "
                "simulation, layer by layer."
            ),
        )
    if cycles_word(table, source) in (_ESTIMATED, _UNKNOWN):
        return ()
    which = "some layers'" if any(one.cycles_measured for one in timed) else "a layer's"
    return (
        notes.mark(
            f"{source.value} measures whole parts; {which} cycles here follow from its folding."
        ),
    )


def _deepest_note(table: SplitTable, source: Source, notes: Notes) -> int:
    known = [one for one in table.layers if one.source is source and one.logic_depth is not None]
    most = max(one.logic_depth or 0 for one in known)
    names = ", ".join(one.layer for one in known if one.logic_depth == most)
    return notes.mark(f"{source.value}: deepest with {most} LUT levels: {names}.")
