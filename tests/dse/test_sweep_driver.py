"""The sweep driver with real worker processes: order, cache, failures."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from dse.design_point import is_empty
from dse.errors import CutError, FoldingError, StoreError
from dse.executors.local import LocalExecutor
from dse.progress import SilentProgress
from dse.space import design_points
from dse.store import RECORD, ResultStore
from dse.sweep_driver import PointResult, PointState, sweep
from finn_flows.backends.interface import BuildResult, Part
from finn_flows.cut import Cut, cut_tensor, legal_cuts
from finn_flows.folding import Folding, LayerFolding
from reports.record_file import dump_record
from tests.dse.sandbox import SLUGS
from tests.dse.sleeping_backend import SleepingBackend, part_slug
from tests.dse.small_network import small_folding, small_network

DEVICE = "xc7z020clg400-1"


@pytest.fixture
def orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that tells the sleeping backend what to do."""
    folder = tmp_path / "orders"
    folder.mkdir()
    monkeypatch.setenv("SLEEPING_BACKEND_ORDERS", str(folder))
    return folder


def points(name: str = "small", folding: str = "published") -> list[Part]:
    return design_points(
        small_network(name=name), None, "both", small_folding(folding), DEVICE, 100.0
    )


def run(
    parts: Sequence[Part], folder: Path, workers: int = 2, backend: object = None
) -> list[PointResult]:
    with ResultStore(folder / "store") as store:
        chosen = backend or SleepingBackend()
        return sweep(parts, chosen, store, LocalExecutor(workers), SilentProgress())


