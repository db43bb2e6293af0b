"""A sweep that is killed, interrupted or doubled: nothing half-written, no orphan, it goes on."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import time
from pathlib import Path

import psutil
import pytest

from dse.cli import EXIT_INTERRUPTED, EXIT_USER_ERROR
from dse.store import CONTENTS, RECORD
from dse.sweep_file import read_sweep_file
from reports.record_file import load_record
from tests.dse.sandbox import SLUGS, Sandbox

RESULTS = "?" * 64
LEFTOVERS = (".building-*", "*/.building-*", "*.tmp", "*/*.tmp")


def assert_results_are_whole(out: Path) -> set[str]:
    """Every result folder holds what its list of contents says; the part of each is returned."""
    slugs = set()
    for folder in (out / "store").glob(RESULTS):
        contents = json.loads((folder / CONTENTS).read_text())
        files = {path.name for path in folder.iterdir()}
        assert files == {*contents, CONTENTS} == {RECORD, CONTENTS, "artefact.bin", "build.log"}
        for name, stored in contents.items():
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == stored["sha256"]
        record = load_record((folder / RECORD).read_text(), folder)
        after = "-after" if record.pool == "after" else ""
        slugs.add("whole" if record.split is None else f"{record.split}{after}-{record.part.value}")
    return slugs


def kill_at_random_moments(sandbox: Sandbox, kills: int, seed: int) -> None:
    moments = random.Random(seed)
    done: set[str] = set()
    for _ in range(kills):
        builds_before = sandbox.builds()
        process = sandbox.start(*sandbox.sweep_arguments("--workers", "2"), seconds=0.2)
        # Half of the kills at any moment, half in the thick of it.
        if moments.random() < 0.5 and len(done) < len(SLUGS):
            sandbox.wait_for_builds(sum(builds_before.values()) + 1)
            time.sleep(moments.uniform(0, 0.4))
        else:
            time.sleep(moments.uniform(0, 1.5))
        sandbox.kill(process)
        sandbox.assert_no_process_is_left()
        # Nothing that was there before is gone or was built again.
        now = assert_results_are_whole(sandbox.out)
        assert done <= now
        for slug in done:
            assert sandbox.builds()[slug] == builds_before[slug]
        done = now
        if (sandbox.out / "sweep.json").exists():
            assert len(read_sweep_file(sandbox.out)) == len(SLUGS) + 1

    builds_before = sandbox.builds()
    finished = sandbox.sweep()
    assert finished.returncode == 0, finished.stderr
    assert assert_results_are_whole(sandbox.out) == set(SLUGS)
    built = sandbox.builds() - builds_before
    assert set(built) == set(SLUGS) - done
    for pattern in LEFTOVERS:
        assert not list(sandbox.out.glob(pattern))
    sandbox.assert_no_process_is_left()


@pytest.mark.slow
def test_killed_at_random_moments(
    sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> None:
    kill_at_random_moments(sandbox, kills=10, seed=0)
    undisturbed = Sandbox(tmp_path_factory.mktemp("undisturbed"))
    assert undisturbed.sweep().returncode == 0
    names = ("sweep.json", "table1.csv", "table1.json", "fig4a.svg", "fig4b.png")
    for name in names:
        assert (sandbox.out / name).read_bytes() == (undisturbed.out / name).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 9))
def test_killed_at_many_random_moments(sandbox: Sandbox, seed: int) -> None:
    kill_at_random_moments(sandbox, kills=15, seed=seed)


def test_a_tool_that_a_worker_started_ends_with_the_driver(sandbox: Sandbox) -> None:
    sandbox.order("whole", "hang")
    process = sandbox.start(*sandbox.sweep_arguments())
    sandbox.wait_for_builds(len(SLUGS))
    assert "sleep" in {process.name() for process in sandbox.processes()}
    sandbox.kill(process)
    sandbox.assert_no_process_is_left()


@pytest.mark.parametrize("whole_group", [True, False], ids=["terminal", "kill -INT"])
def test_ctrl_c_stops_at_once_and_keeps_what_is_finished(
    sandbox: Sandbox, whole_group: bool
) -> None:
    sandbox.order("1-second", "hang")
    process = sandbox.start(*sandbox.sweep_arguments("--workers", "2"))
    sandbox.wait_for_builds(len(SLUGS))
    time.sleep(0.3)
    begun = time.monotonic()
    if whole_group:
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=10)
    assert time.monotonic() - begun < 2
    assert process.returncode == EXIT_INTERRUPTED
    assert output == ""
    assert errors.splitlines()[-1] == "dse: interrupted"
    assert "Traceback" not in errors
    assert not sandbox.processes()
    assert assert_results_are_whole(sandbox.out) == set(SLUGS) - {"1-second"}
    assert not list((sandbox.out / "store").glob(".building*"))
    sandbox.order("1-second", "")
    assert sandbox.sweep().returncode == 0
    assert sum(sandbox.builds().values()) == len(SLUGS) + 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("whole_group", [True, False], ids=["group", "driver"])
def test_being_asked_to_end_is_like_ctrl_c(
    sandbox: Sandbox, number: signal.Signals, whole_group: bool
) -> None:
    sandbox.order("1-second", "hang")
    process = sandbox.start(*sandbox.sweep_arguments("--workers", "2"))
    sandbox.wait_for_builds(len(SLUGS))
    time.sleep(0.3)
    (os.killpg if whole_group else os.kill)(process.pid, number)
    output, errors = process.communicate(timeout=10)
    assert process.returncode == 128 + number
    assert output == ""
    assert errors.splitlines()[-1] == f"dse: ended by {number.name}"
    assert "Traceback" not in errors
    sandbox.assert_no_process_is_left()
    assert assert_results_are_whole(sandbox.out) == set(SLUGS) - {"1-second"}
    for pattern in LEFTOVERS:
        assert not list(sandbox.out.glob(pattern))
    sandbox.order("1-second", "")
    assert sandbox.sweep().returncode == 0
    assert sum(sandbox.builds().values()) == len(SLUGS) + 1


def test_being_asked_to_end_while_workers_start(sandbox: Sandbox) -> None:
    for pause in (0.0, 0.05, 0.2):
        process = sandbox.start(*sandbox.sweep_arguments(), seconds=10)
        deadline = time.monotonic() + 30
        while len(psutil.Process(process.pid).children()) < 2:
            assert time.monotonic() < deadline
        time.sleep(pause)
        os.killpg(process.pid, signal.SIGTERM)
        _, errors = process.communicate(timeout=10)
        assert process.returncode == 128 + signal.SIGTERM
        assert errors.splitlines()[-1] == "dse: ended by SIGTERM"
        assert "Traceback" not in errors
        sandbox.assert_no_process_is_left()


def test_a_hangup_that_is_ignored_stays_so(sandbox: Sandbox) -> None:
    """As with nohup."""
    process = sandbox.start(*sandbox.sweep_arguments(), seconds=0.2, ignoring=signal.SIGHUP)
    sandbox.wait_for_builds(1)
    os.kill(process.pid, signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_ctrl_c_while_workers_start(sandbox: Sandbox) -> None:
    process = sandbox.start(*sandbox.sweep_arguments(), seconds=10)
    deadline = time.monotonic() + 30
    # The first child is the resource tracker of multiprocessing.
    while len(psutil.Process(process.pid).children()) < 2:
        assert time.monotonic() < deadline
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == EXIT_INTERRUPTED
    assert errors.splitlines()[-1] == "dse: interrupted"
    assert "Traceback" not in errors
    sandbox.assert_no_process_is_left()


def test_temporary_files_of_a_killed_sweep_are_removed(sandbox: Sandbox) -> None:
    sandbox.out.mkdir()
    ours = [
        sandbox.out / f".{name}.ab3d_f7h.tmp" for name in ("sweep.json", "table1.md", "fig4a.png")
    ]
    theirs = sandbox.out / ".notes.ab3d_f7h.tmp"
    for path in (*ours, theirs):
        path.write_text("")
    assert sandbox.sweep().returncode == 0
    assert not any(path.exists() for path in ours)
    assert theirs.exists()


def test_a_killed_worker_costs_its_point(sandbox: Sandbox) -> None:
    sandbox.order("0-second", "hang")
    process = sandbox.start(*sandbox.sweep_arguments("--workers", "2"))
    sandbox.wait_for_builds(len(SLUGS))
    builds = (sandbox.orders / "builds").read_text().splitlines()
    (worker,) = [int(line.split()[1]) for line in builds if line.startswith("0-second ")]
    os.kill(worker, signal.SIGKILL)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.splitlines()[-1] == "dse: 1 of 9 points failed: split 0, second part"
    assert "was killed by SIGKILL" in errors
    assert "whole" in output
    failed = [record for record in read_sweep_file(sandbox.out) if record.error is not None]
    assert [(record.split, record.part.value) for record in failed] == [(0, "second")]
    assert (sandbox.out / "table1.csv").is_file()
    # What the worker had started (sleep) is gone too.
    sandbox.assert_no_process_is_left()
    sandbox.order("0-second", "")
    again = sandbox.sweep()
    assert again.returncode == 0
    assert sum(sandbox.builds().values()) == len(SLUGS) + 1


def test_a_second_sweep_is_refused_at_once(sandbox: Sandbox) -> None:
    sandbox.order("whole", "hang")
    first = sandbox.start(*sandbox.sweep_arguments())
    sandbox.wait_for_builds(1)
    begun = time.monotonic()
    second = sandbox.sweep()
    assert time.monotonic() - begun < 3
    assert second.returncode == EXIT_USER_ERROR
    assert second.stdout == ""
    (line,) = second.stderr.splitlines()
    assert line.startswith("dse: error: ")
    assert line.endswith(f"the store is in use by another sweep (process {first.pid})")
    sandbox.kill(first)
    sandbox.order("whole", "")
    assert sandbox.sweep().returncode == 0
