"""Links that go down, or carry nothing any more in one direction, between real hosts (network
namespaces): noticed though no end of the connection ever hears of it."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from dse.deploy.job_outcome import JobFailed
from dse.deploy.key_files import ClientKeys
from dse.deploy.node_control import ControlHub, NodeControl
from dse.deploy.pipeline import Pipeline
from dse.deploy.pipeline_plan import StagePlan
from dse.deploy.ssh_board import SshBoard
from tests.dse.deploy import faulty_stage
from tests.dse.deploy.fault_rig import LEASE_SECONDS, OPTIONS, check_done, chunks
from tests.dse.deploy.faulty_stage import fault
from tests.dse.deploy.ssh_hosts import SshHost

pytestmark = pytest.mark.slow

SIZES = (64, 48, 24)
#: A hop without a sign of the other host breaks after 5 s (links.prepare); the cause is asked for,
#: and the stages end.
HALF_OPEN_SECONDS = 5.0 + OPTIONS.verdict_seconds + 2.0 + 2.0


class TwoHosts:
    """Boards on two hosts, with the test's stage."""

    def __init__(self, hub: ControlHub, boards: list[SshBoard], folder: Path) -> None:
        application = folder / "application"
        application.mkdir()
        shutil.copy(faulty_stage.__file__, application / "faulty_stage.py")
        self.hub, self.folder, self.epoch = hub, folder, 0
        self.nodes: list[NodeControl] = []
        with ThreadPoolExecutor() as pool:
            for board, address in zip(
                boards, pool.map(lambda board: board.start(), boards), strict=True
            ):
                self.nodes.append(hub.connect(board.name, address))
        self.mains = [board.put(application, "application") for board in boards]

    def pipeline(self, delay: float) -> Pipeline:
        self.epoch += 1
        plans = []
        for position, (node, main) in enumerate(zip(self.nodes, self.mains, strict=True)):
            record = self.folder / f"computed-{self.epoch}-{position}"
            config = {"delay_seconds": delay, "record": str(record), "fault": fault()}
            plans.append(
                StagePlan(
                    node,
                    f"{main}/faulty_stage.py",
                    config,
                    SIZES[position],
                    SIZES[position + 1],
                    bind="0.0.0.0",
                )
            )
        options = replace(OPTIONS, stall_seconds=20.0)
        return Pipeline(self.hub, plans, app="links", epoch=self.epoch, options=options)


@pytest.fixture
def two(hosts: list[SshHost], tmp_path: Path) -> Iterator[TwoHosts]:
    keys = ClientKeys.new()
    with ExitStack() as stack:
        boards = [
            stack.enter_context(
                SshBoard(
                    host.entry(),
                    client_key=keys.public,
                    lease_seconds=LEASE_SECONDS,
                    silence_seconds=LEASE_SECONDS,
                )
            )
            for host in hosts
        ]
        hub = ControlHub(keys, heartbeat_seconds=0.1, lease_seconds=LEASE_SECONDS)
        stack.callback(hub.close)
        yield TwoHosts(hub, boards, tmp_path)


def deafen(host: SshHost, other: SshHost) -> None:
    """What ``host`` sends to ``other`` goes to a card that nobody has: it is told of no error."""
    place = (other.address, "lladdr", "02:00:00:00:00:99", "dev", "eth0", "nud", "permanent")
    subprocess.run(["ip", "-n", host.namespace, "neighbour", "replace", *place], check=True)


def undeafen(host: SshHost, other: SshHost) -> None:
    subprocess.run(
        ["ip", "-n", host.namespace, "neighbour", "delete", other.address, "dev", "eth0"],
        check=False,
        capture_output=True,
    )


def breaks(two: TwoHosts, delay: float, cut: Callable[[], None]) -> tuple[JobFailed, float]:
    """How a job fails in which ``cut`` is called, and how long after that."""
    with two.pipeline(delay) as pipeline:
        given = chunks(1, 20, 64)
        check_done(pipeline.run(given), given, SIZES)
        cut_at: list[float] = []

        def later() -> None:
            time.sleep(0.3)
            cut()
            cut_at.append(time.monotonic())

        thread = threading.Thread(target=later)
        thread.start()
        outcome = pipeline.run(chunks(2, 5000, 64))
        took = time.monotonic()
        thread.join()
    assert isinstance(outcome, JobFailed), outcome
    return outcome, took - cut_at[0]


@pytest.mark.parametrize("position", [0, 1])
@pytest.mark.parametrize("delay", [0.0005, 0.01])
def test_a_cable_that_is_pulled_is_a_silent_board(
    two: TwoHosts, hosts: list[SshHost], position: int, delay: float
) -> None:
    outcome, seconds = breaks(two, delay, hosts[position].link_down)
    hosts[position].link_up()
    assert (outcome.stage, outcome.reason) == (
        position,
        f"board {hosts[position].name} is silent",
    )
    assert seconds < LEASE_SECONDS + OPTIONS.verdict_seconds + 2.0 + 1.0


@pytest.mark.parametrize("deaf", ["forward", "back", "both"])
def test_a_half_open_hop_between_two_boards_breaks(
    two: TwoHosts, hosts: list[SshHost], deaf: str
) -> None:
    """Only between the two: the client reaches both, and their managers are well."""
    left, right = hosts

    def cut() -> None:
        if deaf in ("forward", "both"):
            deafen(left, right)
        if deaf in ("back", "both"):
            deafen(right, left)

    try:
        outcome, seconds = breaks(two, 0.01, cut)
    finally:
        undeafen(left, right)
        undeafen(right, left)
    print(f"{outcome} after {seconds:.1f} s")
    # One end of the hop says so; which of the two cannot be known.
    assert outcome.stage in (0, 1)
    assert "timed out" in outcome.reason, outcome
    assert seconds < HALF_OPEN_SECONDS
    # Both boards are there, and take the next pipeline when the cable is whole again.
    assert not any(node.is_lost for node in two.nodes)
    with two.pipeline(0.0) as pipeline:
        given = chunks(1, 20, 64)
        check_done(pipeline.run(given), given, SIZES)


def test_a_cable_that_is_pulled_while_nothing_runs_fails_the_next_job(
    two: TwoHosts, hosts: list[SshHost]
) -> None:
    with two.pipeline(0.0) as pipeline:
        given = chunks(1, 20, 64)
        check_done(pipeline.run(given), given, SIZES)
        hosts[1].link_down()
        time.sleep(0.2)
        outcome = pipeline.run(chunks(2, 20, 64))
        hosts[1].link_up()
        assert isinstance(outcome, JobFailed)
        assert outcome.reason == "board right is silent"
