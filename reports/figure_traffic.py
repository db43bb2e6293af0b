"""Bytes over the link against what the fuller of both boards needs, split by split."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.figure_style import (
    RESOURCE_COLOURS,
    RESOURCE_MARKERS,
    SOURCE_LINES,
    render,
    write_note,
)
from reports.figure_text import source_label
from reports.resource_text import RESOURCE_TITLES
from reports.sweep_record import PartName
from reports.table import TABLE_RESOURCES, WHOLE, Point, SplitTable, Status
from reports.utilization import Source

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK = "#444444"


def traffic_figure(table: SplitTable, kinds: tuple[str, ...] = ("svg", "png")) -> dict[str, bytes]:
    """Above: bytes per image behind each cut (logarithmic). Below: percent of the greater part.

    As ``{kind: content}``. One colour per resource, one line style per source; a source that does
    not know both parts of a split has no point there.
    """
    return render(lambda: _draw(table), kinds)


def link_bytes(table: SplitTable) -> list[tuple[Point, int | None]]:
    """(point, bytes per image over the link) for every cut, in table order."""
    known = {pipeline.point: pipeline.bytes_per_image for pipeline in table.pipelines}
    return [(point, known.get(point)) for point in table.points if point != WHOLE]


def greater_part(
    table: SplitTable, resource: str, source: Source
) -> list[tuple[Point, float | None]]:
    """(point, percent of the part that needs more) for every cut; None unless both are known.

    Where nothing is left behind the cut, the first part is the greater one.
    """
    return [
        (point, _greater(table, point, resource, source))
        for point in table.points
        if point != WHOLE
    ]


def _greater(table: SplitTable, point: Point, resource: str, source: Source) -> float | None:
    shares = []
    for part in (PartName.FIRST, PartName.SECOND):
        entry = table.entry(point, part, source)
        if entry is None:
            return None
        if entry.status is Status.EMPTY:
            continue
        share = entry.percent[resource]
        if share is None:
            return None
        shares.append(share)
    return max(shares, default=None)


def _draw(table: SplitTable) -> Figure:
    from matplotlib.figure import Figure

    # Narrow, so that it can be read on a phone as it is.
    figure = Figure(figsize=(4.4, 4.6))
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 3))
    labels = [_label(point) for point, _ in link_bytes(table)]
    _draw_bytes(above, table)
    _draw_greater(below, table)
    below.set_xticks(range(len(labels)), labels)
    below.set_xlim(-0.5, max(len(labels), 1) - 0.5)
    below.set_xlabel("split k (layers 0 to k on the first board)")
    write_note(figure, _notes(table), width=78)
    return figure


def _label(point: Point) -> str:
    return f"{point.split}\nafter" if point.pool == "after" else str(point.split)


def _draw_bytes(axes: Axes, table: SplitTable) -> None:
    sizes = [(place, size) for place, (_, size) in enumerate(link_bytes(table)) if size]
    axes.set_title("Bytes per image over the link", loc="left")
    axes.set_yscale("log")
    axes.set_ylim(1, 10 * max([10, *(size for _, size in sizes)]))
    axes.set_ylabel("bytes (logarithmic)")
    axes.grid(visible=False, axis="x")
    axes.tick_params(axis="x", length=0)
    places = [place for place, _ in sizes]
    axes.vlines(places, 1, [size for _, size in sizes], color=_INK, linewidth=1.4)
    axes.plot(places, [size for _, size in sizes], "o", color=_INK, linestyle="none")
    for place, size in sizes:
        axes.annotate(
            str(size),
            (place, size),
            (0, 5),
            textcoords="offset points",
            ha="center",
            fontsize=7,
        )


def _draw_greater(axes: Axes, table: SplitTable) -> None:
    from matplotlib.lines import Line2D

    highest = 0.0
    drawn: dict[str, None] = {}
    sources: dict[Source, None] = {}
    for source in table.sources:
        style, filled = SOURCE_LINES[source]
        for resource in TABLE_RESOURCES:
            shares = [share for _, share in greater_part(table, resource, source)]
            known = [share for share in shares if share is not None]
            if not known:
                continue
            highest = max(highest, *known)
            drawn[resource] = None
            sources[source] = None
            colour = RESOURCE_COLOURS[resource]
            axes.plot(
                range(len(shares)),
                # A missing value interrupts the line: joining its neighbours would be a guess.
                [float("nan") if share is None else share for share in shares],
                color=colour,
                linestyle=style,
                marker=RESOURCE_MARKERS[resource],
                markerfacecolor=colour if filled else "white",
                clip_on=False,
                zorder=3,
            )
    device = table.device.name if table.device else table.configuration.device
    axes.set_title("The part that needs more", loc="left")
    axes.set_ylabel(f"used, percent of {device}")
    axes.set_ylim(0, max(100.0, highest))
    axes.axhline(100, color=_INK, linewidth=0.8)
    handles = [
        Line2D(
            [],
            [],
            color=RESOURCE_COLOURS[name],
            marker=RESOURCE_MARKERS[name],
            linestyle="none",
            label=RESOURCE_TITLES[name],
        )
        for name in TABLE_RESOURCES
        if name in drawn
    ]
    handles += [
        Line2D(
            [],
            [],
            color=_INK,
            linestyle=SOURCE_LINES[source][0],
            label=source_label(table, source).replace("\n", " "),
        )
        for source in sources
    ]
    if handles and axes.figure is not None:
        axes.figure.legend(
            handles=handles,
            loc="outside upper left",
            ncols=2 if len(sources) > 1 else min(len(handles), 4),
            frameon=False,
            handlelength=2.6,
        )


def _notes(table: SplitTable) -> list[str]:
    cuts = [point for point in table.points if point != WHOLE]
    if not cuts:
        return ["No split was swept."]
    notes = []
    for source in table.sources:
        shares = {
            RESOURCE_TITLES[name]: [share for _, share in greater_part(table, name, source)]
            for name in TABLE_RESOURCES
        }
        never = [name for name, known in shares.items() if not any(s is not None for s in known)]
        if len(never) == len(shares):
            notes.append(f"Left out: {source.value}, which does not give both parts in percent.")
        elif never:
            notes.append(f"Left out: {', '.join(never)}, which {source.value} does not count.")
        gaps = sorted(
            {
                _label(point).replace("\n", " ")
                for place, point in enumerate(cuts)
                for known in shares.values()
                if known[place] is None and any(share is not None for share in known)
            }
        )
        if gaps:
            notes.append(f"Left out: split {', '.join(gaps)}, not known entirely ({source.value}).")
    return notes
