"""Plans that no other one beats in everything, each a point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.figure_style import render, write_note

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INK = "#444444"
_POINT = "#0072B2"
_CHOSEN = "#D55E00"
#: More labels than this would cover each other.
_MOST_LABELS = 12


@dataclass(frozen=True)
class ParetoPlan:
    """``values``: along each axis. ``label``: for people. ``chosen``: the plan that was made."""

    values: tuple[float, ...]
    label: str
    chosen: bool = False


@dataclass(frozen=True)
class ParetoPlot:
    """``axes``: title of each of two or three, and whether more is better there. ``source``: of the
    numbers. ``proved``: whether it is proved that no plan beats any of these."""

    network: str
    source: str
    axes: tuple[tuple[str, bool], ...]
    plans: tuple[ParetoPlan, ...]
    proved: bool


def pareto_figure(plot: ParetoPlot, kinds: tuple[str, ...] = ("svg", "png")) -> dict[str, bytes]:
    """One drawing for two axes, one for each of the three pairs of three; ``{kind: content}``."""
    return render(lambda: _draw(plot), kinds)


def _draw(plot: ParetoPlot) -> Figure:
    from matplotlib.figure import Figure

    count = len(plot.axes)
    pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
    figure = Figure(figsize=(4.6, 3.2 * len(pairs) + 0.3))
    drawings = figure.subplots(len(pairs), 1, squeeze=False)[:, 0]
    for axes, (across, up) in zip(drawings, pairs, strict=True):
        points = [(plan.values[across], plan.values[up]) for plan in plot.plans]
        ordered = sorted(points)
        if count == 2:
            axes.plot(*zip(*ordered, strict=True), color=_INK, linewidth=0.8, linestyle=":")
        for chosen, colour, marker in ((False, _POINT, "o"), (True, _CHOSEN, "D")):
            shown = [
                point
                for point, plan in zip(points, plot.plans, strict=True)
                if plan.chosen is chosen
            ]
            if shown:
                axes.plot(*zip(*shown, strict=True), marker, color=colour, zorder=3, clip_on=False)
        # Beside the line, not on it.
        _label(axes, points, plot.plans, below=ordered[0][1] < ordered[-1][1])
        for axis, which in ((axes.xaxis, across), (axes.yaxis, up)):
            title, more_is_better = plot.axes[which]
            better = "more is better" if more_is_better else "less is better"
            axis.set_label_text(f"{title} ({better})")
            if all(plan.values[which].is_integer() for plan in plot.plans):
                axis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.margins(0.16)
        axes.set_xlim(left=max(axes.get_xlim()[0], 0))
        axes.set_ylim(bottom=max(axes.get_ylim()[0], 0))
        axes.ticklabel_format(useOffset=False)
    known = "none" if plot.proved else "none found"
    drawings[0].set_title(f"{plot.network}: plans that {known} beats", loc="left")
    write_note(figure, _notes(plot), width=82)
    return figure


def _label(
    axes: object,
    points: Sequence[tuple[float, float]],
    plans: Sequence[ParetoPlan],
    below: bool,
) -> None:
    """The label beside each point, one for points that are the same."""
    by_point: dict[tuple[float, float], list[str]] = {}
    for point, plan in zip(points, plans, strict=True):
        by_point.setdefault(point, []).append(plan.label)
    if len(by_point) > _MOST_LABELS:
        return
    for point, labels in by_point.items():
        distinct = list(dict.fromkeys(labels))
        text = distinct[0] if len(distinct) == 1 else f"{distinct[0]} (+{len(distinct) - 1})"
        axes.annotate(  # type: ignore[attr-defined]
            text,
            point,
            (5, -9 if below else 4),
            textcoords="offset points",
            fontsize=6.5,
            color=_INK,
        )


def _notes(plot: ParetoPlot) -> list[str]:
    proved = (
        "Proved: no allowed plan is better in one, worse in none."
        if plot.proved
        else "Not proved: others may beat these."
    )
    notes = [f"Source: {plot.source}. {proved}"]
    if any(plan.chosen for plan in plot.plans):
        notes.append("Diamond: the plan that was chosen.")
    return notes
