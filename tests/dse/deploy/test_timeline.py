"""Where a job's time went: identities that hold for every job, and clocks that are wrong."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from dse.deploy.pipeline_model import Hop
from dse.deploy.timeline import busy_share, timeline
from dse.deploy.timeline_text import timeline_text
from dse.deploy.timings import JobTimings, StageTimings
from dse.errors import DeployError
from tests.dse.deploy.random_pipelines import a_job, pipelines, recurrence, shifted


def job_of(service: list[list[int]], hops: list[Hop]) -> JobTimings:
    """From the plain recurrence, so that nothing of the model is needed here."""
    times = recurrence(service, hops)

    def array(values: list[int]) -> np.ndarray:
        return np.array(values, dtype=np.int64)

    return JobTimings(
        sent_ns=array(times.sent[0]),
        received_ns=array(times.received),
        stages=tuple(
            StageTimings(
                position,
                array(times.started[position]),
                array(times.started[position]),
                array(times.finished[position]),
                array(times.sent[position + 1]),
            )
            for position in range(len(service))
        ),
    )


@settings(deadline=None)
@given(pipelines())
def test_the_pieces_of_an_image_s_way_add_up(pipeline: tuple[list[list[int]], list[Hop]]) -> None:
    job = job_of(*pipeline)
    times = timeline(job)
    assert times.problems == ()
    wires = [hop.wire for hop in times.hops]
    assert times.wire_total == pytest.approx(sum(wire or 0 for wire in wires), abs=1e-6)
    inside = sum(
        (stage.compute or 0) + (stage.queued or 0) + (stage.handing_over or 0)
        for stage in times.stages
    )
    there = float((job.received_ns - job.sent_ns).mean())
    assert inside + sum(wire or 0 for wire in wires) == pytest.approx(there, abs=1e-6)
    assert times.fill == sum(stage.fill or 0 for stage in times.stages) + sum(
        hop.fill or 0 for hop in times.hops
    )
    for stage, service in zip(times.stages, pipeline[0], strict=True):
        assert stage.compute == pytest.approx(sum(service) / len(service))
        assert stage.utilisation is None or 0 <= stage.utilisation <= 1


def test_the_slowest_stage_is_busy_and_the_others_are_starved() -> None:
    hop = Hop(64, latency_ns=50, window=1000)
    times = timeline(job_of([[700] * 30, [1000] * 30, [400] * 30], [hop] * 4))
    assert times.interval == times.interval_mean == 1000
    assert [stage.interval for stage in times.stages] == [700, 1000, 1000]
    assert [stage.starved for stage in times.stages] == [0, 0, 600]
    assert times.stages[1].utilisation == 1
    assert [hop.wire_idle for hop in times.hops] == [50, 50, 50, 50]
    assert times.hops[1].wire is not None
    assert times.hops[1].wire > 1000  # in front of the slowest, images pile up


@pytest.mark.parametrize("by_ns", [2_000_000, -2_000_000])
def test_a_clock_that_is_off_makes_wires_unknown_and_nothing_else(by_ns: int) -> None:
    job = a_job(stages=3, images=20)
    right, wrong = timeline(job), timeline(shifted(job, 1, by_ns))
    assert wrong.stages == right.stages
    known = ("images", "response", "fill", "interval", "interval_mean", "wire_total")
    assert all(getattr(wrong, name) == getattr(right, name) for name in known)
    broken = 2 if by_ns > 0 else 1
    for hop in wrong.hops:
        if hop.position == broken:
            assert (hop.fill, hop.wire, hop.wire_idle) == (None, None, None)
            assert hop.negative > 0
            assert hop.clock_error is not None
            assert 0 < hop.clock_error <= abs(by_ns)
        else:
            assert hop.wire is not None
            assert hop.negative == 0
    (problem,) = wrong.problems
    assert f"stage {broken - 1} to stage {broken}" in problem
    text = timeline_text(shifted(job, 1, by_ns), wrong)
    assert f"! {problem}" in text
    (line,) = [line for line in text.splitlines() if line.startswith(f"stage {broken - 1} to ")]
    assert line.split()[-3:] == ["?", "?", "?"]


def with_stage(job: JobTimings, **changes: np.ndarray) -> JobTimings:
    return replace(job, stages=(replace(job.stages[0], **changes), *job.stages[1:]))


def test_times_of_one_board_that_contradict_each_other() -> None:
    job = a_job()
    stage = job.stages[0]
    backwards = stage.finished_ns.copy()
    backwards[3] = stage.started_ns[3] - 1
    overlapping = stage.started_ns.copy()
    overlapping[5] = stage.finished_ns[4] - 1
    for changed, words in (
        (with_stage(job, finished_ns=backwards), "image 3 was finished before it was started"),
        (
            with_stage(job, started_ns=overlapping, received_ns=overlapping),
            "image 5 started before 4 was finished",
        ),
        (with_stage(job, sent_ns=stage.sent_ns[::-1].copy()), "stage 0: image "),
    ):
        times = timeline(changed)
        assert any(words in problem for problem in times.problems), times.problems
        first, second = times.stages
        assert first.compute is None
        assert first.utilisation is None
        assert times.wire_total is None
        assert second.compute is not None
        assert "?" in timeline_text(changed, times)
    client = replace(job, received_ns=job.received_ns[::-1].copy())
    assert "client: images are not received in their order" in timeline(client).problems[0]


def test_arrays_of_different_lengths_are_refused() -> None:
    job = a_job()
    for wrong in (
        replace(job, sent_ns=job.sent_ns[:-1]),
        with_stage(job, sent_ns=job.stages[0].sent_ns[:3]),
        JobTimings(job.sent_ns[:0], job.sent_ns[:0], ()),
    ):
        with pytest.raises(DeployError, match="the times of a job are of"):
            timeline(wrong)


def test_few_images_have_no_steady_state() -> None:
    assert timeline(a_job(stages=4, images=7)).interval is None
    assert timeline(a_job(stages=4, images=8)).interval is not None
    one = timeline(a_job(stages=2, images=1))
    assert (one.interval, one.stages[0].starved) == (None, None)
    assert "1 image in" in timeline_text(a_job(2, 1), one)
    assert "steady state unknown: too few images\n" in timeline_text(a_job(2, 1), one)


def test_results_that_came_together_have_no_median_pace() -> None:
    job = a_job(stages=2, images=50)
    steady = timeline_text(job, timeline(job))
    assert "came together" not in steady
    # Ten at a time, 1 ms between the bunches.
    for within_ns in (0, 1_000):
        at = np.arange(50)
        last = int(job.received_ns[-1])
        bunches = last + at // 10 * 1_000_000 + at % 10 * within_ns
        bunched = replace(job, received_ns=bunches.astype(np.int64))
        times = timeline(bunched)
        assert times.interval == within_ns
        assert times.interval_mean is not None
        said = f"steady state {times.interval_mean / 1e3:,.1f} µs an image in the mean"
        assert f"{said}, results came together" in timeline_text(bunched, times)


def test_json_names_its_units_and_has_null_for_unknown() -> None:
    data = timeline(a_job(stages=2, images=3)).to_json()
    assert json.loads(json.dumps(data)) == data
    assert (data["format"], data["version"]) == ("split-dse/timeline", 1)
    assert data["interval_ns"] is None
    assert set(data["hops"][0]) == {
        *("position", "sender", "receiver", "negative"),
        *("fill_ns", "wire_ns", "wire_idle_ns", "clock_error_ns"),
    }
    assert {"compute_ns", "utilisation", "position"} < set(data["stages"][0])


@pytest.mark.parametrize(("stages", "images"), [(2, 20), (3, 1), (8, 100), (50, 20), (2, 1000)])
@pytest.mark.parametrize("width", [40, 100])
def test_the_picture_keeps_its_width(stages: int, images: int, width: int) -> None:
    job = a_job(stages, images)
    picture = timeline_text(job, timeline(job), width).split("\n\n")[0].splitlines()
    assert all(len(line) <= max(width, 72) for line in picture)
    assert max(len(line) for line in picture[: min(stages, 32) + 1]) <= width
    assert sum(line.startswith("stage ") for line in picture) == min(stages, 32)


def test_a_digit_stands_where_its_image_is_computed() -> None:
    hop = Hop(0, window=100)
    job = job_of([[100] * 10, [100] * 10], [hop] * 3)
    lines = timeline_text(job, timeline(job), width=9 + 110 + 1).splitlines()
    assert lines[1] == "stage 0  " + "".join(str(image) * 10 for image in range(10)) + "." * 10
    assert lines[2] == "stage 1  " + "." * 10 + "".join(str(image) * 10 for image in range(10))


def test_an_image_too_short_for_a_column_is_seen() -> None:
    hop = Hop(0, window=100)
    job = job_of([[100] * 10, [3] * 10], [hop] * 3)
    lines = timeline_text(job, timeline(job), width=9 + 100 + 1).splitlines()
    assert lines[2].split()[2].replace(".", "") == "0123456789"


def test_the_share_of_time_computing() -> None:
    begin, end = np.array([0.0, 10.0, 30.0]), np.array([5.0, 30.0, 40.0])
    share = busy_share(begin, end, np.arange(0.0, 60.0, 10.0))
    assert share.tolist() == [0.5, 1, 1, 1, 0]
