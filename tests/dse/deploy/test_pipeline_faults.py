"""Every way in which a stage can fail, at every state: the job ends once, with the stage and the
reason, in time; nothing is computed twice; the boards are free for the next pipeline."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from dse.deploy.job_outcome import JobFailed
from dse.deploy.pipeline import Pipeline
from dse.deploy.pipeline_plan import PipelineFailed
from tests.dse.deploy.fault_rig import (
    DEADLINE_SECONDS,
    LIMITS,
    OPTIONS,
    ClientResources,
    FaultRig,
    StageSettings,
    check_done,
    chunks,
)
from tests.dse.deploy.faulty_stage import fault

SIZES = {1: (64, 24), 2: (64, 48, 24), 3: (64, 48, 32, 24)}


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultRig]:
    """Three boards that the tests of this file share."""
    before = ClientResources()
    with FaultRig(3, tmp_path_factory.mktemp("faults")) as rig:
        folders = [board.folder for board in rig.boards]
        yield rig
    before.check()
    assert not any(folder is not None and folder.exists() for folder in folders)


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


def fails_within(seconds: float, pipeline: Pipeline, job: int, count: int = 20) -> JobFailed:
    """The failure of a job, which reaches the caller in time, and then the pipeline is down."""
    began = time.monotonic()
    outcome = pipeline.run(chunks(job, count, pipeline.stages[0].input_bytes))
    took = time.monotonic() - began
    assert isinstance(outcome, JobFailed), outcome
    assert took < seconds, f"{outcome} after {took:.1f} s"
    assert not outcome.pipeline_is_up
    assert not pipeline.is_up
    with pytest.raises(PipelineFailed):
        pipeline.run(chunks(job, 1, pipeline.stages[0].input_bytes))
    return outcome


def works_again(rig: FaultRig, stages: int) -> None:
    """The same boards take the next pipeline, in a new epoch."""
    assert rig.repair() == 0
    with rig.pipeline(SIZES[stages]) as pipeline:
        given = chunks(1, 5, 64)
        check_done(pipeline.run(given), given, SIZES[stages])


@pytest.mark.parametrize("stages", [1, 2, 3])
def test_a_job_is_done_with_every_result_in_order(rig: FaultRig, stages: int) -> None:
    with rig.pipeline(SIZES[stages]) as pipeline:
        for job, count in enumerate((1, 20, 333, 0, 2), 1):
            given = chunks(job, count, 64)
            outcome = check_done(pipeline.run(given), given, SIZES[stages])
            assert (outcome.job, outcome.epoch) == (job, rig.epoch)
        assert len(rig.check_computed(rig.epoch, stages)) == 1 + 20 + 333 + 2


#: Kind of fault -> what the reason must say.
FATAL = {
    "raise": "ArithmeticError: a mistake in the stage",
    "exit": "SystemExit: 3",
    "exit_at_once": "exit code 3",
    "exit_in_peace": "ended of its own accord",
    "short": "image 7 became",
    "loop": "no sign of its compute thread for 1 s: computing (image 7)",
    "sleep": "no sign of its compute thread for 1 s: computing (image 7)",
    "lock": "no sign of its compute thread for 1 s: computing (image 7)",
    "kill": "killed by SIGKILL",
    "segfault": "killed by SIGSEGV",
    "pause": "no sign of its compute thread for 1 s: computing (image 7)",
    "leave_a_program": "exit code 3",
    "close_everything": "no sign of its compute thread for 1 s: computing (image 7)",
}
HANGS = ("loop", "pause")
QUICK = [("raise", 2, 0), ("exit_at_once", 3, 1), ("kill", 2, 1), ("loop", 2, 0), ("short", 1, 0)]
ALL = [
    (kind, stages, position) for kind in FATAL for stages in (2, 3) for position in range(stages)
]


@pytest.mark.parametrize(
    ("kind", "stages", "position"),
    [*QUICK, *(pytest.param(*one, marks=pytest.mark.slow) for one in ALL if one not in QUICK)],
)
def test_a_stage_that_fails_in_a_job_fails_it_and_says_why(
    rig: FaultRig, kind: str, stages: int, position: int
) -> None:
    settings = {position: StageSettings(fault=fault(kind, job=2, sequence=7))}
    with rig.pipeline(SIZES[stages], settings=settings) as pipeline:
        given = chunks(1, 20, 64)
        check_done(pipeline.run(given), given, SIZES[stages])
        outcome = fails_within(DEADLINE_SECONDS, pipeline, 2)
    assert outcome.stage == position, outcome
    assert FATAL[kind] in outcome.reason, outcome
    assert (outcome.job, outcome.epoch) == (2, rig.epoch)
    works_again(rig, stages)


@pytest.mark.parametrize("stages", [1, 2, 3])
def test_a_poisoned_image_costs_its_own_job_only(rig: FaultRig, stages: int) -> None:
    for position in range(stages):
        settings = {position: StageSettings(fault=fault("poison", job=2, sequence=3))}
        with rig.pipeline(SIZES[stages], settings=settings) as pipeline:
            for job, count in ((1, 20), (2, 500), (3, 20), (4, 1)):
                given = chunks(job, count, 64)
                outcome = pipeline.run(given)
                if job != 2:
                    check_done(outcome, given, SIZES[stages])
                    continue
                assert isinstance(outcome, JobFailed)
                assert outcome.pipeline_is_up
                assert outcome.stage == position
                assert outcome.reason == "image 3: a value that is out of range"
        computed = rig.check_computed(rig.epoch, stages)
        assert not [
            one for one in computed if one[0] == 2 and one[1] > 3 and computed[one] > position
        ]


@pytest.mark.parametrize(
    "kind",
    ["raise", "exit", "kill", *(pytest.param(one, marks=pytest.mark.slow) for one in HANGS)],
)
def test_a_stage_that_fails_while_it_loads_is_named(rig: FaultRig, kind: str) -> None:
    options = replace(OPTIONS, limits=LIMITS._replace(load=1.0))
    began = time.monotonic()
    settings = {1: StageSettings(fault=fault(kind))}
    pipeline = rig.pipeline(SIZES[2], settings=settings, options=options)
    with pytest.raises(PipelineFailed) as failure:
        pipeline.start()
    assert time.monotonic() - began < DEADLINE_SECONDS
    assert failure.value.stage == 1
    expected = "no sign of its compute thread for 1 s: loading"
    assert (expected if kind in HANGS else FATAL[kind]) in failure.value.reason
    assert not rig.check_computed(rig.epoch, 2)
    works_again(rig, 2)
