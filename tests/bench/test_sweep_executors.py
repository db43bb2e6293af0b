"""The benchmark of executors measures each in turns, and says what Dask adds."""

from __future__ import annotations

import pytest

from bench import sweep_executors as bench
from bench.tables import executor_table


@pytest.mark.slow
def test_a_row_for_each_executor() -> None:
    rows = bench.sweep_executors(builds=4, rounds=2)
    assert [row.name for row in rows] == ["local", "dask, shared store", "dask, pulled store"]
    assert {row.builds for row in rows} == {2 * 3}
    assert all(0 < row.least <= row.ms <= row.most for row in rows)
    local, *others = rows
    assert local.over_local is None
    for row in others:
        assert row.over_local == pytest.approx(row.ms - local.ms)
    assert executor_table(rows).row_count == 3


def test_a_build_that_fails_is_no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    (point,) = bench._points(1)
    from dse.design_point import failed_record
    from dse.point_result import PointResult, PointState

    record = failed_record(point, bench.WritingBackend(), "disk full")
    with pytest.raises(RuntimeError, match="whole network: disk full"):
        bench._Stopwatch().finished(PointResult(point, "k", PointState.FAILED, record, None), 1.0)
