"""Sweeps that really synthesise and simulate: what goes wrong costs its own points only."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from dse.executors.local import LocalExecutor
from dse.progress import SilentProgress
from dse.store import ResultStore
from dse.sweep_driver import PointResult, PointState, sweep
from finn_flows.backends.interface import Part
from finn_flows.backends.yosys import YosysBackend
from finn_flows.cache_directory import CACHE_VARIABLE
from finn_flows.cut import Cut
from finn_flows.folding import Folding, LayerFolding
from finn_flows.network import Network
from finn_flows.tool_process import Limits
from reports.sweep_record import PartName
from tests.random_circuits import DEVICE
from tests.random_networks import random_network

NETWORK = random_network(21, input_shape=(5, 5, 2), layers=("conv4", "dense5"))
FOLDING = Folding("test", (LayerFolding(2, 2), LayerFolding(4, 1)))


@pytest.fixture
def cold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with nothing in it."""
    cache = tmp_path / "cache"
    monkeypatch.setenv(CACHE_VARIABLE, str(cache))
    return cache


def points(network: Network = NETWORK, folding: Folding = FOLDING) -> list[Part]:
    """The whole, and both parts of split 0."""
    return [
        Part(network, PartName.WHOLE, None, folding, DEVICE, 100.0),
        Part(network, PartName.FIRST, Cut(0), folding, DEVICE, 100.0),
        Part(network, PartName.SECOND, Cut(0), folding, DEVICE, 100.0),
    ]


def run(parts: Sequence[Part], backend: YosysBackend, folder: Path) -> list[PointResult]:
    with ResultStore(folder) as store:
        return sweep(parts, backend, store, LocalExecutor(2), SilentProgress())


def states(results: list[PointResult]) -> list[PointState]:
    return [result.state for result in results]


@pytest.mark.slow
def test_a_layer_that_does_not_fit_is_named_and_the_rest_is_done(
    cold: Path, tmp_path: Path
) -> None:
    network = random_network(22, input_shape=(8,), layers=("dense2048", "dense2048", "dense5"))
    folding = Folding("big", (LayerFolding(4, 2), LayerFolding(32, 2), LayerFolding(2, 1)))
    whole, first, second = run(points(network, folding), YosysBackend(), tmp_path / "store")
    assert first.state is PointState.BUILT
    for result in (whole, second):
        assert result.state is PointState.FAILED
        assert result.record.error is not None
        assert "dense1 alone does not fit xc7z020" in result.record.error


@pytest.mark.slow
def test_a_layer_that_takes_too_long_is_named_and_the_next_sweep_goes_on(
    cold: Path, tmp_path: Path
) -> None:
    hurried = run(points(), YosysBackend(limits=Limits(seconds=0.2)), tmp_path / "store")
    assert states(hurried) == [PointState.FAILED] * 3
    error = hurried[0].record.error
    assert error is not None
    assert "conv0" in error or "dense" in error
    assert "0.2 s" in error
    built = run(points(), YosysBackend(), tmp_path / "store")
    assert states(built) == [PointState.BUILT] * 3
    whole, first, second = (result.record for result in built)
    for record in (whole, first, second):
        assert record.cycles_measured
        assert record.utilization is not None
        assert record.utilization.ff is not None
        assert record.utilization.lut == sum(layer.utilization.lut or 0 for layer in record.layers)
        assert all(layer.logic_depth is not None for layer in record.layers)
    # Known now: nothing is started again.
    assert states(run(points(), YosysBackend(), tmp_path / "store")) == [PointState.CACHED] * 3


@pytest.mark.slow
def test_a_killed_yosys_costs_its_layer_and_leaves_nothing(cold: Path, tmp_path: Path) -> None:
    killed: list[str] = []
    stop = threading.Event()

    def kill_the_first_yosys() -> None:
        me = psutil.Process()
        while not stop.is_set() and not killed:
            for process in me.children(recursive=True):
                try:
                    line = " ".join(process.cmdline())
                    if "yosys_process" in line:
                        process.kill()
                        killed.append(line)
                        return
                except psutil.Error:
                    continue
            time.sleep(0.01)

    killer = threading.Thread(target=kill_the_first_yosys)
    killer.start()
    try:
        results = run(points(), YosysBackend(), tmp_path / "store")
    finally:
        stop.set()
        killer.join()
    assert killed
    failed = [result for result in results if result.state is PointState.FAILED]
    assert failed
    for result in failed:
        assert result.record.error is not None
        assert "SIGKILL" in result.record.error
    left = [child.cmdline() for child in psutil.Process().children(recursive=True)]
    assert not [line for line in left if "yosys" in " ".join(line)]
    assert states(run(points(), YosysBackend(), tmp_path / "store"))[0] is not PointState.FAILED
