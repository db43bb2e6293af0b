"""Whatever goes wrong in a build through FINN is named, and the build goes on where it was."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from finn_flows.cache_directory import CACHE_VARIABLE
from finn_flows.tool_process import Limits
from finn_flows.vendor.failure import FailureKind
from tests.dse.test_full_disk import small_disk
from tests.fakes.vendor_tools import install
from tests.finn_flows.vivado.fault_rig import LIMITS, FaultRig, Outcome

pytestmark = pytest.mark.slow

STEPS = {
    "vitis_hls": ("start", "csynth", "export"),
    "vivado": (
        "start",
        "block_design",
        "package",
        "synthesis",
        "placement",
        "routing",
        "bitstream",
        "report",
    ),
}
KINDS: dict[str, tuple[FailureKind, dict[str, Any]]] = {
    "licence": (FailureKind.LICENCE, {}),
    "licence_busy": (FailureKind.LICENCE, {"calls": 9}),
    "error": (FailureKind.REFUSED, {}),
    "memory_message": (FailureKind.OUT_OF_MEMORY, {}),
    "abnormal": (FailureKind.CRASH, {"calls": 9}),
    "signal": (FailureKind.CRASH, {"calls": 9}),
    "segfault": (FailureKind.CRASH, {"calls": 9}),
    "hang": (FailureKind.OUT_OF_TIME, {}),
    "memory": (FailureKind.OUT_OF_MEMORY, {"bytes": 400 * 2**20}),
    "disk_message": (FailureKind.DISK_FULL, {}),
}
#: A fake takes a tenth of a second and 30 MiB.
TIGHT = Limits(seconds=2.0, memory_bytes=250 * 2**20)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultRig]:
    root = tmp_path_factory.mktemp("vivado-faults")
    tools = install(root / "vendor")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(root / "cache"))
        for name, value in tools.variables.items():
            patch.setenv(name, value)
        found = FaultRig(root, tools)
        # In this process, so that forks of it have FINN already.
        found.backend().build(found.part, root)
        yield found


@pytest.fixture(scope="module")
def well(rig: FaultRig) -> Outcome:
    """What comes of the part when nothing goes wrong."""
    rig.empty_cache()
    rig.tools.forget()
    outcome = rig.run()
    assert outcome.state == "built", outcome.text
    assert outcome.misses == []
    return outcome


@pytest.fixture(autouse=True)
def clean(rig: FaultRig, well: Outcome) -> None:
    rig.empty_cache()
    rig.tools.forget()


#: These take their time; what is limited is the tool, at whichever step.
SLOW_KINDS = {"hang": ("csynth", "package", "routing"), "memory": ("export", "synthesis")}
EVERY = [
    (tool, step, kind)
    for tool, steps in STEPS.items()
    for step in steps
    for kind in KINDS
    if step in SLOW_KINDS.get(kind, (step,))
]


@pytest.mark.parametrize(("tool", "step", "kind"), EVERY)
def test_every_failure_at_every_step(
    rig: FaultRig, well: Outcome, tool: str, step: str, kind: str
) -> None:
    expected, more = KINDS[kind]
    rig.tools.break_at({"tool": tool, "step": step, "kind": kind, **more})
    outcome = rig.run(TIGHT if kind in SLOW_KINDS else LIMITS)
    assert (outcome.state, outcome.kind) == ("failed", expected.value), outcome.text
    assert rig.check_that_it_goes_on() == well


@pytest.mark.parametrize(
    ("tool", "step", "kind"),
    [
        ("vivado", "report", "truncated_report"),
        ("vivado", "report", "other_design"),
        ("vivado", "report", "other_device"),
        ("vivado", "report", "missing_report"),
        ("vivado", "bitstream", "missing_output"),
        ("vivado", "package", "missing_output"),
        ("vitis_hls", "export", "missing_output"),
        ("vitis_hls", "csynth", "error_and_exit_0"),
        ("vivado", "block_design", "error_and_exit_0"),
    ],
)
def test_a_result_that_cannot_be_trusted_is_none(
    rig: FaultRig, well: Outcome, tool: str, step: str, kind: str
) -> None:
    rig.tools.break_at({"tool": tool, "step": step, "kind": kind})
    outcome = rig.run()
    said = {FailureKind.DAMAGED_RESULT.value, FailureKind.REFUSED.value}
    assert outcome.state == "failed"
    assert outcome.kind in (said if step != "report" else {FailureKind.DAMAGED_RESULT.value})
    assert rig.check_that_it_goes_on() == well


@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_each_of_the_reports_is_checked(rig: FaultRig, well: Outcome, call: int) -> None:
    for kind in ("truncated_report", "other_design", "other_device"):
        rig.empty_cache()
        rig.tools.break_at({"tool": "vivado", "step": "report", "kind": kind, "call": call})
        outcome = rig.run()
        assert (outcome.state, outcome.kind) == ("failed", FailureKind.DAMAGED_RESULT.value)
        assert rig.check_that_it_goes_on() == well


def test_what_one_more_try_mends_is_no_failure(rig: FaultRig, well: Outcome) -> None:
    rig.tools.break_at(
        {"tool": "vitis_hls", "step": "csynth", "kind": "port"},
        {"tool": "vitis_hls", "step": "export", "kind": "segfault"},
        {"tool": "vivado", "step": "block_design", "kind": "abnormal"},
        {"tool": "vivado", "step": "routing", "kind": "signal"},
        {"tool": "vivado", "step": "report", "kind": "licence_busy", "calls": 2},
    )
    assert rig.run() == well


def test_what_does_not_fit_or_is_late_is_a_result(rig: FaultRig, well: Outcome) -> None:
    short = {"resource": "RAMB18 and RAMB36/FIFO", "needed": 408, "available": 280}
    rig.tools.break_at({"tool": "vivado", "step": "placement", "kind": "no_fit", **short})
    outcome = rig.run()
    assert (outcome.state, outcome.misses) == ("built", ["BRAM: 204 of 140"])
    assert outcome.result["source"] == "vivado-synth"
    assert rig.check_that_it_goes_on() == outcome
    assert not rig.tools.events("start")
    rig.empty_cache()
    rig.tools.break_at({"tool": "vivado", "step": "routing", "kind": "timing", "wns": -0.312})
    outcome = rig.run()
    assert outcome.misses == ["timing: WNS -0.312 ns at 100 MHz"]
    assert outcome.result["files"] == well.result["files"]
    rig.empty_cache()
    slices = {"resource": "slices", "needed": 14001, "available": 13300, "slices": True}
    rig.tools.break_at({"tool": "vivado", "step": "placement", "kind": "no_fit", **slices})
    assert rig.run().misses == ["slices: 14,001 of 13,300"]


@pytest.mark.parametrize("own_session", [False, True])
def test_what_a_tool_leaves_at_work_is_ended(
    rig: FaultRig, well: Outcome, own_session: bool
) -> None:
    rig.tools.break_at(
        {"step": "block_design", "kind": "child", "own_session": own_session, "calls": 9},
        {"step": "csynth", "kind": "child", "own_session": own_session, "calls": 9},
    )
    assert rig.run() == well


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_driver_that_is_killed(rig: FaultRig, well: Outcome, share: float) -> None:
    started = time.monotonic()
    assert rig.run() == well
    whole = time.monotonic() - started
    rig.empty_cache()
    driver = rig.start()
    time.sleep(share * whole)
    driver.kill()
    assert driver.outcome().state == "killed"
    rig.tools.assert_no_process_is_left()
    assert rig.check_that_it_goes_on() == well


def test_a_driver_killed_with_a_tool_that_has_a_session_of_its_own(
    rig: FaultRig, well: Outcome
) -> None:
    rig.tools.break_at(
        {"step": "package", "kind": "child", "own_session": True},
        {"step": "package", "kind": "hang"},
    )
    driver = rig.start()
    _wait_for(rig, "hang")
    driver.kill()
    driver.outcome()
    # What is in a session of its own is ended when the build goes on.
    assert rig.check_that_it_goes_on() == well
    rig.tools.assert_no_process_is_left()


def test_a_tool_that_somebody_kills_is_tried_again(rig: FaultRig, well: Outcome) -> None:
    rig.tools.break_at({"step": "routing", "kind": "hang"})
    driver = rig.start()
    _wait_for(rig, "hang")
    for pid in rig.tools.processes():
        os.kill(pid, signal.SIGKILL)
    assert driver.outcome() == well


def test_two_drivers_build_it_once(rig: FaultRig, well: Outcome) -> None:
    drivers = [rig.start(number) for number in range(3)]
    assert [driver.outcome() for driver in drivers] == [well] * 3
    assert max(times for (_, step, _), times in rig.tools.steps().items() if step == "csynth") == 1
    assert rig.tools.steps()["vivado", "synthesis", "top"] == 1


def test_a_driver_takes_over_from_one_that_is_killed(rig: FaultRig, well: Outcome) -> None:
    rig.tools.break_at({"step": "synthesis", "kind": "hang"})
    drivers = [rig.start(number) for number in range(2)]
    _wait_for(rig, "hang")
    kept = rig.finished()
    assert kept
    # Either may have come first: the one whose tool hangs is the one that holds the lock.
    first = next(driver for driver in drivers if _has_children(driver.pid))
    first.kill()
    (other,) = (driver for driver in drivers if driver is not first)
    assert first.outcome().state == "killed"
    assert other.outcome() == well
    steps = rig.tools.steps()
    assert all(steps[step] == 1 for step in kept)


@pytest.mark.parametrize("kilobytes", [64, 300, 500, 700, 900])
def test_a_full_disk_is_named_and_with_room_the_build_goes_on(
    rig: FaultRig, well: Outcome, kilobytes: int
) -> None:
    rig.cache.rmdir()
    with small_disk(rig.cache, f"{kilobytes}k"):
        outcome = rig.run()
        assert outcome.state == "failed", outcome
        assert "No space left on device" in outcome.text or outcome.kind == "disk full", outcome
        remount = ["mount", "-o", "remount,size=100m", str(rig.cache)]
        subprocess.run(remount, check=True)
        assert rig.check_that_it_goes_on() == well
    rig.cache.mkdir(exist_ok=True)


def _wait_for(rig: FaultRig, kind: str) -> None:
    end = time.monotonic() + 60
    while not any(event["kind"] == kind for event in rig.tools.events("fault")):
        assert time.monotonic() < end
        time.sleep(0.01)


def _has_children(pid: int) -> bool:
    return bool(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
