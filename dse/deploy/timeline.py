"""Where the time of a job went: per stage and per hop, from the times of every image.

Times of different boards are compared in the client's clock, to which they were brought with an
error of their own; times of one board are compared with each other and have none. Where the first
kind cannot be right (an image received before it was sent), it is unknown and a problem says why.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dse.counted import counted
from dse.deploy.timings import JobTimings, StageTimings
from dse.errors import DeployError

FORMAT, VERSION = "split-dse/timeline", 1
#: A steady state is judged by the median of so many intervals or more.
LEAST_INTERVALS = 3

Times = NDArray[np.int64]
Places = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class StageTimeline:
    """One stage, nanoseconds; means over the images unless said otherwise. None is unknown.

    ``fill``: of the first image alone, received to result sent. ``interval``: median between two
    results handed to the network, in the steady state. ``compute``: started to finished.
    ``queued``: in the stage's memory until started. ``handing_over``: finished to handed to the
    network, which takes in waiting for credit and for results that are sent together.
    ``starved``: nothing to compute, from one result sent to the next image received.
    ``utilisation``: computing, as a share of the time from the first image received to the last
    result sent; ``job_utilisation``: as a share of the job's response time.
    """

    position: int
    fill: int | None
    interval: float | None
    compute: float | None
    queued: float | None
    handing_over: float | None
    starved: float | None
    utilisation: float | None
    job_utilisation: float | None


@dataclass(frozen=True)
class HopTimeline:
    """One hop, nanoseconds; means over the images. None is unknown.

    Hop 0 leads from the client to stage 0, the last one back to the client. ``fill``: of the first
    image, sent to received. ``wire``: sent to received, which takes in what an image lies in the
    system's socket buffers while the receiver is busy. ``wire_idle``: median of those images whose
    receiver had nothing else to do, so without that; None where there was none.
    ``negative``: images received before they were sent, by their times; then ``fill``, ``wire`` and
    ``wire_idle`` are unknown, and the clocks are at least ``clock_error`` apart, or the sender
    noted the time late.
    """

    position: int
    sender: str
    receiver: str
    fill: int | None
    wire: float | None
    wire_idle: float | None
    negative: int
    clock_error: int | None


@dataclass(frozen=True)
class Timeline:
    """A job of ``images`` images, nanoseconds. None is unknown.

    ``response``: first image sent to last result received. ``fill``: first image sent to first
    result received. ``interval``: median between two results received, once as many images as there
    are stages have come out; ``interval_mean``: the mean of the same, which sees a bunch of results
    that came together. ``wire_total``: mean of what an image spends outside all stages; it needs no
    comparison of clocks.
    """

    images: int
    response: int
    fill: int
    interval: float | None
    interval_mean: float | None
    wire_total: float | None
    stages: tuple[StageTimeline, ...]
    hops: tuple[HopTimeline, ...]
    problems: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """What docs/cluster-model.md lists; ``_ns`` is added to the names of times."""
        data = {"format": FORMAT, "version": VERSION, **_with_units(asdict(self))}
        for rows in ("stages", "hops"):
            data[rows] = [_with_units(row) for row in data[rows]]
        data["problems"] = list(self.problems)
        return data


_SHARES = ("utilisation", "job_utilisation")
_COUNTS = ("images", "position", "negative", "sender", "receiver", "stages", "hops", "problems")


def _with_units(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name if name in (*_SHARES, *_COUNTS) else f"{name}_ns": value
        for name, value in fields.items()
    }


def timeline(job: JobTimings) -> Timeline:
    """Raises DeployError if the arrays are not of one length, or are empty.

    Times that contradict each other are no error: what depends on them is None, and ``problems``
    says so.
    """
    images = len(job.sent_ns)
    _check_lengths(job, images)
    problems = _client_problems(job)
    broken = [_stage_problem(stage) for stage in job.stages]
    problems += [problem for problem in broken if problem is not None]
    stages = tuple(
        _stage(stage, job.response_ns, len(job.stages), problem is not None)
        for stage, problem in zip(job.stages, broken, strict=True)
    )
    hops = tuple(_hop(job, position) for position in range(len(job.stages) + 1))
    problems += [
        f"{hop.sender} to {hop.receiver}: {hop.negative} of {counted(images, 'image')} received "
        f"before being sent, by up to {hop.clock_error:,} ns: wire unknown"
        for hop in hops
        if hop.negative
    ]
    within = np.zeros(images, dtype=np.int64)
    for stage in job.stages:
        within += stage.sent_ns - stage.received_ns
    interval, mean = steady_interval(job.received_ns, len(job.stages))
    return Timeline(
        images=images,
        response=job.response_ns,
        fill=int(job.received_ns[0] - job.sent_ns[0]),
        interval=interval,
        interval_mean=mean,
        wire_total=None if any(broken) else float((job.received_ns - job.sent_ns - within).mean()),
        stages=stages,
        hops=hops,
        problems=tuple(problems),
    )


def steady_interval(results_ns: Times, stages: int) -> tuple[float | None, float | None]:
    """Median and mean time between results, leaving out the first ``stages`` of them, which fill
    the pipeline; (None, None) where fewer than three intervals are left."""
    intervals = np.diff(results_ns[stages:])
    if len(intervals) < LEAST_INTERVALS:
        return None, None
    return float(np.median(intervals)), float(intervals.mean())


def results_came_together(median_ns: float, mean_ns: float) -> bool:
    """Whether the median interval is that within a bunch of results, and so no pace: it is 0, or
    below a tenth of the mean."""
    return median_ns == 0 or median_ns < mean_ns / 10


def sender_and_receiver(job: JobTimings, position: int) -> tuple[Times, Times]:
    """When each image was sent into, and received from, hop ``position``."""
    sent = job.sent_ns if position == 0 else job.stages[position - 1].sent_ns
    last = position == len(job.stages)
    return sent, job.received_ns if last else job.stages[position].received_ns


def receiver_idle(job: JobTimings, position: int) -> NDArray[np.bool_]:
    """Of each image sent into hop ``position``: whether its receiver had nothing else to do then,
    so that the image did not lie in a buffer. The client is always taken to be so."""
    idle = np.ones(len(job.sent_ns), dtype=bool)
    if position < len(job.stages):
        sent, _ = sender_and_receiver(job, position)
        idle[1:] = job.stages[position].sent_ns[:-1] <= sent[1:]
    return idle


def busy_share(begin: Places, end: Places, edges: Places) -> NDArray[np.float64]:
    """The share of the time between each two ``edges`` in which one of the spans lasts, 0 to 1.

    ``begin``, ``end``: ascending spans that do not overlap; all in one unit. (edges - 1,).
    """
    until = np.cumsum(end - begin)
    moments = np.stack([begin, end], axis=1).ravel()
    spent = np.stack([until - (end - begin), until], axis=1).ravel()
    return np.diff(np.interp(edges, moments, spent)) / np.diff(edges)


def _check_lengths(job: JobTimings, images: int) -> None:
    arrays = [job.sent_ns, job.received_ns]
    for stage in job.stages:
        arrays += _arrays(stage)
    if not images or any(array.shape != (images,) for array in arrays):
        counts = sorted({len(array) for array in arrays})
        raise DeployError(
            f"the times of a job are of {' or '.join(map(str, counts))} image"
            + ("" if counts == [1] else "s"),
            expected="the same images, and one at least, at the client and in every stage",
        )


def _arrays(stage: StageTimings) -> list[Times]:
    return [stage.received_ns, stage.started_ns, stage.finished_ns, stage.sent_ns]


def _client_problems(job: JobTimings) -> list[str]:
    problems = []
    for name, times in (("sent", job.sent_ns), ("received", job.received_ns)):
        if (np.diff(times) < 0).any():
            problems.append(f"client: images are not {name} in their order, by their times")
    if (job.received_ns < job.sent_ns).any():
        problems.append("client: a result was received before its image was sent")
    return problems


def _stage_problem(stage: StageTimings) -> str | None:
    """What one board's own clock contradicts."""
    names = ("received", "started", "finished", "sent")
    arrays = _arrays(stage)
    for before, after, first, second in zip(names, names[1:], arrays, arrays[1:], strict=False):
        wrong = np.flatnonzero(second < first)
        if len(wrong):
            return f"stage {stage.position}: image {wrong[0]} was {after} before it was {before}"
    for name, times in zip(names, arrays, strict=True):
        wrong = np.flatnonzero(np.diff(times) < 0)
        if len(wrong):
            image = int(wrong[0])
            return f"stage {stage.position}: image {image + 1} was {name} before image {image}"
    # One thread computes: an image cannot start before the one ahead of it is finished.
    wrong = np.flatnonzero(stage.started_ns[1:] < stage.finished_ns[:-1])
    if len(wrong):
        image = int(wrong[0])
        return f"stage {stage.position}: image {image + 1} started before {image} was finished"
    return None


