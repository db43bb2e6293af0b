"""Fig. 4a: how the share of each resource on the first board grows with the split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reports.figure_style import (
    RESOURCE_COLOURS,
    RESOURCE_MARKERS,
    SOURCE_LINES,
    render,
    write_note,
)
from reports.figure_text import missing_notes, source_label
from reports.resource_text import RESOURCE_TITLES
from reports.sweep_record import PartName
from reports.table import TABLE_RESOURCES, Point, SplitTable
from reports.utilization import Source

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

#: Sources whose lines can be told apart in one plot of all resources.
MOST_TOGETHER = 2

_SPLIT_LABEL = "split k (layers 0 to k on the first board)"
_INK = "#444444"


def growth_figure(table: SplitTable) -> dict[str, bytes]:
    """Percent of the device that the first part takes, over the split, as ``{"svg", "png"}``.

    One colour per resource, one line style per source; more than two sources get a plot for each
    resource. Where a split has both pool sides, the pool before the cut is drawn. What is unknown
    is left out and named under the plot.
    """
    sources = [
        source
        for source in table.sources
        if any(_known(table, resource, source) for resource in TABLE_RESOURCES)
    ]
    if len(sources) > MOST_TOGETHER:
        return render(lambda: _draw_apart(table, sources))
    return render(lambda: _draw_together(table))


def drawn_points(table: SplitTable) -> dict[int, Point]:
    """The one point drawn for each split: with the pool before the cut if that was swept."""
    points: dict[int, Point] = {}
    for point in table.points:  # "before" comes first
        if point.split is not None:
            points.setdefault(point.split, point)
    return points


def growth_series(
    table: SplitTable, resource: str, source: Source
) -> list[tuple[int, float | None]]:
    """(split, percent) in ascending order; None where the point exists without a known number."""
    series = []
    for split, point in drawn_points(table).items():
        entry = table.entry(point, PartName.FIRST, source)
        if entry is not None:
            series.append((split, entry.percent[resource]))
    return series


def _known(table: SplitTable, resource: str, source: Source) -> list[float]:
    series = growth_series(table, resource, source)
    return [share for _, share in series if share is not None]


def _draw_line(axes: Axes, table: SplitTable, resource: str, source: Source) -> None:
    """The line of one source and resource, if anything of it is known."""
    series = growth_series(table, resource, source)
    if not _known(table, resource, source):
        return
    style, filled = SOURCE_LINES[source]
    colour = RESOURCE_COLOURS[resource]
    axes.plot(
        [split for split, _ in series],
        # A missing value interrupts the line: joining its neighbours would be a guess.
        [float("nan") if share is None else share for _, share in series],
        color=colour,
        linestyle=style,
        marker=RESOURCE_MARKERS[resource],
        markerfacecolor=colour if filled else "white",
        clip_on=False,
        zorder=3,
    )


def _set_scales(axes: Axes, table: SplitTable) -> None:
    """The same for every plot: all splits, and 0 to 100 percent or more."""
    from matplotlib.ticker import MultipleLocator

    known = [
        share
        for source in table.sources
        for resource in TABLE_RESOURCES
        for share in _known(table, resource, source)
    ]
    highest = max(known, default=0.0)
    axes.xaxis.set_major_locator(MultipleLocator(1))
    axes.set_ylim(0, max(100.0, highest))
    splits = list(drawn_points(table)) or [0]
    axes.set_xlim(min(splits) - 0.25, max(splits) + 0.25)
    if highest > 100:
        axes.axhline(100, color=_INK, linewidth=0.8)


def _source_lines(sources: Sequence[Source]) -> list[Line2D]:
    from matplotlib.lines import Line2D

    return [
        Line2D(
            [],
            [],
            color=_INK,
            linestyle=SOURCE_LINES[source][0],
            marker="o",
            markerfacecolor=_INK if SOURCE_LINES[source][1] else "white",
        )
        for source in sources
    ]


def _device(table: SplitTable) -> str:
    return table.device.name if table.device else table.configuration.device


def _draw_together(table: SplitTable) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    figure = Figure(figsize=(6.4, 4.0))
    axes = figure.add_subplot()
    for source in table.sources:
        for resource in TABLE_RESOURCES:
            _draw_line(axes, table, resource, source)
    axes.set_title(f"{table.configuration.network}: first part of each split", loc="left")
    axes.set_xlabel(_SPLIT_LABEL)
    axes.set_ylabel(f"used, percent of {_device(table)}")
    _set_scales(axes, table)
    resources = [
        Line2D([], [], color=RESOURCE_COLOURS[name], marker=RESOURCE_MARKERS[name])
        for name in TABLE_RESOURCES
    ]
    titles = [RESOURCE_TITLES[name] for name in TABLE_RESOURCES]
    # Beside the axes, never over the data.
    beside: dict[str, Any] = {"frameon": False, "alignment": "left", "handlelength": 3.4}
    beside["loc"] = "upper left"
    upper = axes.legend(resources, titles, title="Resource", bbox_to_anchor=(1.01, 1.02), **beside)
    named = [source_label(table, source) for source in table.sources]
    lines = _source_lines(table.sources)
    axes.legend(lines, named, title="Source", bbox_to_anchor=(1.01, 0.58), **beside)
    axes.add_artist(upper)  # a second legend replaces the first, unless that is kept like this
    write_note(figure, _notes(table), width=112)
    return figure


def _draw_apart(table: SplitTable, sources: Sequence[Source]) -> Figure:
    """A plot for each resource; the place of a sixth has the legend."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.4))
    plots = figure.subplots(2, 3, sharex=True, sharey=True)
    *places, rest = plots.flat
    for axes, resource in zip(places, TABLE_RESOURCES, strict=True):
        for source in sources:
            _draw_line(axes, table, resource, source)
        axes.set_title(RESOURCE_TITLES[resource], loc="left", fontweight="bold")
        _set_scales(axes, table)
    rest.axis("off")
    rest.legend(
        _source_lines(sources),
        [source_label(table, source) for source in sources],
        title=f"{table.configuration.network}:\nfirst part of each split",
        loc="upper left",
        frameon=False,
        alignment="left",
        handlelength=3.4,
    )
    # The plot above the legend is the lowest of its column.
    plots[0, 2].tick_params(labelbottom=True)
    plots[1, 1].set_xlabel(_SPLIT_LABEL)
    for axes in plots[:, 0]:
        axes.set_ylabel(f"percent of {_device(table)}")
    write_note(figure, _notes(table))
    return figure


def _notes(table: SplitTable) -> list[str]:
    notes = []
    for source in table.sources:
        entries = [table.entry(p, PartName.FIRST, source) for p in drawn_points(table).values()]
        notes += missing_notes(source, [entry for entry in entries if entry is not None])
    after = [split for split, point in drawn_points(table).items() if point.pool == "after"]
    if after:
        notes.append(f"Pool after the cut at split {', '.join(map(str, after))}.")
    if table.device is None:
        notes.append(f"{table.configuration.device} is not in the device table: no percentages.")
    if not drawn_points(table):
        notes.append("No split was swept.")
    return notes
