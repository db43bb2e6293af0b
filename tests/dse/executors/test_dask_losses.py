"""Workers that are killed, and tasks that kill workers: each costs what it was building."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from dse.executors.dask_executor import DaskExecutor
from dse.executors.dask_run import MOST_LOSSES
from dse.executors.local import LocalExecutor
from dse.point_result import PointState
from tests.dse.executors.cluster_backends import WorkerKiller
from tests.dse.executors.dask_cluster import DaskCluster
from tests.dse.executors.sweeps import Diary, builds, contents, points, run
from tests.dse.sleeping_backend import part_slug


@contextmanager
def killed_now_and_then(
    cluster: DaskCluster, seconds: float, seed: int, *options: str
) -> Iterator[list[int]]:
    """One of two workers is killed every so many seconds, and another one started; who was."""
    moments, killed, over = random.Random(seed), [], threading.Event()

    def kill() -> None:
        while not over.wait(moments.uniform(0.7, 1.3) * seconds):
            victim = moments.choice(cluster.workers)
            # The worker itself, or the nanny that would start it again.
            family = [psutil.Process(victim.pid), *psutil.Process(victim.pid).children()]
            chosen = moments.choice([one for one in family if "tracker" not in str(one.cmdline())])
            killed.append(chosen.pid)
            chosen.send_signal(signal.SIGKILL)
            if chosen.pid == victim.pid:
                victim.wait()
                cluster.workers.remove(victim)
                cluster.start_worker(*options)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pull", "allowed_failures"), [(False, "0"), (True, "3")], ids=["shared", "pulled"]
)
def test_thirty_builds_while_workers_are_killed(
    orders: Path,
    tmp_path: Path,
    pull: bool,
    allowed_failures: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SLEEPING_BACKEND_SECONDS", "0.5")
    settings = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": allowed_failures}
    cluster = DaskCluster(tmp_path / "dask", {}, settings)
    try:
        for _ in range(2):
            cluster.start_worker("--nanny")
        diary = Diary()
        seed = 2 * pull + int(allowed_failures)
        executor = DaskExecutor(cluster.address, pull=pull)
        with killed_now_and_then(cluster, 2.5, seed, "--nanny") as killed:
            results = run(points(30), tmp_path / "there", executor, diary)
    finally:
        cluster.stop()
    assert len(killed) >= 2
    assert {result.state for result in results} == {PointState.BUILT}
    assert set(diary.finishes.values()) == {1}
    assert len(diary.finishes) == 30
    # Only what a killed worker had was built twice.
    assert 30 <= len(builds(orders)) <= 30 + len(killed)
    monkeypatch.setenv("SLEEPING_BACKEND_SECONDS", "0")
    here = run(points(30), tmp_path / "here", LocalExecutor(2))
    assert [result.record for result in results] == [result.record for result in here]
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_build_that_takes_workers_along_fails_alone(
    orders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setenv("SLEEPING_BACKEND_SECONDS", "1")
    settings = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    cluster = DaskCluster(tmp_path / "dask", {}, settings)
    try:
        # With room for two at once: the neighbours of the evil one are lost with it, too; on the
        # only worker it is the same neighbour each time.
        for _ in range(workers):
            cluster.start_worker("--nanny", "--nthreads", "2")
        diary = Diary()
        results = run(points(), tmp_path, DaskExecutor(cluster.address), diary, WorkerKiller())
    finally:
        cluster.stop()
    failed = [result for result in results if result.state is PointState.FAILED]
    assert [part_slug(result.part) for result in failed] == ["whole"]
    said = failed[0].record.error
    assert said is not None
    assert said.startswith(f"{MOST_LOSSES} Dask workers were lost while they did this: tcp://")
    assert sum("is lost; what it was building is tried again" in line for line in diary.notes) >= 4


@pytest.mark.slow
def test_a_worker_thought_dead_that_goes_on_changes_nothing(
    orders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLEEPING_BACKEND_SECONDS", "0.5")
    settings = {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "2s"}
    cluster = DaskCluster(tmp_path / "dask", {}, settings)
    diary = Diary()
    try:
        sleeper, _ = cluster.start_worker(), cluster.start_worker()
        halted = threading.Event()

        def halt_for_a_while() -> None:
            while not builds(orders):
                time.sleep(0.01)
            os.kill(sleeper.pid, signal.SIGSTOP)
            halted.wait(5)
            os.kill(sleeper.pid, signal.SIGCONT)

        thread = threading.Thread(target=halt_for_a_while)
        thread.start()
        results = run(points(16), tmp_path, DaskExecutor(cluster.address), diary)
        halted.set()
        thread.join()
    finally:
        cluster.stop()
    assert {result.state for result in results} == {PointState.BUILT}
    assert set(diary.finishes.values()) == {1}
    assert len(contents(tmp_path)) == 16 * 4
