"""A sweep on a Dask cluster of real processes gives what one on this machine gives."""

from __future__ import annotations

from pathlib import Path

from dse.executors.dask_executor import DaskExecutor
from dse.executors.local import LocalExecutor
from dse.point_result import PointState
from tests.dse.executors.dask_cluster import DaskCluster
from tests.dse.executors.sweeps import builds, contents, points, run


def test_results_are_those_of_this_machine_byte_for_byte_from_either_store(
    cluster: DaskCluster, orders: Path, tmp_path: Path
) -> None:
    cluster.start_worker()
    parts = points(3)
    (orders / "0-second").write_text("killed")
    there = run(parts, tmp_path / "shared", DaskExecutor(cluster.address))
    run(parts, tmp_path / "pulled", DaskExecutor(cluster.address, pull=True))
    here = run(parts, tmp_path / "here", LocalExecutor(2))
    # What a build does to its own process it does to nobody else.
    assert [result.state for result in there] == [PointState.BUILT] * 2 + [PointState.FAILED]
    assert there[2].record.error == here[2].record.error
    assert there[2].folder is not None
    assert (there[2].folder / "build.log").read_text() == "building 0-second\n"
    assert [result.record for result in there] == [result.record for result in here]
    assert contents(tmp_path / "shared") == contents(tmp_path / "here")
    assert contents(tmp_path / "pulled") == contents(tmp_path / "here")
    assert {pid for _, pid in builds(orders)}.isdisjoint({cluster.workers[0].pid})
