"""What a deployment measured, as a model of more boards takes it up: two lists of deploy.json."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dse.deploy.timings import JobTimings, StageTimings
from dse.errors import DeployError

FORMAT, VERSION = "split-dse/deploy", 1


@dataclass(frozen=True, eq=False)
class MeasuredStage:
    """``engine``: what computed (onnx, rtl, pynq). ``service_ns``: int64, of every image.

    ``turnaround_ns``: int64, from a result computed to the next image started, of images that were
    there by then; None where none ever was.
    """

    position: int
    engine: str
    service_ns: NDArray[np.int64]
    turnaround_ns: NDArray[np.int64] | None


@dataclass(frozen=True)
class MeasuredHop:
    """``latency_ns``, ``bits_per_second``: None where they were not measured."""

    bytes_per_image: int
    latency_ns: int | None
    bits_per_second: float | None


@dataclass(frozen=True)
class DeployMeasurement:
    """Stages in the order of the pipeline; hops to each of them, and from the last one back."""

    stages: tuple[MeasuredStage, ...]
    hops: tuple[MeasuredHop, ...]


def read_deploy_file(path: Path) -> DeployMeasurement:
    """Raises DeployError, naming ``path``, for a file that is missing, damaged or of another kind;
    keys that are not of a measurement are left alone."""
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise DeployError(
            "there is no result of a deployment",
            where=path,
            expected="what `dse deploy` wrote, or service times given with --service",
        ) from error
    except OSError as error:
        raise DeployError(f"cannot read: {error.strerror or error}", where=path) from error
    except (ValueError, RecursionError) as error:
        raise DeployError("is no JSON", where=path, expected="a deploy.json") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise DeployError("is no result of a deployment", where=path, expected=f"format {FORMAT}")
    if data.get("version") != VERSION:
        raise DeployError(
            f"is of version {data.get('version')!r}"[:60], where=path, expected=str(VERSION)
        )
    stages = tuple(
        MeasuredStage(
            position=_value(stage, "position", path, _is_time),
            engine=_value(stage, "engine", path, lambda name: isinstance(name, str)),
            service_ns=np.array(_value(stage, "service_ns", path, _are_times), dtype=np.int64),
            turnaround_ns=_array(_value(stage, "turnaround_ns", path, _are_times_or_none)),
        )
        for stage in _value(data, "stages", path, _is_filled_list)
    )
    if [stage.position for stage in stages] != list(range(len(stages))):
        raise DeployError("its stages are not in order", where=path, expected="position 0, 1, ...")
    hops = tuple(
        MeasuredHop(
            bytes_per_image=_value(hop, "bytes_per_image", path, _is_time),
            latency_ns=_value(hop, "latency_ns", path, lambda at: at is None or _is_time(at)),
            bits_per_second=_value(
                hop, "bits_per_second", path, lambda rate: rate is None or _is_rate(rate)
            ),
        )
        for hop in _value(data, "hops", path, _is_filled_list)
    )
    if len(hops) != len(stages) + 1:
        raise DeployError(
            f"has {len(hops)} hops for {len(stages)} stages",
            where=path,
            expected=f"{len(stages) + 1}: to each stage, and back to the client",
        )
    return DeployMeasurement(stages, hops)


def measured_sections(
    jobs: Sequence[JobTimings], engines: Sequence[str], bytes_per_image: Sequence[int]
) -> dict[str, Any]:
    """``stages`` and ``hops`` of deploy.json from the times of one or more jobs.

    ``engines``: of each stage's board; ``bytes_per_image``: over each hop. ``latency_ns`` is the
    median time from a result computed (at the client: sent) to its being started on in the next
    stage (at the client: received), of images whose receiver had nothing else to do; ``null``
    where there were none, or the clocks do not allow it. From computed and not from sent, as the
    thread may note that late: it is often the receiver that runs first. It holds what the image
    takes the link, too, so ``bits_per_second`` is ``null``: images of one size do not tell two
    unknowns apart.
    """
    stages = []
    for position, engine in enumerate(engines):
        times = [job.stages[position] for job in jobs]
        service = np.concatenate([stage.finished_ns - stage.started_ns for stage in times])
        turnaround = np.concatenate([_turnarounds(stage) for stage in times])
        stages.append(
            {
                "position": position,
                "engine": engine,
                "service_ns": service.tolist(),
                "turnaround_ns": turnaround.tolist() or None,
            }
        )
    hops = [
        {
            "bytes_per_image": size,
            "latency_ns": _idle_latency(jobs, position),
            "bits_per_second": None,
        }
        for position, size in enumerate(bytes_per_image)
    ]
    return {"stages": stages, "hops": hops}


def _turnarounds(stage: StageTimings) -> NDArray[np.int64]:
    """Between two images, where the second did not have to be waited for."""
    there = stage.received_ns[1:] <= stage.finished_ns[:-1]
    return (stage.started_ns[1:] - stage.finished_ns[:-1])[there]


def _idle_latency(jobs: Sequence[JobTimings], position: int) -> int | None:
    times = []
    for job in jobs:
        ended = job.received_ns
        if position < len(job.stages):
            ended = job.stages[position].started_ns
        begun = job.sent_ns if position == 0 else job.stages[position - 1].finished_ns
        idle = np.ones(len(begun), dtype=bool)
        if position < len(job.stages):
            idle[1:] = job.stages[position].sent_ns[:-1] <= begun[1:]
        times.append((ended - begun)[idle])
    every = np.concatenate(times)
    if not len(every) or every.min() < 0:
        return None
    return round(float(np.median(every)))


def _value(holder: object, key: str, path: Path, is_right: Callable[[Any], bool]) -> Any:
    if not isinstance(holder, dict) or key not in holder or not is_right(holder[key]):
        raise DeployError(f"{key} is missing or wrong", where=path, expected="docs/formats.md")
    return holder[key]


def _is_filled_list(value: object) -> bool:
    return isinstance(value, list) and bool(value)


def _is_time(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**62


def _array(times: list[int] | None) -> NDArray[np.int64] | None:
    return None if times is None else np.array(times, dtype=np.int64)


def _are_times_or_none(value: object) -> bool:
    return value is None or _are_times(value)


def _are_times(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_time, value))


def _is_rate(value: object) -> bool:
    # NaN is not greater than anything.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1e15
