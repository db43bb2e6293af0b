"""``dse sweep --executor dask`` that is interrupted, killed or loses its scheduler."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from dse.cli import EXIT_INTERRUPTED, EXIT_USER_ERROR
from tests.dse.executors.dask_cluster import DaskCluster
from tests.dse.sandbox import SLUGS, Sandbox
from tests.dse.test_kill import assert_results_are_whole

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster(sandbox: Sandbox, tmp_path: Path) -> Iterator[DaskCluster]:
    """With two workers."""
    cluster = DaskCluster(
        tmp_path / "dask",
        {"SLEEPING_BACKEND_ORDERS": str(sandbox.orders), "SLEEPING_BACKEND_SECONDS": "0.1"},
    )
    for _ in range(2):
        cluster.start_worker()
    try:
        yield cluster
    finally:
        cluster.stop()


def on(cluster: DaskCluster, *more: str) -> tuple[str, ...]:
    return ("--executor", "dask", "--scheduler", cluster.address, *more)


def wait_until_builds_have_ended(sandbox: Sandbox) -> None:
    """The processes that built, and the tools they had started."""
    log = (sandbox.orders / "builds").read_text().splitlines()
    builders = {int(line.split()[1]) for line in log}
    deadline = time.monotonic() + 10
    while True:
        left = []
        for process in sandbox.processes():
            with suppress(psutil.Error):
                if process.pid in builders or process.name() == "sleep":
                    left.append(process)
        if not left:
            return
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("number", "pull"),
    [
        (signal.SIGINT, ()),
        (signal.SIGTERM, ("--pull",)),
        (signal.SIGKILL, ()),
        (signal.SIGKILL, ("--pull",)),
    ],
)
def test_a_driver_that_ends_leaves_nothing_on_the_workers(
    sandbox: Sandbox, cluster: DaskCluster, number: signal.Signals, pull: tuple[str, ...]
) -> None:
    sandbox.order("1-second", "hang")
    process = sandbox.start(*sandbox.sweep_arguments(*on(cluster, *pull)))
    sandbox.wait_for_builds(len(SLUGS))
    time.sleep(1.5)
    process.send_signal(number)
    output, errors = process.communicate(timeout=20)
    ends = {
        signal.SIGINT: (EXIT_INTERRUPTED, "dse: interrupted"),
        signal.SIGTERM: (128 + signal.SIGTERM, "dse: ended by SIGTERM"),
    }
    if number in ends:
        code, line = ends[number]
        assert (process.returncode, output) == (code, "")
        assert errors.splitlines()[-1] == line
        assert "Traceback" not in errors
        assert not list((sandbox.out / "store").glob(".building*"))
    wait_until_builds_have_ended(sandbox)
    assert assert_results_are_whole(sandbox.out) == set(SLUGS) - {"1-second"}
    deadline = time.monotonic() + 5
    while list(cluster.folder.rglob("*building*")):
        assert time.monotonic() < deadline, "something is left on their disks"
        time.sleep(0.05)
    sandbox.order("1-second", "")
    again = sandbox.sweep(*on(cluster))
    assert (again.returncode, "Traceback" in again.stderr) == (0, False)
    assert sum(sandbox.builds().values()) == len(SLUGS) + 1
    assert not list((sandbox.out / "store").glob(".building*"))


def test_a_scheduler_that_is_lost_costs_nothing_finished(
    sandbox: Sandbox, cluster: DaskCluster
) -> None:
    sandbox.order("1-second", "hang")
    process = sandbox.start(*sandbox.sweep_arguments(*on(cluster)))
    sandbox.wait_for_builds(len(SLUGS))
    time.sleep(1.5)
    cluster.scheduler.kill()
    begun = time.monotonic()
    output, errors = process.communicate(timeout=30)
    assert time.monotonic() - begun < 10
    assert (process.returncode, output) == (EXIT_USER_ERROR, "")
    assert errors.splitlines()[-1] == (
        "dse: error: the Dask scheduler is gone; what was finished is kept, and the next sweep "
        "goes on there"
    )
    assert "Traceback" not in errors
    wait_until_builds_have_ended(sandbox)
    assert assert_results_are_whole(sandbox.out) == set(SLUGS) - {"1-second"}
    sandbox.order("1-second", "")
    here = sandbox.sweep()
    assert here.returncode == 0
    assert sum(sandbox.builds().values()) == len(SLUGS) + 1


def test_a_worker_that_is_killed_takes_its_build_and_its_tools_along(
    sandbox: Sandbox, cluster: DaskCluster
) -> None:
    sandbox.order("whole", "hang")
    process = sandbox.start(*sandbox.sweep_arguments(*on(cluster)))
    sandbox.wait_for_builds(len(SLUGS))
    builder = next(
        int(line.split()[1])
        for line in (sandbox.orders / "builds").read_text().splitlines()
        if line.startswith("whole ")
    )
    (worker,) = [one for one in cluster.workers if one.pid == psutil.Process(builder).ppid()]
    sandbox.order("whole", "")
    worker.kill()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "is lost; what it was building is tried again" in errors
    assert sandbox.builds()["whole"] == 2
    assert assert_results_are_whole(sandbox.out) == set(SLUGS)
    wait_until_builds_have_ended(sandbox)
