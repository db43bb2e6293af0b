"""What a sweep shows while it runs."""

from __future__ import annotations

import io
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from dse.design_point import failed_record
from dse.point_result import PointResult, PointState
from dse.progress import BarProgress, LineProgress, TimeLeft
from dse.space import design_points
from dse.sweep_build import Doing
from tests.dse.sleeping_backend import SleepingBackend
from tests.dse.small_network import small_folding, small_network

POINTS = design_points(small_network(), None, "before", small_folding(), "xc7z020clg400-1", 100.0)


def result(number: int, state: PointState) -> PointResult:
    error = "conv0 [is] wrong" if state is PointState.FAILED else "none"
    record = failed_record(POINTS[number], SleepingBackend(), error)
    return PointResult(POINTS[number], "key", state, record, None)


def test_nothing_is_said_of_the_time_left_before_a_point_is_finished() -> None:
    assert TimeLeft(3, 1).seconds is None


@given(st.integers(1, 50), st.integers(1, 8), st.floats(0.01, 1e4), st.data())
def test_points_of_equal_length_are_foreseen_exactly(
    points: int, workers: int, seconds: float, data: st.DataObject
) -> None:
    left = TimeLeft(points, workers)
    finished = data.draw(st.integers(1, points))
    for _ in range(finished):
        left.finished(seconds)
    rounds = -(-(points - finished) // workers)
    assert left.seconds is not None
    assert abs(left.seconds - rounds * seconds) < 1e-6 * seconds * (rounds + 1)


@given(
    st.integers(1, 20),
    st.integers(1, 20),
    st.integers(1, 4),
    st.floats(0.1, 99),
    st.floats(0.1, 99),
)
def test_steps_and_points_are_foreseen_each_by_their_kind(
    steps: int, points: int, workers: int, per_step: float, per_point: float
) -> None:
    left = TimeLeft(points, workers)
    left.steps_planned(steps)
    left.step_finished(per_step)
    assert left.seconds is None, "nobody knows how long a point takes"
    left.finished(per_point)
    if points > 1:
        left.lost()
    rounds = -(-(steps - 1) // workers), -(-max(points - 2, 0) // workers)
    expected = rounds[0] * per_step + rounds[1] * per_point
    assert left.seconds is not None
    assert abs(left.seconds - expected) < 1e-6 * (1 + expected)


def test_lines_for_a_log() -> None:
    text = io.StringIO()
    progress = LineProgress(Console(file=text, width=20))
    progress.started("sleeping", 2, 5, 2)
    progress.building(POINTS[0])
    progress.finished(result(0, PointState.BUILT), 75.4)
    progress.finished(result(1, PointState.FAILED), 1)
    assert text.getvalue().splitlines() == [
        "sleeping: 2 points to build on 2 workers, 5 known",
        "[1/2] whole network: 1 min 15 s",
        "[2/2] split 0, first part: failed: conv0 [is] wrong",
    ]


def test_lines_for_a_log_with_shared_steps() -> None:
    text = io.StringIO()
    progress = LineProgress(Console(file=text, width=20))
    progress.started("sharing", 2, 0, 2)
    progress.planning()
    progress.planned(2, None)
    progress.step_begun("layer conv1")
    progress.step_finished("layer conv1", 20.4, None)
    progress.step_finished("layer conv0", 3, "layer conv0: [too] big")
    progress.finished(result(1, PointState.FAILED), None)
    progress.started("other", 1, 0, 1)
    progress.planned(0, "a bug")
    progress.finished(result(0, PointState.BUILT), 1)
    assert text.getvalue().splitlines() == [
        "sharing: 2 points to build on 2 workers, 0 known",
        "2 steps that points share come first",
        "layer conv1: 20 s",
        "failed: layer conv0: [too] big",
        "[1/2] split 0, first part: failed: conv0 [is] wrong",
        "other: 1 point to build on 1 worker, 0 known",
        "each point does for itself what it shares with others: a bug",
        "[1/1] whole network: 1.0 s",
    ]


def test_lines_say_nothing_where_all_is_known() -> None:
    text = io.StringIO()
    LineProgress(Console(file=text)).started("sleeping", 0, 5, 1)
    assert text.getvalue() == ""


def lines_of(text: io.StringIO) -> list[str]:
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.getvalue())
    return plain.replace("\r", "\n").splitlines()


def test_the_bar_counts_shared_steps_too_and_starts_anew_for_the_next_backend() -> None:
    text = io.StringIO()
    with BarProgress(Console(file=text, width=100, force_terminal=True)) as progress:
        progress.started("first", 1, 0, 1)
        progress.building(POINTS[0])
        progress.finished(result(0, PointState.BUILT), 1)
        progress.started("second", 3, 0, 2)
        progress.planning()
        progress.planned(2, None)
        progress.step_begun("layer conv1")
        progress.step_finished("layer conv1", 10, None)
        progress.step_begun("layer conv0")
        progress.step_finished("layer conv0", 10, "layer conv0: too big")
        progress.finished(result(1, PointState.FAILED), None)
        progress.building(POINTS[2])
        progress.finished(result(2, PointState.BUILT), 7200)
        progress.building(POINTS[3])
    lines = lines_of(text)
    assert "failed: layer conv0: too big" in lines
    bars = [line for line in lines if re.search(r"\d+/\d+ ", line)]
    assert "4/5" in bars[-1]
    assert "about 2 h 00 min left" in bars[-1]
    assert "split 1" in bars[-1]
    assert "1/1" not in bars[-1]


def test_the_bar_shows_count_points_and_time_left_on_one_line() -> None:
    text = io.StringIO()
    with BarProgress(Console(file=text, width=100, force_terminal=True)) as progress:
        progress.started("sleeping", 4, 0, 2)
        for point in POINTS[:4]:
            progress.building(point)
        progress.finished(result(0, PointState.BUILT), 7200)
        progress.finished(result(1, PointState.FAILED), 7200)
    lines = lines_of(text)
    assert "split 0, first part: failed: conv0 [is] wrong" in lines
    (last,) = [line for line in lines if "2/4" in line][-1:]
    assert "about 2 h 00 min left" in last
    assert "split 0, second part; split 1" in last
    assert len(last) <= 100


def test_what_builds_are_at_stands_below_the_bar() -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=100)
    with BarProgress(console) as progress:
        progress.started("vivado", 2, 0, 2)
        progress.building(POINTS[0])
        progress.building(POINTS[1])
        progress.doing([Doing("whole network", 3725, "conv3, [MVAU]: HLS: csynth" + " x" * 60)])
        progress.note("worker [a] is lost")
        time.sleep(0.3)
        shown = text.getvalue()
        progress.doing([])
        time.sleep(0.3)
        after = text.getvalue()[len(shown) :]
    lines = lines_of(io.StringIO(shown))
    assert "worker [a] is lost" in lines
    (line,) = {line for line in lines if "csynth" in line}
    assert line.startswith("  whole network, 1 h 02 min: conv3, [MVAU]: HLS: csynth x x")
    assert len(line) == 100
    assert "0/2" in after
    assert "csynth" not in after


def test_a_log_has_what_a_build_is_at_when_that_changes_but_not_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = 0.0
    monkeypatch.setattr("dse.progress.time.monotonic", lambda: clock)
    text = io.StringIO()
    progress = LineProgress(Console(file=text, width=40))
    for clock, status in [(0, "a"), (1, "b"), (29, "c"), (31, "c"), (70, "c"), (90, "d")]:
        progress.doing([Doing("whole", clock, status)])
    progress.doing([])
    progress.doing([Doing("whole", 1, "d")])
    assert text.getvalue().splitlines() == [
        "whole, 0.0 s: a",
        "whole, 31 s: c",
        "whole, 1 min 30 s: d",
        "whole, 1.0 s: d",
    ]


def test_one_is_one_and_more_are_many() -> None:
    console = Console(file=io.StringIO(), width=100)
    lines = LineProgress(console)
    lines.started("yosys", 1, 0, 1)
    lines.planned(1, None)
    lines.started("yosys", 2, 3, 2)
    assert console.file.getvalue().splitlines() == [  # type: ignore[attr-defined]
        "yosys: 1 point to build on 1 worker, 0 known",
        "1 step that points share comes first",
        "yosys: 2 points to build on 2 workers, 3 known",
    ]
