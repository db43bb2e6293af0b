"""Steps that several points share: once, before them, and a failure costs those points only."""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.executors.local import LocalExecutor
from dse.point_result import PointResult, PointState
from dse.progress import SilentProgress
from dse.step_schedule import Point, Step, StepSchedule, one_line
from dse.store import ResultStore
from dse.sweep_driver import sweep
from finn_flows.backends.interface import Part, StepSharingBackend
from tests.dse.sandbox import SLUGS, Sandbox
from tests.dse.sleeping_backend import SleepingBackend, part_slug
from tests.dse.step_sharing_backend import StepSharingSleeper, layers_of
from tests.dse.test_kill import LEFTOVERS, assert_results_are_whole
from tests.dse.test_sweep_driver import builds, points

LAYERS = ("conv0", "pool0", "conv1", "dense2")


@pytest.fixture
def orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "orders"
    folder.mkdir()
    monkeypatch.setenv("SLEEPING_BACKEND_ORDERS", str(folder))
    return folder


@dataclass
class Diary(SilentProgress):
    """What a sweep told, in order."""

    entries: list[tuple[str, Any]] = field(default_factory=list)

    def planned(self, steps: int, error: str | None) -> None:
        self.entries.append(("planned", (steps, error)))

    def step_begun(self, name: str) -> None:
        self.entries.append(("step", name))

    def step_finished(self, name: str, seconds: float, error: str | None) -> None:
        self.entries.append(("step done", (name, error)))

    def building(self, part: Part) -> None:
        self.entries.append(("point", part_slug(part)))

    def finished(self, result: PointResult, seconds: float | None) -> None:
        begun = seconds is not None
        self.entries.append(("point done", (part_slug(result.part), begun)))


def run(folder: Path, workers: int = 2, diary: Diary | None = None) -> list[PointResult]:
    with ResultStore(folder / "store") as store:
        return sweep(
            points(), StepSharingSleeper(), store, LocalExecutor(workers), diary or Diary()
        )


