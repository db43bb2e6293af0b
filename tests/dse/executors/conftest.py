"""Fixtures of the tests of executors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dse.executors.dask_cluster import DaskCluster


@pytest.fixture
def orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that tells the sleeping backend what to do, here and on workers."""
    folder = tmp_path / "orders"
    folder.mkdir()
    monkeypatch.setenv("SLEEPING_BACKEND_ORDERS", str(folder))
    return folder


@pytest.fixture
def cluster(tmp_path: Path, orders: Path) -> Iterator[DaskCluster]:
    """A scheduler without workers; nothing of it is left afterwards."""
    running = DaskCluster(tmp_path / "dask", {"SLEEPING_BACKEND_ORDERS": str(orders)})
    try:
        yield running
    finally:
        running.stop()
