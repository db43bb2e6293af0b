"""Who may build: workers that offer what a build takes and have the same software."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from dse.errors import ExecutorError, InputError
from dse.executors import dask_executor, software
from dse.executors.dask_executor import DaskExecutor
from dse.executors.dask_workers import VersionsTask
from dse.executors.interface import ExecutorChoice, resources_of
from dse.point_result import PointState
from finn_flows.backends.estimate import EstimateBackend
from finn_flows.backends.vivado import VivadoBackend
from finn_flows.vivado.board import find_board
from tests.dse.executors.cluster_backends import ElsewhereBackend, TaggedBackend
from tests.dse.executors.dask_cluster import DaskCluster
from tests.dse.executors.sweeps import Diary, builds, points, run
from tests.dse.sleeping_backend import part_slug


def test_what_a_backend_needs_of_a_host() -> None:
    assert resources_of(TaggedBackend()) == {"tool": 1.0}
    assert resources_of(EstimateBackend()) == {}


def test_a_difference_of_software_is_named() -> None:
    here = software.software_here()
    assert software.difference(here, dict(here)) is None
    other = {**here, "split-dse": "9.9"}
    expected = f"split-dse 9.9 in place of {here['split-dse']}"
    assert software.difference(here, other) == expected
    assert software.difference({"vivado": "2022.2"}, {}) == "vivado not there in place of 2022.2"


@pytest.mark.parametrize("address", ["host", "tcp://host", "host:port", "tcp://:1", "a b:1", ""])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(InputError, match="is no address of a Dask scheduler"):
        DaskExecutor(address)


@pytest.mark.parametrize("address", ["h:1", "tcp://10.0.0.1:8786", "tls://node-3.lab:8786"])
def test_an_address(address: str) -> None:
    assert DaskExecutor(address).name == "dask"


def test_either_a_scheduler_or_slurm() -> None:
    for arguments in ({}, {"scheduler": "h:1", "slurm": "file.toml"}):
        with pytest.raises(InputError, match="either --scheduler"):
            DaskExecutor(**arguments)  # type: ignore[arg-type]


@pytest.mark.slow
def test_no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_executor, "_CONNECT_SECONDS", 0.5)
    with (
        pytest.raises(ExecutorError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9;"),
        DaskExecutor("tcp://127.0.0.1:9"),
    ):
        pass


@pytest.mark.slow
def test_without_a_worker_it_says_what_it_waits_for_and_gives_up(
    cluster: DaskCluster, orders: Path, tmp_path: Path
) -> None:
    diary = Diary()
    with pytest.raises(ExecutorError, match="no Dask worker can build for 1 s: none is there"):
        run(points(), tmp_path, DaskExecutor(cluster.address, wait=1), diary, TaggedBackend())
    assert diary.notes == ["waiting for a Dask worker that offers tool=1: none is there"]
    cluster.start_worker()
    diary.notes.clear()
    reason = "1 worker is there, none offers it; expected a worker that offers tool=1"
    with pytest.raises(ExecutorError, match=reason):
        run(points(), tmp_path, DaskExecutor(cluster.address, wait=4), diary, TaggedBackend())
    assert builds(orders) == []


@pytest.mark.slow
def test_builds_go_to_workers_with_the_tag_whenever_these_come(
    cluster: DaskCluster, orders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What they are at is looked for about once a second.
    monkeypatch.setenv("SLEEPING_BACKEND_SECONDS", "4")
    bare = cluster.start_worker()
    diary = Diary()

    def come_late() -> None:
        while not any("none offers it" in line for line in diary.notes):
            time.sleep(0.05)
        # Room for two builds by threads, but for one by what it offers.
        cluster.start_worker("--nthreads", "2", "--resources", "tool=1")

    thread = threading.Thread(target=come_late)
    thread.start()
    results = run(points(4), tmp_path, DaskExecutor(cluster.address), diary, TaggedBackend())
    thread.join()
    assert {result.state for result in results} == {PointState.BUILT}
    [note] = [line for line in diary.notes if "none offers it" in line]
    assert note == (
        "waiting for a Dask worker that offers tool=1: 1 worker is there, none offers it"
    )
    assert len({pid for _, pid in builds(orders)}) == 1, "one after the other, in one process"
    assert "dse-" not in Path(cluster.folder / "worker-0.log").read_text()
    assert bare.poll() is None
    # What a build said it was at came back, and is no part of its result.
    assert diary.statuses
    assert diary.statuses <= {(str(part), f"at {part_slug(part)}") for part in points(4)}
    assert not list(tmp_path.rglob(".status*"))


def test_what_a_worker_lacks_is_told_as_of_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FINN_TOOL_DIR_OVERRIDE", str(tmp_path))
    with pytest.raises(InputError) as caught:
        VersionsTask(VivadoBackend(board=find_board("Pynq-Z1", None))).run()
    assert str(caught.value).startswith("not installed there: vivado, ")
    assert "choose from" not in str(caught.value)


def test_no_more_than_workers_says_are_built_at_once() -> None:
    choice = ExecutorChoice(workers=3, scheduler="h:1")
    assert DaskExecutor.from_choice(choice).most == 3
    assert DaskExecutor("h:1").most is None


@pytest.mark.slow
def test_workers_bounds_the_builds_on_all_workers(
    cluster: DaskCluster, orders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLEEPING_BACKEND_SECONDS", "0.7")
    cluster.start_worker()
    cluster.start_worker()
    begun = time.monotonic()
    results = run(points(4), tmp_path, DaskExecutor(cluster.address, workers=1))
    assert {result.state for result in results} == {PointState.BUILT}
    assert time.monotonic() - begun > 4 * 0.7


@pytest.mark.slow
def test_other_versions_are_refused_by_name(
    cluster: DaskCluster, orders: Path, tmp_path: Path
) -> None:
    cluster.start_worker(environment={"SLEEPING_BACKEND_VERSION": "2"})
    diary = Diary()
    with pytest.raises(ExecutorError, match="it has sleeping 2 in place of 1"):
        run(points(), tmp_path, DaskExecutor(cluster.address, wait=5), diary)
    assert builds(orders) == []
    refusal = diary.notes[-2]
    assert refusal.startswith("worker tcp://127.0.0.1:")
    assert refusal.endswith(" is not used: it has sleeping 2 in place of 1")
    # Beside it one that is right does everything.
    cluster.start_worker()
    results = run(points(), tmp_path, DaskExecutor(cluster.address), diary)
    assert {result.state for result in results} == {PointState.BUILT}


@pytest.mark.slow
def test_tools_that_only_workers_have_decide_the_keys(
    cluster: DaskCluster, orders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.start_worker("--resources", "tool=1", environment={"TOOL_IS_HERE": "2022.2"})
    backend = ElsewhereBackend()
    there = run(points(2), tmp_path, DaskExecutor(cluster.address), backend=backend)
    monkeypatch.setenv("TOOL_IS_HERE", "2022.2")
    assert [result.key for result in there] == [part.key(backend) for part in points(2)]
    monkeypatch.delenv("TOOL_IS_HERE")
    again = run(points(2), tmp_path, DaskExecutor(cluster.address), backend=backend)
    assert {result.state for result in again} == {PointState.CACHED}
    # Without the tool there, either: one line says so.
    cluster.workers.pop().kill()
    cluster.start_worker("--resources", "tool=1")
    reason = r"is not used: the tool is not on PATH; expected a worker that can run \w+"
    with pytest.raises(ExecutorError, match=reason):
        run(points(2), tmp_path, DaskExecutor(cluster.address, wait=6), backend=backend)
