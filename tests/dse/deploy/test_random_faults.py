"""Random pipelines with random faults at random times; every invariant after each of them.

``DSE_FAULT_SEED`` repeats a series, ``DSE_FAULT_RUN`` one run of it, ``DSE_FAULT_RUNS`` sets how
many there are.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from dse.deploy.board_processes import board_processes
from dse.deploy.job_outcome import JobDone, JobFailed
from dse.deploy.pipeline import Pipeline
from dse.deploy.pipeline_plan import PipelineFailed
from tests.dse.deploy.fault_rig import (
    DEADLINE_SECONDS,
    OPTIONS,
    ClientResources,
    FaultRig,
    StageSettings,
    check_done,
    chunks,
)
from tests.dse.deploy.faulty_stage import fault
from tests.dse.sandbox import PROJECT

BOARDS = 4
RUNS = 500
#: Kind of fault -> how often. The first group is done by the stage itself, at a chunk.
IN_STAGE = {
    "poison": 60,
    "raise": 40,
    "exit": 20,
    "exit_at_once": 30,
    "exit_in_peace": 10,
    "short": 30,
    "kill": 50,
    "segfault": 20,
    "leave_a_program": 20,
    "loop": 15,
    "sleep": 10,
    "lock": 10,
    "pause": 15,
}
FROM_OUTSIDE = {
    "none": 30,
    "kill stage": 120,
    "stop stage": 30,
    "kill stage while it starts": 60,
    "stop stage while it starts": 20,
    "kill manager": 40,
    "kill manager while it starts": 20,
    "stop manager": 20,
    "damage the stream": 50,
    "interrupt the client": 20,
    "too late": 20,
}


class Interrupted(Exception):
    """Stands for Ctrl-C in the client."""


@dataclass(frozen=True)
class Plan:
    """One run."""

    sizes: tuple[int, ...]
    window: int
    jobs: tuple[int, ...]
    delays: tuple[float, ...]
    kind: str
    position: int
    job: int
    sequence: int
    seconds: float
    state: str


def make_plan(chance: random.Random) -> Plan:
    stages = chance.randrange(2, BOARDS + 1)
    kinds = {**IN_STAGE, **FROM_OUTSIDE}
    kind = chance.choices(list(kinds), list(kinds.values()))[0]
    jobs = [chance.choice((0, 1, 2, 20, 60, 200)) for _ in range(chance.randrange(1, 4))]
    job = chance.randrange(len(jobs))
    if kind in IN_STAGE:
        jobs[job] = max(1, jobs[job])
    delays = tuple(chance.choice((0, 0, 0, 0.0005, 0.003)) for _ in range(stages))
    if kind in ("interrupt the client", "too late"):
        jobs, delays, job = [200], (0.003, *delays[1:]), 0
    return Plan(
        sizes=tuple(chance.choice((8, 24, 64, 576, 3072, 14400)) for _ in range(stages + 1)),
        window=chance.choice((1, 1, 2, 3, 8, 64)),
        jobs=tuple(jobs),
        delays=delays,
        kind=kind,
        position=chance.randrange(stages),
        job=job + 1,
        sequence=chance.randrange(max(1, jobs[job])),
        seconds=chance.random() ** 2 * 0.5,
        state=chance.choice(("spawned", "ready", "linked", "running")),
    )


class Run:
    """One plan, carried out and checked."""

    def __init__(self, rig: FaultRig, plan: Plan) -> None:
        self.rig, self.plan = rig, plan
        self.struck_at: float | None = None
        self.outcomes: Counter[str] = Counter()
        self._threads: list[threading.Thread] = []

    def strike(self, pipeline: Pipeline) -> None:
        """The fault from outside, now."""
        plan, rig = self.plan, self.rig
        number = signal.SIGSTOP if plan.kind.startswith("stop") else signal.SIGKILL
        try:
            if "manager" in plan.kind:
                rig.manager(plan.position).send_signal(number)
            elif "stage" in plan.kind:
                rig.stages(plan.position)[-1].send_signal(number)
            elif plan.kind == "damage the stream":
                wire = pipeline._wire
                assert wire is not None
                # Somebody writes into the connection to the first stage.
                os.write(wire._first.fileno(), b"noise" * 20)
        except (psutil.Error, IndexError, OSError):
            return  # it is over already
        self.struck_at = time.monotonic()

    def later(self, pipeline: Pipeline) -> None:
        def work() -> None:
            time.sleep(self.plan.seconds)
            self.strike(pipeline)

        self._threads.append(threading.Thread(target=work))
        self._threads[-1].start()

    def go(self) -> None:
        """Raises AssertionError for a broken invariant."""
        plan, rig = self.plan, self.rig
        in_stage = plan.kind in IN_STAGE
        settings = {
            position: StageSettings(
                delay,
                fault(plan.kind, plan.job, plan.sequence)
                if in_stage and position == plan.position
                else fault(),
            )
            for position, delay in enumerate(plan.delays)
        }

        def on_state(position: int, state: str) -> None:
            starts = plan.kind.endswith("while it starts") and self.struck_at is None
            if starts and (position, state) == (plan.position, plan.state):
                self.strike(pipeline)

        pipeline = rig.pipeline(
            plan.sizes,
            settings=settings,
            options=replace(OPTIONS, window=plan.window),
            on_state=on_state,
        )
        failure: PipelineFailed | None = None
        try:
            pipeline.start()
            if plan.kind in FROM_OUTSIDE and not plan.kind.endswith("while it starts"):
                self.later(pipeline)
            self._run_jobs(pipeline)
        except PipelineFailed as error:
            failure = error
        except Interrupted:
            self.outcomes["interrupted"] += 1
        finally:
            for thread in self._threads:
                thread.join()
            pipeline.close()
        if failure is not None:
            assert self.struck_at is not None, failure
            self._check_failure(failure.stage, failure.reason)
            self.outcomes["did not start"] += 1
        rig.check_computed(rig.epoch, BOARDS)
        rig.check_boards_are_free()

    def _run_jobs(self, pipeline: Pipeline) -> None:
        plan = self.plan
        for job, count in enumerate(plan.jobs, 1):
            given = chunks(job, count, plan.sizes[0])
            began = time.monotonic()
            self.outcomes["begun"] += 1
            outcome = pipeline.run(
                given,
                on_progress=self._interrupt if plan.kind == "interrupt the client" else None,
                deadline_seconds=0.2 if plan.kind == "too late" else None,
            )
            since = max(began, self.struck_at or began)
            # A job of 200 chunks with all delays takes no more than 5 s.
            assert time.monotonic() - since < DEADLINE_SECONDS + 5.0
            if plan.kind == "poison" and job == plan.job:
                assert isinstance(outcome, JobFailed), outcome
                assert outcome.pipeline_is_up
                assert outcome.stage == plan.position
                self.outcomes["failed"] += 1
                continue
            if isinstance(outcome, JobDone):
                assert plan.kind not in IN_STAGE or job != plan.job, "the fault had no effect"
                assert plan.kind != "too late"
                check_done(outcome, given, plan.sizes)
                self.outcomes["done"] += 1
                continue
            self.outcomes["failed"] += 1
            assert (outcome.job, outcome.epoch) == (job, self.rig.epoch)
            assert not outcome.pipeline_is_up
            assert plan.kind not in IN_STAGE or job == plan.job, outcome
            if plan.kind == "too late":
                assert outcome.reason == "not done within its 0.2 s"
                return
            assert plan.kind in IN_STAGE or self.struck_at is not None, outcome
            self._check_failure(outcome.stage, outcome.reason)
            return

    def _interrupt(self, received: int) -> None:
        raise Interrupted

    def _check_failure(self, stage: int | None, reason: str) -> None:
        """It names the stage that the fault was done to, and what was done."""
        plan = self.plan
        assert reason
        wanted = 0 if plan.kind == "damage the stream" else plan.position
        assert stage == wanted, (stage, reason)
        if "manager" in plan.kind:
            assert reason == f"board b{plan.position} is silent", reason
        elif plan.kind.startswith("kill"):
            assert "killed by SIGKILL" in reason, reason
        elif plan.kind.startswith("stop"):
            assert "no sign of its compute thread" in reason, reason


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultRig]:
    before = ClientResources()
    with FaultRig(BOARDS, tmp_path_factory.mktemp("faults")) as rig:
        yield rig
    before.check()


@pytest.mark.parametrize("count", [6, pytest.param(RUNS, marks=pytest.mark.slow)])
def test_random_faults(rig: FaultRig, count: int) -> None:
    seed = int(os.environ.get("DSE_FAULT_SEED", random.SystemRandom().randrange(2**32)))
    count = int(os.environ.get("DSE_FAULT_RUNS", count))
    print(f"DSE_FAULT_SEED={seed}")
    only = os.environ.get("DSE_FAULT_RUN")
    runs = [int(only)] if only else range(count)
    kinds: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    took: dict[str, float] = {}
    replaced = 0
    before = ClientResources()
    for number in runs:
        plan = make_plan(random.Random(f"{seed}-{number}"))
        run = Run(rig, plan)
        began = time.monotonic()
        try:
            run.go()
        except BaseException as error:
            raise AssertionError(f"DSE_FAULT_SEED={seed} DSE_FAULT_RUN={number}: {plan}") from error
        took[plan.kind] = max(took.get(plan.kind, 0), time.monotonic() - began)
        kinds[plan.kind] += 1
        outcomes += run.outcomes
        replaced += rig.repair()
    before.check()
    # I1: each job that was begun has ended, in one way.
    lost = outcomes["begun"] - outcomes["done"] - outcomes["failed"] - outcomes["interrupted"]
    told = {
        "seed": seed,
        "runs": len(runs),
        "jobs": dict(outcomes),
        "boards_replaced": replaced,
        "jobs_lost": lost,
        "runs_by_fault": dict(kinds.most_common()),
        "longest_seconds_by_fault": {kind: round(seconds, 2) for kind, seconds in took.items()},
    }
    print(json.dumps(told, indent=1))
    assert lost == 0
    if count >= RUNS and not only:
        folder = PROJECT / "build"
        folder.mkdir(exist_ok=True)
        (folder / "faults.json").write_text(json.dumps(told, indent=1) + "\n")


@pytest.mark.slow
def test_after_a_hundred_jobs_with_random_kills_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I9: of boards that are stopped in the end: no process, file, port, descriptor or thread."""
    seed = int(os.environ.get("DSE_FAULT_SEED", random.SystemRandom().randrange(2**32)))
    print(f"DSE_FAULT_SEED={seed}")
    chance = random.Random(seed)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    before = ClientResources()
    shared_memory = set(Path("/dev/shm").iterdir())
    ports = listening_ports()
    done = failed = 0
    folders: set[Path] = set()
    sizes = (64, 48, 24)
    with FaultRig(2, tmp_path) as rig:
        while done + failed < 100:
            rig.repair()
            folders |= {board.folder for board in rig.boards if board.folder is not None}
            try:
                with rig.pipeline(sizes) as pipeline:
                    while done + failed < 100 and pipeline.is_up:
                        victims = [*rig.stages(0), *rig.stages(1)]
                        if chance.random() < 0.2:
                            victims = [rig.manager(0), rig.manager(1)]
                        strikes = bool(victims) and chance.random() < 0.5
                        targets = [chance.choice(victims)] if strikes else []
                        timer = threading.Timer(chance.random() * 0.02, end, targets)
                        timer.start()
                        given = chunks(done + failed + 1, 300, 64)
                        outcome = pipeline.run(given)
                        timer.join()
                        if isinstance(outcome, JobFailed):
                            failed += 1
                        else:
                            check_done(outcome, given, sizes)
                            done += 1
            except PipelineFailed:
                continue  # killed at the very end of the job before
    print(f"{done} jobs done, {failed} failed, {len(folders)} boards")
    assert done > 10
    assert failed > 10
    before.check()
    assert list(temporary.iterdir()) == []
    assert not any(board_processes(folder) for folder in folders)
    assert set(Path("/dev/shm").iterdir()) <= shared_memory
    assert listening_ports() <= ports


def end(*victims: psutil.Process) -> None:
    """SIGKILL, unless they have ended already."""
    for victim in victims:
        with suppress(psutil.Error):
            victim.kill()


def listening_ports() -> set[int]:
    """Of this process and all that it started."""
    found = set()
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        with suppress(psutil.Error):
            for connection in process.net_connections("tcp"):
                if connection.status == "LISTEN":
                    found.add(connection.laddr.port)
    return found
