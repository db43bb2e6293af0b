"""A job's timeline as a figure: a lane for the client and each stage, time from left to right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dse.deploy.timeline import Places, Timeline, busy_share, sender_and_receiver
from dse.deploy.timings import JobTimings
from reports.drawing import Drawing
from reports.figure_style import render, write_note

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Each has a contrast of 3:1 or more with the white behind it (WCAG 2.1, 1.4.11).
COMPUTE = "#0072B2"
WIRE = "#B34700"
HANDING_OVER = "#8C4A73"
QUEUED = "#00795A"
INK = "#333333"

#: Half the height of what is drawn in a lane, of the distance between two.
_HALF = 0.27
#: More images than these get no bars of their own.
_DISTINCT_IMAGES = 150
_MOST_WIRES = 100
#: Pieces of time of which the share of computing is drawn, where images are many.
_SHARE_BINS = 240
_WIDTH_INCHES = 7.2
_MOST_INCHES = 14


def timeline_figure(
    job: JobTimings, times: Timeline, title: str, notes: Sequence[str] = ()
) -> Drawing:
    """Bars are the computing of one image each; slanted lines are images on the wire.

    ``title``: what was run on what, with the source of the times (measured, model); ``notes``:
    sentences under the figure. What has times that cannot be right is left out, and a
    note says so.
    """
    return Drawing(**render(lambda: _draw(job, times, title, notes)))


def _draw(job: JobTimings, times: Timeline, title: str, notes: Sequence[str]) -> Figure:
    from matplotlib.figure import Figure

    lanes = len(job.stages) + 2
    figure = Figure(figsize=(_WIDTH_INCHES, 1.1 + min(0.42 * lanes, _MOST_INCHES)))
    axes = figure.add_subplot()
    unit, scale = _unit(job.response_ns)
    begin = int(job.sent_ns[0])
    every = -(-times.images // _MOST_WIRES)
    unknown = []
    for position, hop in enumerate(times.hops):
        sent, received = sender_and_receiver(job, position)
        if hop.negative:
            unknown.append(f"{hop.sender} to {hop.receiver}")
            continue
        _wires(axes, position, (sent - begin) * scale, (received - begin) * scale, every)
    distinct = times.images <= _DISTINCT_IMAGES
    for lane, (stage, known) in enumerate(zip(job.stages, times.stages, strict=True), start=1):
        if known.compute is None:
            unknown.append(f"stage {stage.position}")
            continue
        arrays = (stage.received_ns, stage.started_ns, stage.finished_ns, stage.sent_ns)
        taken, started, finished, handed = ((each - begin) * scale for each in arrays)
        if distinct:
            _bars(axes, lane, taken, started, QUEUED, thin=True)
            _bars(axes, lane, finished, handed, HANDING_OVER, thin=True)
            _bars(axes, lane, started, finished, COMPUTE)
        else:
            _shares(axes, lane, started, finished, job.response_ns * scale)
    for lane, moments in ((0, job.sent_ns), (lanes - 1, job.received_ns)):
        axes.vlines((moments - begin) * scale, lane - _HALF, lane + _HALF, color=INK, linewidth=0.8)
    _finish(axes, job, title, unit, lanes)
    write_note(figure, _notes(times, every, unknown, notes))
    return figure


def _unit(response_ns: int) -> tuple[str, float]:
    if response_ns < 2_000_000:
        return "µs", 1e-3
    if response_ns < 10_000_000_000:
        return "ms", 1e-6
    return "s", 1e-9


def _wires(
    axes: Axes,
    position: int,
    sent: Places,
    received: Places,
    every: int,
) -> None:
    from matplotlib.collections import LineCollection

    top, bottom = position + _HALF, position + 1 - _HALF
    axes.add_collection(
        LineCollection(
            [
                ((begin, top), (end, bottom))
                for begin, end in zip(sent[::every], received[::every], strict=True)
            ],
            colors=WIRE,
            linewidths=0.9 if len(sent) <= _DISTINCT_IMAGES else 0.6,
            zorder=2,
        )
    )


def _bars(
    axes: Axes, lane: int, begin: Places, end: Places, colour: str, *, thin: bool = False
) -> None:
    """A bar for each image; ``thin`` ones are drawn without edges."""
    from matplotlib.collections import PolyCollection

    half = _HALF * (0.3 if thin else 1)
    seen = end > begin
    axes.add_collection(
        PolyCollection(
            [
                (
                    (left, lane - half),
                    (right, lane - half),
                    (right, lane + half),
                    (left, lane + half),
                )
                for left, right in zip(begin[seen], end[seen], strict=True)
            ],
            facecolors=colour,
            # An edge of the bar's own colour lets one that is narrower than a point be seen.
            edgecolors=colour if thin else "white",
            linewidths=0.2 if thin else 0.4,
            zorder=3,
        )
    )


def _shares(axes: Axes, lane: int, begin: Places, end: Places, span: float) -> None:
    """So many images that no bar would be seen: how high, says how much of the time."""
    edges = np.linspace(0, span, _SHARE_BINS + 1)
    height = busy_share(begin, end, edges) * 2 * _HALF
    floor = lane + _HALF
    axes.stairs(floor - height, edges, baseline=floor, fill=True, color=COMPUTE, zorder=3)


def _finish(axes: Axes, job: JobTimings, title: str, unit: str, lanes: int) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    axes.set_title(title, loc="left", pad=20)
    handles = [
        Patch(color=COMPUTE, label="computing"),
        Line2D([], [], color=WIRE, label="on the wire, or in its buffers"),
    ]
    if len(job.sent_ns) <= _DISTINCT_IMAGES:
        handles += [
            Line2D([], [], color=QUEUED, linewidth=3, label="queued in the stage"),
            Line2D([], [], color=HANDING_OVER, linewidth=3, label="handing over"),
        ]
    axes.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=4,
        frameon=False,
        borderaxespad=0.2,
    )
    axes.set_xlabel(f"{unit} since the first image was sent")
    names = ["client sends", *(f"stage {stage.position}" for stage in job.stages)]
    names.append("client receives")
    # So many lanes that their names would run into each other are named now and then.
    step = max(1, round(lanes / 45))
    shown = sorted({0, *range(1, lanes - 1, step), lanes - 1})
    axes.set_yticks(shown, [names[lane] for lane in shown])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.set_ylim(lanes - 0.5, -0.5)
    axes.margins(x=0.01)
    axes.autoscale_view(scaley=False)


def _notes(times: Timeline, every: int, unknown: Sequence[str], notes: Sequence[str]) -> list[str]:
    lines = list(notes)
    if times.images > _DISTINCT_IMAGES:
        lines.append("The height of a stage's band is the share of the time in which it computes.")
    if every > 1:
        lines.append(f"Of the wires, that of each {every}th image is drawn.")
    if unknown:
        lines.append(
            f"Unknown, so not drawn: {', '.join(unknown)} (the times contradict each other)."
        )
    return lines
