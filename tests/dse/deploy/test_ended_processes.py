"""SIGKILL and SIGSTOP to stages, node managers and the client, at every state of the protocol."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from dse.deploy.board_processes import board_processes
from dse.deploy.job_outcome import JobFailed
from dse.deploy.pipeline import Pipeline
from dse.deploy.pipeline_plan import PipelineFailed
from tests.dse.deploy.fault_rig import (
    DEADLINE_SECONDS,
    LEASE_SECONDS,
    OPTIONS,
    ClientResources,
    FaultRig,
    StageSettings,
    check_done,
    chunks,
)
from tests.dse.sandbox import PROJECT

SIZES = {2: (64, 48, 24), 3: (64, 48, 32, 24)}
START_STATES = ("spawned", "ready", "linked", "running")
JOB_STATES = ("idle", "waiting", "computing", "sending")


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultRig]:
    """Three boards that the tests of this file share."""
    with FaultRig(3, tmp_path_factory.mktemp("faults")) as rig:
        yield rig


@pytest.fixture(autouse=True)
def nothing_is_left(rig: FaultRig) -> Iterator[None]:
    """I9 after each test, and I3 for whatever was computed in it."""
    rig.repair()
    first = rig.epoch
    before = ClientResources()
    yield
    rig.check_boards_are_free()
    before.check()
    for epoch in range(first + 1, rig.epoch + 1):
        rig.check_computed(epoch, 3)


def victim(rig: FaultRig, role: str, position: int) -> psutil.Process:
    """The process that plays the role of the stage, or of its manager."""
    return rig.manager(position) if role == "manager" else rig.stages(position)[-1]


def check_reason(role: str, number: signal.Signals, position: int, reason: str) -> None:
    """That the reason names what was done to the victim."""
    if role == "manager":
        assert reason == f"board b{position} is silent", reason
    elif number == signal.SIGKILL:
        assert "killed by SIGKILL" in reason, reason
    else:
        assert "no sign of its compute thread for" in reason, reason


def works_again(rig: FaultRig, stages: int) -> None:
    """What still lives, and what had to be replaced, takes the next pipeline."""
    rig.repair()
    with rig.pipeline(SIZES[stages]) as pipeline:
        given = chunks(1, 5, 64)
        check_done(pipeline.run(given), given, SIZES[stages])


def fails_at_last(pipeline: Pipeline) -> JobFailed:
    """How the first job that is not done fails. A stopped manager is not needed in a short job, so
    some may be done before it is missed."""
    for job in range(2, 100_000):
        given = chunks(job, 20, 64)
        outcome = pipeline.run(given)
        if isinstance(outcome, JobFailed):
            return outcome
        check_done(outcome, given, SIZES[len(pipeline.stages)])
    raise AssertionError("no job ever failed")


STARTS = [
    (role, number, state, position)
    for role in ("stage", "manager")
    for number in (signal.SIGKILL, signal.SIGSTOP)
    for state in START_STATES
    for position in (0, 1, 2)
]
QUICK_STARTS = [
    ("stage", signal.SIGSTOP, "ready", 1),
    ("stage", signal.SIGKILL, "linked", 0),
    ("manager", signal.SIGKILL, "spawned", 1),
]


@pytest.mark.parametrize(
    ("role", "number", "state", "position"),
    [
        *QUICK_STARTS,
        *(pytest.param(*one, marks=pytest.mark.slow) for one in STARTS if one not in QUICK_STARTS),
    ],
)
def test_whoever_ends_while_a_pipeline_starts_is_named(
    rig: FaultRig, role: str, number: signal.Signals, state: str, position: int
) -> None:
    done = threading.Event()

    def on_state(where: int, word: str) -> None:
        if (where, word) == (position, state) and not done.is_set():
            done.set()
            victim(rig, role, position).send_signal(number)

    began = time.monotonic()
    pipeline = rig.pipeline(SIZES[3], on_state=on_state)
    # At `running`, and for a stopped process after its last part in the start, the pipeline comes
    # up: then its first job fails.
    reason, stage = "", None
    try:
        pipeline.start()
        outcome = fails_at_last(pipeline)
        reason, stage = outcome.reason, outcome.stage
    except PipelineFailed as failure:
        reason, stage = failure.reason, failure.stage
    finally:
        pipeline.close()
    assert done.is_set()
    assert time.monotonic() - began < DEADLINE_SECONDS
    assert stage == position, (stage, reason)
    check_reason(role, number, position, reason)
    works_again(rig, 3)


def pipeline_in(rig: FaultRig, state: str, position: int) -> Pipeline:
    """One whose stage ``position`` of three will be in that state in a job."""
    settings = {}
    if state == "computing":
        settings[position] = StageSettings(delay_seconds=0.3)
    elif state == "sending" and position < 2:
        settings[position + 1] = StageSettings(delay_seconds=0.3)
    elif state == "waiting" and position > 0:
        settings[position - 1] = StageSettings(delay_seconds=0.3)
    return rig.pipeline(SIZES[3], settings=settings, options=replace(OPTIONS, window=2))


JOBS = [
    (role, number, state, position)
    for role in ("stage", "manager")
    for number in (signal.SIGKILL, signal.SIGSTOP)
    for state in JOB_STATES
    for position in (0, 1, 2)
    # The first stage never waits for long in a job, nor has the last one to wait to send.
    if (state, position) not in (("waiting", 0), ("sending", 2))
]
QUICK_JOBS = [
    ("stage", signal.SIGKILL, "idle", 1),
    ("stage", signal.SIGKILL, "sending", 0),
]
NAMES = {
    "idle": "waiting for input",
    "waiting": "waiting for input",
    "computing": "computing",
    "sending": "waiting to send",
}


@pytest.mark.parametrize(
    ("role", "number", "state", "position"),
    [
        *QUICK_JOBS,
        *(pytest.param(*one, marks=pytest.mark.slow) for one in JOBS if one not in QUICK_JOBS),
    ],
)
def test_whoever_ends_in_a_job_is_named(
    rig: FaultRig, role: str, number: signal.Signals, state: str, position: int
) -> None:
    with pipeline_in(rig, state, position) as pipeline:
        given = chunks(1, 2, 64)
        check_done(pipeline.run(given), given, SIZES[3])
        process = victim(rig, role, position)
        ended_at: list[float] = []

        def end() -> None:
            process.send_signal(number)
            ended_at.append(time.monotonic())

        if state == "idle":
            end()
            time.sleep(0.1)
            outcome = fails_at_last(pipeline)
        else:

            def when_there() -> None:
                node = rig.nodes[position]
                deadline = time.monotonic() + 5
                while time.monotonic() < deadline:
                    readings = list(node.readings.values())
                    # Twice the heartbeat's time: it is this job's reading.
                    if (
                        readings
                        and readings[-1].get("state") == NAMES[state]
                        and time.monotonic() > since + 0.3
                    ):
                        end()
                        return
                    time.sleep(0.005)

            since = time.monotonic()
            thread = threading.Thread(target=when_there)
            thread.start()
            ended = pipeline.run(chunks(2, 20, 64))
            assert isinstance(ended, JobFailed), ended
            outcome = ended
            thread.join()
        assert ended_at, f"never seen {NAMES[state]}"
        assert time.monotonic() - ended_at[0] < DEADLINE_SECONDS
    assert outcome.stage == position, outcome
    check_reason(role, number, position, outcome.reason)
    works_again(rig, 3)


@pytest.mark.slow
def test_a_manager_that_pauses_for_less_than_the_lease_costs_nothing(rig: FaultRig) -> None:
    settings = {1: StageSettings(delay_seconds=0.05)}
    with rig.pipeline(SIZES[2], settings=settings) as pipeline:
        manager = rig.manager(0)
        manager.suspend()
        timer = threading.Timer(LEASE_SECONDS / 2, manager.resume)
        timer.start()
        given = chunks(1, 40, 64)
        check_done(pipeline.run(given), given, SIZES[2])
        timer.join()


@pytest.mark.slow
def test_a_client_that_stands_still_amid_reading_takes_no_board_for_silent(rig: FaultRig) -> None:
    """Between looking at its sockets and judging who is silent, for longer than the lease."""
    held = threading.Event()

    def hold(*_: object) -> None:
        if not held.is_set():
            time.sleep(2 * LEASE_SECONDS)
            held.set()

    forget = rig.hub.listen(hold)
    with pytest.raises(PipelineFailed) as failed, rig.pipeline(SIZES[2]):
        pytest.fail("no stage outlives its client's lease")
    forget()
    assert held.wait(4 * LEASE_SECONDS)
    assert "is silent" not in str(failed.value)
    time.sleep(LEASE_SECONDS / 2)
    assert not any(node.is_lost for node in rig.nodes)
    works_again(rig, 2)


@pytest.mark.slow
def test_a_board_that_stands_still_as_a_whole_is_not_held_against_its_stages(rig: FaultRig) -> None:
    """For longer than a compute thread may be silent, and shorter than the lease."""
    assert OPTIONS.limits.silence < OPTIONS.limits.compute + 0.25 < LEASE_SECONDS
    with rig.pipeline(SIZES[2], settings={1: StageSettings(delay_seconds=0.05)}) as pipeline:
        manager, (stage,) = rig.manager(0), rig.stages(0)
        stage.suspend()
        time.sleep(0.15)  # so that the manager has seen all that it did
        manager.suspend()
        time.sleep(OPTIONS.limits.compute + 0.1)
        manager.resume()
        time.sleep(0.15)  # it looks at a stage that cannot have moved
        stage.resume()
        given = chunks(1, 40, 64)
        check_done(pipeline.run(given), given, SIZES[2])


@pytest.mark.slow
def test_a_manager_that_comes_back_after_the_lease_has_ended_its_stages(rig: FaultRig) -> None:
    with rig.pipeline(SIZES[2], settings={1: StageSettings(delay_seconds=0.2)}) as pipeline:
        rig.manager(0).suspend()
        try:
            outcome = pipeline.run(chunks(1, 40, 64))
        finally:
            rig.manager(0).resume()
        assert isinstance(outcome, JobFailed)
        assert (outcome.stage, outcome.reason) == (0, "board b0 is silent")
    deadline = time.monotonic() + LEASE_SECONDS + 4
    while rig.stages(0):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    # The same manager, after another introduction, serves the next pipeline.
    address = rig.nodes[0].address
    rig.hub.disconnect(rig.nodes[0])
    rig.nodes[0] = rig.hub.connect("b0", address)
    assert rig.repair() == 0
    works_again(rig, 2)


# -- the client -----------------------------------------------------------------------------------


CLIENTS = [
    (number, state)
    for number in (signal.SIGKILL, signal.SIGSTOP)
    for state in (*START_STATES, "idle", "waiting", "sending")
]
QUICK_CLIENTS = [(signal.SIGKILL, "waiting")]
MORE_CLIENTS = [one for one in CLIENTS if one not in QUICK_CLIENTS]


@pytest.mark.parametrize(
    ("number", "state"),
    [
        *QUICK_CLIENTS,
        *(
            pytest.param(*one, marks=pytest.mark.slow)
            for one in CLIENTS
            if one not in QUICK_CLIENTS
        ),
    ],
)
def test_when_the_client_ends_every_peer_stops(
    tmp_path: Path, number: signal.Signals, state: str
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    client = subprocess.Popen(
        [sys.executable, "-m", "tests.dse.deploy.fault_client", str(tmp_path), state],
        cwd=PROJECT,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert client.stdout is not None
    try:
        up = json.loads(client.stdout.readline())
        folders = [Path(folder) for folder in up["folders"]]
        managers = [psutil.Process(pid) for pid in up["managers"]]
        assert client.stdout.readline() == "now\n"
        client.send_signal(number)
        if number == signal.SIGSTOP:
            # The lease ends: stages end, the boards stay.
            deadline = time.monotonic() + LEASE_SECONDS + 2 + 2
            while any(manager.children() for manager in managers):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            assert all(manager.is_running() for manager in managers)
            client.send_signal(signal.SIGCONT)
            told = json.loads(client.stdout.readline())
            assert told["stage"] is not None
            assert told["reason"] == f"its client was silent for {LEASE_SECONDS:g} s"
            assert client.wait(20) == 0
        deadline = time.monotonic() + 5
        while list(temporary.iterdir()) or any(board_processes(folder) for folder in folders):
            assert time.monotonic() < deadline, list(temporary.iterdir())
            time.sleep(0.02)
    finally:
        with suppress(ProcessLookupError):
            client.kill()
        client.wait()
        client.stdout.close()