def steps(orders: Path) -> list[str]:
    log = orders / "steps"
    return [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []


def needing(*labels: str) -> set[str]:
    return {part_slug(part) for part in points() if set(labels) & set(layers_of(part.network))}


def test_only_a_backend_with_the_method_shares_steps() -> None:
    assert isinstance(StepSharingSleeper(), StepSharingBackend)
    assert not isinstance(SleepingBackend(), StepSharingBackend)


@pytest.mark.parametrize("workers", [1, 3])
def test_every_step_is_done_once_and_before_the_points_that_need_it(
    orders: Path, tmp_path: Path, workers: int
) -> None:
    diary = Diary()
    results = run(tmp_path, workers, diary)
    assert {result.state for result in results} == {PointState.BUILT, PointState.EMPTY}
    assert sorted(steps(orders)) == sorted(LAYERS)
    assert sorted(builds(orders)) == sorted(SLUGS)
    told = diary.entries
    assert told[0] == ("planned", (4, None))
    begun = [name for kind, name in told if kind == "step"]
    assert begun == [f"layer {label}" for label in reversed(LAYERS)]
    for part in points()[:-1]:
        at = told.index(("point", part_slug(part)))
        for label in layers_of(part.network):
            assert told.index(("step done", (f"layer {label}", None))) < at
    # What a step printed is of no use once it went well.
    assert not (tmp_path / "store" / "failed").exists() or not list(
        (tmp_path / "store" / "failed").iterdir()
    )


def test_a_known_point_needs_no_step(orders: Path, tmp_path: Path) -> None:
    run(tmp_path)
    diary = Diary()
    run(tmp_path, diary=diary)
    assert diary.entries == []
    # Another store: the points are built again, the steps are in the backend's cache.
    run(tmp_path / "other")
    assert len(steps(orders)) == len(LAYERS)
    assert len(builds(orders)) == 2 * len(SLUGS)


@pytest.mark.parametrize(
    ("word", "error"),
    [
        ("error", "layer conv1: conv1 does not fit"),
        ("named", "layer conv1: too big"),
        ("killed", "layer conv1: the worker process was killed by SIGKILL (out of memory?)"),
        ("full", "layer conv1: OSError: [Errno 28] No space left on device: '{cache}/conv1'"),
    ],
)
def test_a_step_that_fails_costs_the_points_that_need_it(
    orders: Path, tmp_path: Path, word: str, error: str
) -> None:
    (orders / "step-conv1").write_text(word)
    diary = Diary()
    results = run(tmp_path, diary=diary)
    failed = {part_slug(r.part) for r in results if r.state is PointState.FAILED}
    assert failed == needing("conv1") == set(SLUGS) - {"0-first", "0-after-first", "1-second"}
    assert steps(orders).count("conv1") == 1
    assert sorted(builds(orders)) == sorted(set(SLUGS) - failed)
    expected = error.format(cache=orders / "cache")
    assert {r.record.error for r in results if r.record.error} == {expected}
    assert {what[1] for kind, what in diary.entries if kind == "point done"} == {True, False}
    for result in results:
        if result.state is PointState.FAILED:
            assert result.folder is not None
            assert (result.folder / "build.log").read_text().startswith("doing conv1")
            assert result.record.utilization is None

    (orders / "step-conv1").unlink()
    again = run(tmp_path)
    assert {r.state for r in again[:-1]} == {PointState.BUILT, PointState.CACHED}
    assert steps(orders).count("conv1") == 2
    assert len(steps(orders)) == len(LAYERS) + 1
    assert not list((tmp_path / "store" / "failed").iterdir())


def test_two_failed_steps_are_both_named(orders: Path, tmp_path: Path) -> None:
    for label in ("conv0", "conv1"):
        (orders / f"step-{label}").write_text("named")
    by_slug = {part_slug(r.part): r.record.error for r in run(tmp_path)}
    assert by_slug["whole"] == "layer conv1: too big; layer conv0: too big"
    assert by_slug["0-first"] == "layer conv0: too big"
    assert by_slug["1-second"] is None


@pytest.mark.parametrize(
    ("word", "error"),
    [
        ("bug", "ZeroDivisionError: a bug in a plan"),
        ("unsendable", "the result cannot be sent"),
    ],
)
def test_without_a_plan_each_point_does_everything_itself(
    orders: Path, tmp_path: Path, word: str, error: str
) -> None:
    (orders / "plan").write_text(word)
    diary = Diary()
    results = run(tmp_path, diary=diary)
    assert {result.state for result in results} == {PointState.BUILT, PointState.EMPTY}
    [(count, said)] = [what for kind, what in diary.entries if kind == "planned"]
    assert count == 0
    assert error in said
    assert steps(orders) == []


def test_steps_are_done_at_the_same_time(
    orders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLEEPING_BACKEND_SECONDS", "1")
    begun = time.monotonic()
    with ResultStore(tmp_path / "store") as store:
        sweep(points()[:1], StepSharingSleeper(), store, LocalExecutor(4), SilentProgress())
    # One after the other, four steps and one point take 5 s.
    assert time.monotonic() - begun < 4.5
    assert len(steps(orders)) == 4


@given(
    st.integers(1, 6).flatmap(
        lambda count: st.tuples(
            st.just(count),
            st.lists(st.frozensets(st.integers(0, count - 1)), max_size=5),
        )
    ),
    st.randoms(use_true_random=False),
)
def test_any_order_of_ends_keeps_the_promises(
    problem: tuple[int, list[frozenset[int]]], chance: random.Random
) -> None:
    count, needed_by = problem
    schedule = StepSchedule(count, needed_by)
    needed = [step for step, users in enumerate(needed_by) if users]
    assert schedule.step_count == len(needed)
    running: list[int] = []
    begun_steps: list[int] = []
    well: set[int] = set()
    bad: dict[int, str] = {}
    begun: list[int] = []
    lost: dict[int, str] = {}
    while True:
        job = schedule.next() if chance.random() < 0.7 or not running else None
        if isinstance(job, Step):
            assert not begun, "steps come first where they can"
            begun_steps.append(job.position)
            running.append(job.position)
        elif isinstance(job, Point):
            mine = {step for step, users in enumerate(needed_by) if job.position in users}
            assert mine <= well
            begun.append(job.position)
        elif running:
            step = running.pop(chance.randrange(len(running)))
            error = f"step {step}" if chance.random() < 0.3 else None
            well |= {step} if error is None else set()
            bad |= {} if error is None else {step: error}
            for point, first, errors in schedule.finished(step, error):
                assert point not in lost
                mine = {step for step, users in enumerate(needed_by) if point in users}
                assert errors == one_line([bad[step] for step in sorted(mine & bad.keys())])
                assert first == min(mine & bad.keys())
                assert mine <= well | bad.keys()
                lost[point] = errors
        else:
            break
    assert begun_steps == needed
    assert sorted([*begun, *lost]) == list(range(count))
    expected = {point for step in bad for point in needed_by[step]}
    assert set(lost) == expected


@pytest.mark.slow
def test_killed_amid_the_steps(sandbox: Sandbox) -> None:
    arguments = ("--backend", "sharing", "--workers", "2")
    moments = random.Random(0)
    for _ in range(6):
        process = sandbox.start(*sandbox.sweep_arguments(*arguments), seconds=0.3)
        time.sleep(moments.uniform(0.5, 2.5))
        sandbox.kill(process)
        sandbox.assert_no_process_is_left()
    done = set(steps(sandbox.orders)) if (sandbox.orders / "cache").exists() else set()
    kept = {path.name for path in sandbox.out.glob("../orders/cache/[!.]*")}
    assert kept <= done
    before = len(steps(sandbox.orders))
    finished = sandbox.sweep(*arguments)
    assert finished.returncode == 0, finished.stderr
    assert set(steps(sandbox.orders)[before:]) == set(LAYERS) - kept
    for pattern in LEFTOVERS:
        assert not list(sandbox.out.glob(pattern))


def test_ctrl_c_amid_a_step(sandbox: Sandbox) -> None:
    sandbox.order("step-conv0", "hang")
    process = sandbox.start(*sandbox.sweep_arguments("--backend", "sharing", "--workers", "2"))
    deadline = time.monotonic() + 60
    while "conv0" not in steps(sandbox.orders):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=10)
    assert process.returncode == 130
    assert output == ""
    assert errors.splitlines()[-1] == "dse: interrupted"
    assert "Traceback" not in errors
    sandbox.assert_no_process_is_left()
    for pattern in LEFTOVERS:
        assert not list(sandbox.out.glob(pattern))


def test_the_command_line_names_the_step_and_its_log(sandbox: Sandbox) -> None:
    sandbox.order("step-dense2", "error")
    result = sandbox.sweep("--backend", "sharing")
    assert result.returncode == 1
    errors = result.stderr.splitlines()
    assert "4 steps that points share come first" in errors
    assert "failed: layer dense2: dense2 does not fit" in errors
    count = len(needing("dense2"))
    assert f"{count} points: layer dense2: dense2 does not fit" in errors
    assert errors[-1].startswith(f"dse: {count} of 9 points failed: whole network, ")
    (log,) = [line.removeprefix("  log: ") for line in errors if line.startswith("  log: ")]
    assert "dense2 does not" in Path(log).read_text()
    assert len(assert_results_are_whole(sandbox.out)) == len(SLUGS) - len(needing("dense2"))


def test_many_errors_stay_one_line() -> None:
    assert one_line(["a"]) == "a"
    assert one_line(["a", "b", "c"]) == "a; b; c"
    assert one_line(["a", "b", "c", "d", "e"]) == "a; b; c; and 2 more"