def _stage(stage: StageTimings, response: int, stages: int, broken: bool) -> StageTimeline:
    if broken:
        return StageTimeline(stage.position, *(None,) * 8)
    compute = stage.finished_ns - stage.started_ns
    # Received ahead, while the image before was computed: no time without work, and no negative
    # one either. Both times are of one board, so this is no question of clocks.
    starved = np.maximum(stage.received_ns[1:] - stage.sent_ns[:-1], 0)
    active = int(stage.sent_ns[-1] - stage.received_ns[0])
    return StageTimeline(
        position=stage.position,
        fill=int(stage.sent_ns[0] - stage.received_ns[0]),
        interval=steady_interval(stage.sent_ns, stages)[0],
        compute=float(compute.mean()),
        queued=float((stage.started_ns - stage.received_ns).mean()),
        handing_over=float((stage.sent_ns - stage.finished_ns).mean()),
        starved=float(starved.mean()) if len(starved) else None,
        utilisation=int(compute.sum()) / active if active > 0 else None,
        job_utilisation=int(compute.sum()) / response if response > 0 else None,
    )


def _hop(job: JobTimings, position: int) -> HopTimeline:
    sent, received = sender_and_receiver(job, position)
    wire = received - sent
    negative = int((wire < 0).sum())
    idle = receiver_idle(job, position)
    known = negative == 0
    return HopTimeline(
        position=position,
        sender="client" if position == 0 else f"stage {position - 1}",
        receiver="client" if position == len(job.stages) else f"stage {position}",
        fill=int(wire[0]) if known else None,
        wire=float(wire.mean()) if known else None,
        wire_idle=float(np.median(wire[idle])) if known and idle.any() else None,
        negative=negative,
        clock_error=None if known else int(-wire.min()),
    )
