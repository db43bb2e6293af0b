"""Fig. 4b: the whole network, its convolutions and its fully connected layers, side by side."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reports.figure_style import render, write_note
from reports.figure_text import missing_notes, source_label
from reports.published import NETWORK
from reports.resource_text import RESOURCE_TITLES, format_percent
from reports.sweep_record import PartName
from reports.table import TABLE_RESOURCES, WHOLE, Entry, SplitTable
from reports.utilization import Source

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Part of the network -> how its bars are called and drawn (Okabe and Ito, with a hatch for grey).
_PARTS = {
    PartName.WHOLE: ("whole network", "#4D4D4D", ""),
    PartName.FIRST: ("convolutions", "#E69F00", "////"),
    PartName.SECOND: ("fully connected", "#56B4E9", "...."),
}


def parts_figure(table: SplitTable) -> dict[str, bytes]:
    """Percent of the device by part and resource, one plot per source, as ``{"svg", "png"}``.

    The convolutions are the first part of the split behind the last of them, the fully connected
    layers its second. What is unknown has no bar (a grey dash marks it) and is named underneath.
    """
    return render(lambda: _draw(table))


def convolution_split(table: SplitTable) -> int | None:
    """The split with all convolutions before and all fully connected layers behind the cut.

    Read off the layers that the sources report; None if there are not both kinds.
    """
    convolutions: set[int] = set()
    dense: set[int] = set()
    for entry in table.entries:
        for label in entry.layers:
            found = re.fullmatch(r"(conv|dense)(\d+)", label)
            if found:
                (convolutions if found[1] == "conv" else dense).add(int(found[2]))
    if convolutions and dense:
        return max(convolutions)
    # Without reports of layers, what is published of this network still says where.
    return 5 if table.configuration.network.lower() == NETWORK.lower() else None


def part_entries(table: SplitTable, source: Source) -> dict[PartName, Entry]:
    """What ``source`` says of the whole network and of both parts of the convolution split."""
    split = convolution_split(table)
    places = [(WHOLE, PartName.WHOLE)]
    # The cut that has the convolutions alone before it; with the pool, where one follows.
    point = next((p for p in table.points if p.split == split and split is not None), None)
    if point is not None:
        places += [(point, PartName.FIRST), (point, PartName.SECOND)]
    entries = ((part, table.entry(point, part, source)) for point, part in places)
    return {part: entry for part, entry in entries if entry is not None}


def _draw(table: SplitTable) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    sources = [source for source in table.sources if part_entries(table, source)]
    count = max(1, len(sources))
    figure = Figure(figsize=(6.4, 1.0 + 1.75 * count))
    plots = figure.subplots(count, 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    highest = 0.0
    for axes, source in zip(plots, sources, strict=False):
        highest = max(highest, _draw_source(axes, table, source))
        axes.set_title(source_label(table, source).replace("\n", " "), loc="left")
    device = table.device.name if table.device else table.configuration.device
    for axes in plots:
        axes.set_ylabel(f"percent of {device}")
        axes.set_ylim(0, max(100.0, highest) * 1.08)
        axes.set_yticks(range(0, int(max(100.0, highest)) + 1, 20 if highest <= 200 else 100))
        axes.grid(visible=False, axis="x")
        axes.tick_params(axis="x", length=0)
        axes.set_xlim(-0.5, len(TABLE_RESOURCES) - 0.5)
        axes.set_xticks(
            range(len(TABLE_RESOURCES)), [RESOURCE_TITLES[name] for name in TABLE_RESOURCES]
        )
    handles = [
        Patch(facecolor=colour, hatch=hatch, edgecolor="white", label=_part_label(table, part))
        for part, (_, colour, hatch) in _PARTS.items()
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=3, frameon=False)
    write_note(figure, _notes(table, sources))
    return figure


def _draw_source(axes: Axes, table: SplitTable, source: Source) -> float:
    """Bars of one source; returns the highest percentage."""
    entries = part_entries(table, source)
    width = 0.27
    highest = 0.0
    for place, (part, (_, colour, hatch)) in enumerate(_PARTS.items()):
        entry = entries.get(part)
        for group, resource in enumerate(TABLE_RESOURCES):
            centre = group + (place - 1) * width
            share = entry.percent[resource] if entry is not None else None
            if share is None:
                axes.text(centre, 1, "–", ha="center", va="bottom", color="#6E6E6E", fontsize=7)
                continue
            highest = max(highest, share)
            axes.bar(
                centre,
                share,
                width * 0.94,
                color=colour,
                hatch=hatch,
                edgecolor="white",
                linewidth=0,
            )
            number = "0" if share == 0 else format_percent(share)
            axes.text(centre, share + 1, number, ha="center", va="bottom", fontsize=6)
    return highest


def _part_label(table: SplitTable, part: PartName) -> str:
    name = _PARTS[part][0]
    split = convolution_split(table)
    if part is PartName.WHOLE or split is None:
        return name
    return f"{name} ({part.value} part of split {split})"


def _notes(table: SplitTable, sources: list[Source]) -> list[str]:
    notes = []
    if convolution_split(table) is None:
        notes.append("This network has no cut between convolutions and fully connected layers.")
    for source in sources:
        entries = part_entries(table, source)
        absent = [_PARTS[part][0] for part in _PARTS if part not in entries]
        if absent:
            notes.append(f"Left out: {', '.join(absent)}: no figures ({source.value}).")
        notes += missing_notes(source, list(entries.values()))
        notes += dict.fromkeys(
            f"{source.value}, {_PARTS[part][0]}: {entry.citation}."
            for part, entry in entries.items()
            if entry.citation is not None
        )
    if table.device is None:
        notes.append(f"{table.configuration.device} is not in the device table: no percentages.")
    return notes
