"""Random faults of the tools, and drivers and tools killed at random; every promise after each.

``SPLIT_DSE_FAULT_SEED`` repeats a series, ``SPLIT_DSE_FAULT_RUN`` one run of it,
``SPLIT_DSE_FAULT_RUNS`` sets how many there are.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from finn_flows.cache_directory import CACHE_VARIABLE
from finn_flows.tool_process import Limits
from finn_flows.vendor.failure import FailureKind
from tests.fakes.vendor_tools import install
from tests.finn_flows.vivado.fault_rig import LIMITS, FaultRig, Outcome

pytestmark = pytest.mark.slow

RUNS = 200
STEPS = {
    "vitis_hls": ("start", "csynth", "export"),
    "vivado": (
        *("start", "block_design", "package", "synthesis"),
        *("placement", "routing", "bitstream", "report"),
    ),
}
#: Kind of fault -> how often, and what a build may then be called.
KINDS: dict[str, tuple[int, set[FailureKind]]] = {
    "licence": (10, {FailureKind.LICENCE}),
    "licence_busy": (10, {FailureKind.LICENCE}),
    "error": (10, {FailureKind.REFUSED}),
    "error_and_exit_0": (5, {FailureKind.REFUSED}),
    "port": (5, {FailureKind.REFUSED}),
    "memory_message": (8, {FailureKind.OUT_OF_MEMORY}),
    "memory": (3, {FailureKind.OUT_OF_MEMORY}),
    "abnormal": (12, {FailureKind.CRASH}),
    "segfault": (12, {FailureKind.CRASH}),
    "signal": (12, {FailureKind.CRASH}),
    "hang": (2, {FailureKind.OUT_OF_TIME}),
    "disk_message": (6, {FailureKind.DISK_FULL}),
    "child": (6, set()),
    # At steps of their own.
    "truncated_report": (8, {FailureKind.DAMAGED_RESULT}),
    "other_design": (6, {FailureKind.DAMAGED_RESULT}),
    "other_device": (6, {FailureKind.DAMAGED_RESULT}),
    "missing_output": (6, {FailureKind.DAMAGED_RESULT, FailureKind.REFUSED}),
    "no_fit": (8, set()),
    "timing": (8, set()),
}
OWN_STEPS = {
    "truncated_report": [("vivado", "report")],
    "other_design": [("vivado", "report")],
    "other_device": [("vivado", "report")],
    "missing_output": [("vitis_hls", "export"), ("vivado", "package"), ("vivado", "bitstream")],
    "no_fit": [("vivado", "placement")],
    "timing": [("vivado", "routing")],
}
MORE: dict[str, dict[str, Any]] = {
    "memory": {"bytes": 400 * 2**20},
    "no_fit": {"resource": "Slice LUTs", "needed": 61233, "available": 53200},
    "timing": {"wns": -0.312},
}
TIGHT = Limits(seconds=3.0, memory_bytes=250 * 2**20)
DISTURBANCES = {"none": 55, "kill driver": 20, "kill tool": 15, "two drivers": 10}


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultRig]:
    root = tmp_path_factory.mktemp("random-faults")
    tools = install(root / "vendor")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(root / "cache"))
        for name, value in tools.variables.items():
            patch.setenv(name, value)
        found = FaultRig(root, tools)
        found.backend().build(found.part, root)
        yield found


def random_faults(random_: random.Random) -> list[dict[str, Any]]:
    kinds = random_.choices(
        list(KINDS), [often for often, _ in KINDS.values()], k=random_.choice((0, 1, 1, 1, 2, 3))
    )
    faults = []
    for kind in kinds:
        anywhere = [(tool, step) for tool, steps in STEPS.items() for step in steps]
        tool, step = random_.choice(OWN_STEPS.get(kind, anywhere))
        fault = {"tool": tool, "step": step, "kind": kind, **MORE.get(kind, {})}
        fault["call"] = random_.choice((1, 1, 2, 3))
        fault["calls"] = random_.choice((1, 1, 2, 9))
        fault["own_session"] = random_.random() < 0.5
        faults.append(fault)
    return faults


def kill_a_tool(rig: FaultRig, random_: random.Random, seconds: float) -> None:
    time.sleep(seconds)
    for _ in range(100):
        found = rig.tools.processes()
        if found:
            with suppress(ProcessLookupError):
                os.kill(random_.choice(found), random_.choice((signal.SIGKILL, signal.SIGSEGV)))
            return
        time.sleep(0.01)


def test_random_faults(rig: FaultRig) -> None:
    seed = int(os.environ.get("SPLIT_DSE_FAULT_SEED", 0)) or random.SystemRandom().getrandbits(32)
    only = os.environ.get("SPLIT_DSE_FAULT_RUN")
    runs = range(int(os.environ.get("SPLIT_DSE_FAULT_RUNS", RUNS)))
    rig.empty_cache()
    rig.tools.forget()
    well = rig.run()
    assert well.state == "built", well.text
    seen: dict[str, int] = {}
    for number in runs if only is None else [int(only)]:
        try:
            state = one_run(rig, well, random.Random(f"{seed}/{number}"))
        except BaseException:
            print(f"SPLIT_DSE_FAULT_SEED={seed} SPLIT_DSE_FAULT_RUN={number}")
            raise
        seen[state] = seen.get(state, 0) + 1
    print(f"seed {seed}: {dict(sorted(seen.items()))}")
    if len(runs) >= RUNS and only is None:
        # Otherwise the series would show little.
        assert {"built", "killed", "crash", "no licence", "error", "damaged result"} <= set(seen)


def one_run(rig: FaultRig, well: Outcome, random_: random.Random) -> str:
    """A build with faults, checked; then one without, which must go on. How the first ended."""
    rig.empty_cache()
    rig.tools.forget()
    faults = random_faults(random_)
    rig.tools.break_at(*faults)
    disturbance = random_.choices(list(DISTURBANCES), list(DISTURBANCES.values()))[0]
    after = random_.uniform(0.05, 0.9)
    tight = {"hang", "memory"} & {fault["kind"] for fault in faults}
    limits = TIGHT if tight else LIMITS
    print(disturbance, [(f["tool"], f["step"], f["kind"], f["call"], f["calls"]) for f in faults])

    drivers = [rig.start(number, limits) for number in range(1 + (disturbance == "two drivers"))]
    killer = None
    if disturbance == "kill driver":
        time.sleep(after)
        drivers[0].kill()
    elif disturbance == "kill tool":
        killer = threading.Thread(target=kill_a_tool, args=(rig, random_, after))
        killer.start()
    outcomes = [driver.outcome() for driver in drivers]
    if killer is not None:
        killer.join()

    struck = {event["kind"] for event in rig.tools.events("fault")}
    allowed = {kind.value for fault in struck for kind in KINDS[fault][1]}
    if disturbance == "kill tool":
        allowed.add(FailureKind.CRASH.value)
    for outcome in outcomes:
        assert outcome.state != "broken", outcome.text
        if outcome.state == "failed":
            assert outcome.kind in allowed, outcome
        elif outcome.state == "killed":
            assert disturbance == "kill driver"
        else:
            check_built(outcome, well, struck)
    assert outcomes[0].state != "failed" or outcomes[0].text.isprintable()
    if disturbance != "kill driver":  # what it left in a session of its own goes when it goes on
        rig.tools.assert_no_process_is_left()

    again = rig.check_that_it_goes_on()
    check_built(again, well, struck)
    built = [outcome for outcome in outcomes if outcome.state == "built"]
    if built:
        assert again == built[0]
        assert not rig.tools.events("start")
    first = outcomes[0]
    return first.kind if first.state == "failed" else first.state


def check_built(outcome: Outcome, well: Outcome, struck: set[str]) -> None:
    """As if nothing had happened, save for what is short or late."""
    lacking = [miss for miss in outcome.misses if miss.startswith("LUT")]
    late = [miss for miss in outcome.misses if miss.startswith("timing")]
    assert len(lacking) + len(late) == len(outcome.misses)
    assert not lacking or "no_fit" in struck
    assert not late or "timing" in struck
    if not lacking:
        assert outcome.result["counts"] == well.result["counts"]
        assert outcome.result["files"] == well.result["files"]