def builds(orders: Path) -> list[str]:
    log = orders / "builds"
    return [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []


def test_the_points_are_the_whole_and_both_parts_of_every_cut() -> None:
    network, parts = small_network(), points()
    assert [part_slug(part) for part in parts[:-1]] == list(SLUGS)
    assert {part.cut for part in parts} == {None, *legal_cuts(network, "both")}
    assert [is_empty(part) for part in parts] == [False] * 8 + [True]
    assert is_empty(parts[-1]) == (not parts[-1].network.layers)
    chosen = design_points(network, {0, 2}, "after", small_folding(), DEVICE, 100.0)
    assert [part.cut for part in chosen[1::2]] == [Cut(0, "after"), Cut(2)]


def test_a_split_or_folding_that_does_not_fit_is_refused() -> None:
    with pytest.raises(CutError, match=r"no split 3 \(choose from 0, 1, 2\)"):
        design_points(small_network(), {3}, "before", small_folding(), DEVICE, 100.0)
    folding = Folding("odd", (LayerFolding(3, 3), *small_folding().layers[1:]))
    with pytest.raises(FoldingError, match=r"PE 3 of layer 0 .* \(choose from 1, 2, 4\)"):
        design_points(small_network(), None, "before", folding, DEVICE, 100.0)


def test_results_stand_in_the_order_of_the_points(
    orders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = points()
    expected = [part_slug(part) for part in parts]
    results = run(parts, tmp_path)
    assert [part_slug(result.part) for result in results] == expected
    assert [
        result.record.utilization.lut for result in results[:-1] if result.record.utilization
    ] == [float(len(slug)) for slug in SLUGS]
    assert sorted(builds(orders)) == sorted(SLUGS)
    assert {result.state for result in results} == {PointState.BUILT, PointState.EMPTY}
    backwards = run(parts[::-1], tmp_path / "other", workers=1)
    assert [r.record for r in backwards] == [r.record for r in results][::-1]


def test_the_record_says_what_crosses_the_cut(orders: Path, tmp_path: Path) -> None:
    for result in run(points(), tmp_path):
        cut = result.part.cut
        expected = None if cut is None else cut_tensor(small_network(), cut).bytes_per_image
        assert result.record.bytes_per_image == expected


class Stopwatch(SleepingBackend):
    """Measures what the sleeping backend only says."""

    def build(self, part: Part, directory: Path) -> BuildResult:
        said = super().build(part, directory)
        return replace(said, cycles_measured=True, latency_cycles=7000)


def test_the_record_says_whether_cycles_were_measured(orders: Path, tmp_path: Path) -> None:
    (said,) = run(points()[:1], tmp_path / "said")
    (measured,) = run(points()[:1], tmp_path / "measured", backend=Stopwatch())
    assert (said.record.cycles_measured, said.record.latency_cycles) == (False, None)
    assert (measured.record.cycles_measured, measured.record.latency_cycles) == (True, 7000)
    assert run(points()[:1], tmp_path / "measured")[0].record == measured.record


def test_known_points_start_no_worker(orders: Path, tmp_path: Path) -> None:
    first = run(points(), tmp_path)
    # Other names for the same integers: known, under the new names.
    again = run(points(name="renamed", folding="mine"), tmp_path)
    assert len(builds(orders)) == len(SLUGS)
    assert {result.state for result in again} == {PointState.CACHED, PointState.EMPTY}
    assert {(result.record.network, result.record.folding) for result in again} == {
        ("renamed", "mine")
    }
    assert [result.record for result in run(points(), tmp_path)] == [r.record for r in first]


@pytest.mark.parametrize("depends", [True, False])
def test_another_clock_builds_again_only_where_it_matters(
    orders: Path, tmp_path: Path, depends: bool
) -> None:
    backend = SleepingBackend(depends_on_clock=depends)
    run(points(), tmp_path, backend=backend)
    faster = [replace(part, clock_mhz=150.0) for part in points()]
    results = run(faster, tmp_path, backend=backend)
    assert len(builds(orders)) == (2 if depends else 1) * len(SLUGS)
    # Whoever it was built for, it is shown for the clock that was asked for.
    assert {result.record.clock_mhz for result in results} == {150.0}
    assert {result.part.clock_mhz for result in results} == {150.0}
    again = run(points(), tmp_path, backend=backend)
    assert {result.record.clock_mhz for result in again} == {100.0}


def test_another_version_of_a_tool_builds_again(
    orders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(points(), tmp_path)
    monkeypatch.setenv("SLEEPING_BACKEND_VERSION", "2")
    run(points(), tmp_path)
    assert len(builds(orders)) == 2 * len(SLUGS)


def test_a_damaged_result_is_reported_and_built_again(orders: Path, tmp_path: Path) -> None:
    first = run(points(), tmp_path)
    assert first[2].folder is not None
    path = first[2].folder / RECORD
    path.write_text(dump_record(first[1].record))  # whole, but another point's
    with ResultStore(tmp_path / "store") as store:
        again = sweep(points(), SleepingBackend(), store, LocalExecutor(2), SilentProgress())
        assert len(store.damaged) == 1
        assert str(path) in store.damaged[0]
    assert [result.record for result in again] == [result.record for result in first]
    assert again[2].state is PointState.BUILT
    assert len(builds(orders)) == len(SLUGS) + 1


@pytest.mark.parametrize(
    ("order", "error"),
    [
        ("error", "somewhere: conv0 cannot be built"),
        ("bug", "ZeroDivisionError: a bug in a backend"),
        ("killed", "the worker process was killed by SIGKILL (out of memory?)"),
        ("exit", "the worker process ended with exit code 7"),
        ("nonsense", "ValueError: a count of nan"),
    ],
)
def test_a_failing_point_costs_itself_only(
    orders: Path, tmp_path: Path, order: str, error: str
) -> None:
    for slug in ("whole", "1-first"):
        (orders / slug).write_text(order)
    results = run(points(), tmp_path)
    failed = [result for result in results if result.state is PointState.FAILED]
    assert [part_slug(result.part) for result in failed] == ["whole", "1-first"]
    for result in failed:
        assert result.record.error == error
        assert result.record.utilization is None
        assert result.record.cycles is None
        assert result.folder is not None
        assert (result.folder / "build.log").is_file()
    assert sum(result.state is PointState.BUILT for result in results) == len(SLUGS) - 2
    for slug in ("whole", "1-first"):
        (orders / slug).unlink()
    again = run(points(), tmp_path)
    assert {result.state for result in again[:-1]} == {PointState.BUILT, PointState.CACHED}
    assert len(builds(orders)) == len(SLUGS) + 2


def test_the_log_keeps_what_a_build_printed(
    orders: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (orders / "whole").write_text("bug")
    results = run(points()[:2], tmp_path)
    log, failed_log = results[1].folder, results[0].folder
    assert log is not None
    assert failed_log is not None
    assert (log / "build.log").read_text() == "building 0-first\n"
    text = (failed_log / "build.log").read_text()
    assert text.startswith("building whole\nTraceback")
    assert "ZeroDivisionError: a bug in a backend" in text
    assert capfd.readouterr() == ("", "")


class ThreadCounter(SleepingBackend):
    """Fails with the number of threads that numerical libraries would use."""

    def build(self, part: Part, directory: Path) -> BuildResult:
        import numpy  # noqa: F401  (loads the BLAS that is asked)
        from threadpoolctl import threadpool_info

        raise RuntimeError(str(sorted({library["num_threads"] for library in threadpool_info()})))


def test_a_worker_computes_on_one_thread(orders: Path, tmp_path: Path) -> None:
    (result,) = run(points()[:1], tmp_path, backend=ThreadCounter())
    assert result.record.error == "RuntimeError: [1]"
    assert "OMP_NUM_THREADS" not in os.environ


class FullDisk(SleepingBackend):
    """Meets a full disk, wrapped by a library."""

    def build(self, part: Part, directory: Path) -> BuildResult:
        try:
            raise OSError(28, "No space left on device", str(directory / "model.onnx"))
        except OSError as error:
            raise RuntimeError("cannot save") from error


def test_a_full_disk_stops_the_sweep(orders: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"model.onnx: No space left on device"):
        run(points(), tmp_path, backend=FullDisk())
    assert not list((tmp_path / "store").glob(".building*"))


def test_workers_work_at_the_same_time(
    orders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLEEPING_BACKEND_SECONDS", "0.5")
    begun = time.monotonic()
    run(points(), tmp_path, workers=8)
    # One after the other the eight points take 4 s.
    assert time.monotonic() - begun < 3.5
