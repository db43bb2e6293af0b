"""What a sweep shows while it runs."""

from __future__ import annotations

import io
import re

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from dse.design_point import failed_record
from dse.progress import BarProgress, LineProgress, TimeLeft
from dse.space import design_points
from dse.sweep_driver import PointResult, PointState
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


def test_lines_for_a_log() -> None:
    text = io.StringIO()
    progress = LineProgress(Console(file=text, width=20))
    progress.started(2, 5, 2)
    progress.building(POINTS[0])
    progress.finished(result(0, PointState.BUILT), 75.4)
    progress.finished(result(1, PointState.FAILED), 1)
    assert text.getvalue().splitlines() == [
        "2 points to build on 2 workers, 5 known",
        "[1/2] whole network: 1 min 15 s",
        "[2/2] split 0, first part: failed: conv0 [is] wrong",
    ]


def test_lines_say_nothing_where_all_is_known() -> None:
    text = io.StringIO()
    LineProgress(Console(file=text)).started(0, 5, 1)
    assert text.getvalue() == ""


def test_the_bar_shows_count_points_and_time_left_on_one_line() -> None:
    text = io.StringIO()
    with BarProgress(Console(file=text, width=100, force_terminal=True)) as progress:
        progress.started(4, 0, 2)
        for point in POINTS[:4]:
            progress.building(point)
        progress.finished(result(0, PointState.BUILT), 7200)
        progress.finished(result(1, PointState.FAILED), 7200)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.getvalue())
    lines = plain.replace("\r", "\n").splitlines()
    assert "split 0, first part: failed: conv0 [is] wrong" in lines
    (last,) = [line for line in lines if "2/4" in line][-1:]
    assert "about 2 h 00 min left" in last
    assert "split 0, second part; split 1" in last
    assert len(last) <= 100
