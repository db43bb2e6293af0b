"""Fig. 4a: how the share of each resource on the first board grows with the split."""

from __future__ import annotations

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
    from matplotlib.figure import Figure


def growth_figure(table: SplitTable) -> dict[str, bytes]:
    """Percent of the device that the first part takes, over the split, as ``{"svg", "png"}``.

    One colour per resource, one line style per source. Where a split has both pool sides, the pool
    before the cut is drawn. What is unknown is left out and named under the plot.
    """
    return render(lambda: _draw(table))


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


def _draw(table: SplitTable) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MultipleLocator

    figure = Figure(figsize=(6.4, 4.0))
    axes = figure.add_subplot()
    highest = 0.0
    for source in table.sources:
        style, filled = SOURCE_LINES[source]
        for resource in TABLE_RESOURCES:
            series = growth_series(table, resource, source)
            # A missing value interrupts the line: joining its neighbours would be a guess.
            shares = [float("nan") if share is None else share for _, share in series]
            known = [share for _, share in series if share is not None]
            if not known:
                continue
            highest = max(highest, *known)
            colour = RESOURCE_COLOURS[resource]
            axes.plot(
                [split for split, _ in series],
                shares,
                color=colour,
                linestyle=style,
                marker=RESOURCE_MARKERS[resource],
                markerfacecolor=colour if filled else "white",
                clip_on=False,
                zorder=3,
            )
    device = table.device.name if table.device else table.configuration.device
    axes.set_title(f"{table.configuration.network}: first part of each split", loc="left")
    axes.set_xlabel("split k (layers 0 to k on the first board)")
    axes.set_ylabel(f"used, percent of {device}")
    axes.xaxis.set_major_locator(MultipleLocator(1))
    axes.set_ylim(0, max(100.0, highest))
    splits = list(drawn_points(table)) or [0]
    axes.set_xlim(min(splits) - 0.25, max(splits) + 0.25)
    if highest > 100:
        axes.axhline(100, color="#444444", linewidth=0.8)
    resources = [
        Line2D([], [], color=RESOURCE_COLOURS[name], marker=RESOURCE_MARKERS[name])
        for name in TABLE_RESOURCES
    ]
    titles = [RESOURCE_TITLES[name] for name in TABLE_RESOURCES]
    sources = []
    for source in table.sources:
        style, filled = SOURCE_LINES[source]
        face = "#444444" if filled else "white"
        sources.append(
            Line2D([], [], color="#444444", linestyle=style, marker="o", markerfacecolor=face)
        )
    # Beside the axes, never over the data.
    beside: dict[str, Any] = {"frameon": False, "alignment": "left", "handlelength": 3.4}
    beside["loc"] = "upper left"
    upper = axes.legend(resources, titles, title="Resource", bbox_to_anchor=(1.01, 1.02), **beside)
    named = [source_label(table, source) for source in table.sources]
    axes.legend(sources, named, title="Source", bbox_to_anchor=(1.01, 0.58), **beside)
    axes.add_artist(upper)  # a second legend replaces the first, unless that is kept like this
    write_note(figure, _notes(table), width=112)
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
