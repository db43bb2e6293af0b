"""Bitstreams on a cluster: the machine that drives the sweep has none of the vendor's tools."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dse.backend_choice import BuildTarget, choose_backends
from dse.executors.dask_executor import DaskExecutor
from dse.executors.local import LocalExecutor
from dse.point_result import PointState
from finn_flows.backends.interface import Backend
from finn_flows.cache_directory import CACHE_VARIABLE
from reports.sweep_record import SweepRecord
from tests.dse.executors.dask_cluster import DaskCluster
from tests.dse.executors.sweeps import Diary, contents, points, run
from tests.dse.executors.test_dask_losses import killed_now_and_then
from tests.fakes.vendor_tools import install

pytestmark = pytest.mark.slow

BUILDS = 30


def backend(*, here: bool) -> Backend:
    (chosen,) = choose_backends(["vivado"], BuildTarget(board="Pynq-Z1", here=here))
    chosen.measure_fifos = False  # type: ignore[attr-defined]  # no vendor tool's work
    return chosen


def numbers(record: SweepRecord) -> SweepRecord:
    """Without how long the tools took."""
    assert record.implementation is not None
    return replace(record, implementation=replace(record.implementation, run_seconds=None))


def test_thirty_bitstreams_while_workers_are_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = install(tmp_path / "vendor")
    variables = {**tools.variables, CACHE_VARIABLE: str(tmp_path / "cache")}
    cluster = DaskCluster(tmp_path / "dask", variables)
    diary = Diary()
    try:
        offer = ("--nanny", "--resources", "vivado=1")
        for _ in range(2):
            cluster.start_worker(*offer)
        executor = DaskExecutor(cluster.address)
        with killed_now_and_then(cluster, 8, 1, *offer) as killed:
            there = run(points(BUILDS), tmp_path / "there", executor, diary, backend(here=False))
    finally:
        cluster.stop()
    assert [result.record.error for result in there if result.state is not PointState.BUILT] == []
    assert killed
    assert set(diary.finishes.values()) == {1}
    assert len(diary.finishes) == BUILDS
    assert {name for _, name in (key.split("/", 1) for key in contents(tmp_path / "there"))} >= {
        "record.json",
        "build.log",
    }
    for name, value in {**variables, CACHE_VARIABLE: str(tmp_path / "other-cache")}.items():
        monkeypatch.setenv(name, value)
    some = [0, 3, BUILDS - 1]
    parts = [points(BUILDS)[number] for number in some]
    here = run(parts, tmp_path / "here", LocalExecutor(2), backend=backend(here=True))
    assert [result.key for result in here] == [there[number].key for number in some]
    assert [numbers(result.record) for result in here] == [
        numbers(there[number].record) for number in some
    ]
