"""A job's timeline for a terminal: a line of time for each stage, and a table of the means."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dse.counted import counted
from dse.deploy.timeline import (
    HopTimeline,
    Places,
    StageTimeline,
    Timeline,
    busy_share,
    results_came_together,
)
from dse.deploy.timings import JobTimings

#: How much of a column's time a stage computed, from nothing to all of it.
_SHADES = " ░▒▓█"
#: Columns that an image needs, for its digit to be worth reading.
_COLUMNS_PER_IMAGE = 1.5
LEAST_WIDTH = 40
_MOST_STAGES = 32


def timeline_text(job: JobTimings, times: Timeline, width: int = 100) -> str:
    """``times`` of ``job`` in lines of at most ``width`` characters (40 or more).

    In the picture a digit is the last one of the number of the image (from 0) that a stage computes
    then; of so many images that digits would tell nothing, the darkness is the share of the time in
    which it computes.
    """
    return "\n".join([*_picture(job, times, max(width, LEAST_WIDTH)), "", *_figures(times)])


def _picture(job: JobTimings, times: Timeline, width: int) -> list[str]:
    labels = ["client", *(f"stage {stage.position}" for stage in job.stages)]
    margin = max(map(len, labels)) + 2
    columns = width - margin - 1
    begin = int(job.sent_ns[0])
    # Of a job that took no time by its clock, everything stands in the first column.
    scale = columns / max(job.response_ns, 1)
    digits = columns / len(job.sent_ns) >= _COLUMNS_PER_IMAGE
    lines = [f"{'client':<{margin}}{_client_line(job, begin, scale, columns)}".rstrip()]
    shown = job.stages[:_MOST_STAGES]
    for stage, known in zip(shown, times.stages, strict=False):
        line = "?"
        if known.compute is not None:
            started = (stage.started_ns - begin) * scale
            finished = (stage.finished_ns - begin) * scale
            line = (_digit_line if digits else _shade_line)(started, finished, columns)
        lines.append(f"{f'stage {stage.position}':<{margin}}{line}".rstrip())
    if len(shown) < len(job.stages):
        lines.append(f"(not drawn: {counted(len(job.stages) - len(shown), 'stage')} more)")
    end = f"{job.response_ns / 1e6:,.3f} ms"
    lines.append(f"{'':<{margin}}0{end:>{columns - 1}}")
    meaning = "digit: image computed" if digits else "shade: share of time computing"
    lines.append(f"{'':<{margin}}> sent  < received  * both  {meaning}")
    return lines


def _client_line(job: JobTimings, begin: int, scale: float, columns: int) -> str:
    line = [" "] * columns
    for times, mark in ((job.sent_ns, ">"), (job.received_ns, "<")):
        for column in np.unique(_columns((times - begin) * scale, columns)):
            line[column] = mark if line[column] in (" ", mark) else "*"
    return "".join(line)


def _columns(places: Places, columns: int) -> NDArray[np.int64]:
    return np.clip(np.floor(places), 0, columns - 1).astype(np.int64)


def _coverage(begin: Places, end: Places, columns: int) -> Places:
    """(images, columns): how much of each column each image takes, 0 to 1."""
    left = np.arange(columns)
    overlap = np.minimum(end[:, None], left + 1) - np.maximum(begin[:, None], left)
    return np.clip(overlap, 0, 1)


def _digit_line(begin: Places, end: Places, columns: int) -> str:
    share = _coverage(begin, end, columns)
    image = share.argmax(axis=0)
    busy = share.sum(axis=0) >= 0.5
    # However short, an image is seen.
    middle = _columns((begin + end) / 2, columns)
    free = ~busy[middle]
    image[middle[free]] = np.flatnonzero(free)
    busy[middle] = True
    return "".join(str(at % 10) if on else "." for at, on in zip(image, busy, strict=True))


def _shade_line(begin: Places, end: Places, columns: int) -> str:
    share = busy_share(begin, end, np.arange(columns + 1.0))
    steps = np.clip(np.round(share * (len(_SHADES) - 1)), 0, len(_SHADES) - 1).astype(int)
    return "".join(_SHADES[step] for step in steps)


def _figures(times: Timeline) -> list[str]:
    lines = [
        f"{counted(times.images, 'image')} in {_span(times.response)}; fill {_span(times.fill)}, "
        f"steady state {_steady_state(times)}",
        "",
        *_stage_table(times.stages),
        "",
        *_hop_table(times.hops),
    ]
    if times.wire_total is not None:
        lines.append(f"outside the stages, all hops: {_span(times.wire_total)} an image")
    return [*lines, *(f"! {problem}" for problem in times.problems)]


def _steady_state(times: Timeline) -> str:
    if times.interval is None or times.interval_mean is None:
        return "unknown: too few images"
    if results_came_together(times.interval, times.interval_mean):
        return f"{_span(times.interval_mean)} an image in the mean, results came together"
    return f"{_span(times.interval)} an image (mean {_span(times.interval_mean)})"


def _stage_table(stages: Sequence[StageTimeline]) -> list[str]:
    rows = [["stage", "fill", "interval", "compute", "queued", "handing", "starved", "busy"]]
    for stage in stages[:_MOST_STAGES]:
        spans = (
            *(stage.fill, stage.interval, stage.compute, stage.queued),
            *(stage.handing_over, stage.starved),
        )
        busy = "?" if stage.utilisation is None else f"{stage.utilisation:.1%}"
        rows.append([str(stage.position), *map(_span, spans), busy])
    return _aligned(rows, len(stages))


def _hop_table(hops: Sequence[HopTimeline]) -> list[str]:
    rows = [["hop", "fill", "wire", "wire, receiver idle"]]
    for hop in hops[:_MOST_STAGES]:
        name = f"{hop.sender} to {hop.receiver}"
        rows.append([name, _span(hop.fill), _span(hop.wire), _span(hop.wire_idle)])
    return _aligned(rows, len(hops))


def _aligned(rows: list[list[str]], count: int) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *rest in rows:
        cells = [f"{cell:>{width}}" for cell, width in zip(rest, widths[1:], strict=True)]
        lines.append("  ".join([f"{first:<{widths[0]}}", *cells]).rstrip())
    if count > _MOST_STAGES:
        lines.append(f"(not shown: {count - _MOST_STAGES} more)")
    return lines


def _span(nanoseconds: float | None) -> str:
    """``?`` where unknown."""
    if nanoseconds is None:
        return "?"
    if abs(nanoseconds) < 1e6:
        return f"{nanoseconds / 1e3:,.1f} µs"
    if abs(nanoseconds) < 1e9:
        return f"{nanoseconds / 1e6:,.3f} ms"
    return f"{nanoseconds / 1e9:,.3f} s"
