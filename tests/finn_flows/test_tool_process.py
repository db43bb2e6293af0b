"""A tool's end is told for what it was, whatever it was, and nothing of it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from finn_flows.tool_process import Limits, Outcome, ToolRun, run_tool
from tests.finn_flows.process_watch import (
    assert_none_is_left,
    processes_below,
    signal_sent,
    wait_for,
)

MIB = 2**20
PROJECT = Path(__file__).resolve().parents[2]


def shell(script: str, directory: Path, limits: Limits | None = None) -> ToolRun:
    return run_tool(["sh", "-c", script], directory=directory, limits=limits or Limits())


def python(program: str, directory: Path, limits: Limits) -> ToolRun:
    return run_tool([sys.executable, "-S", "-c", program], directory=directory, limits=limits)


def test_a_tool_that_ends_gives_its_exit_code_and_output(tmp_path: Path) -> None:
    run = shell("pwd; echo oops >&2; sleep 0.3; exit 3", tmp_path)
    assert (run.outcome, run.exit_code) == (Outcome.ENDED, 3)
    assert run.output == f"{tmp_path}\noops\n"
    assert 0.3 <= run.seconds < 5
    assert run.peak_memory_bytes is not None
    assert 0 < run.peak_memory_bytes < 20 * MIB
    assert_none_is_left(tmp_path)


def test_output_goes_to_a_log(tmp_path: Path) -> None:
    log = tmp_path / "tool.log"
    command = ["sh", "-c", "echo $WORD; echo oops >&2; cat"]  # which would wait for input
    run = run_tool(
        command, directory=tmp_path, limits=Limits(), log=log, environment={"WORD": "said"}
    )
    assert run.output is None
    assert log.read_text() == "said\noops\n"


def test_the_log_of_a_tool_that_was_stopped_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "tool.log"
    command = ["sh", "-c", "echo begun; sleep 100"]
    run = run_tool(command, directory=tmp_path, limits=Limits(seconds=0.3), log=log)
    assert run.outcome is Outcome.OUT_OF_TIME
    assert log.read_text() == "begun\n"


@pytest.mark.parametrize("script", ["sleep 100", "sleep 100 & sleep 100", "trap '' TERM; sleep 99"])
def test_a_tool_that_takes_too_long_is_ended_with_all_it_started(
    tmp_path: Path, script: str
) -> None:
    run = shell(script, tmp_path, Limits(seconds=0.3))
    assert (run.outcome, run.exit_code) == (Outcome.OUT_OF_TIME, -signal.SIGKILL)
    assert 0.3 <= run.seconds < 5
    assert_none_is_left(tmp_path)


def test_a_tool_that_leaves_its_group_is_ended_in_time(tmp_path: Path) -> None:
    run = python("import os, time; os.setsid(); time.sleep(100)", tmp_path, Limits(seconds=1))
    assert run.outcome is Outcome.OUT_OF_TIME
    assert_none_is_left(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_tool_that_is_killed_names_the_signal(tmp_path: Path, number: signal.Signals) -> None:
    with signal_sent(number, "sleep", tmp_path):
        run = run_tool(["sleep", "100"], directory=tmp_path, limits=Limits())
    assert (run.outcome, run.exit_code) == (Outcome.KILLED, -number)
    assert_none_is_left(tmp_path)
    assert not list(tmp_path.iterdir())  # no core file


def test_what_a_tool_leaves_running_is_ended(tmp_path: Path) -> None:
    run = shell("sleep 100 & (sleep 100 &) ; echo done", tmp_path)
    assert (run.outcome, run.output) == (Outcome.ENDED, "done\n")
    assert_none_is_left(tmp_path)


def test_a_tool_may_signal_its_group_without_ending_the_watch(tmp_path: Path) -> None:
    """Programs end their own helpers like that."""
    run = shell("trap : TERM; sleep 100 & kill -TERM 0; wait; exec sleep 100", tmp_path, Limits(1))
    assert run.outcome is Outcome.OUT_OF_TIME
    assert_none_is_left(tmp_path)


def test_a_tool_that_cannot_be_started(tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense"
    nonsense.write_bytes(b"\x7fELF nonsense")
    nonsense.chmod(0o755)
    for command, error in ([str(tmp_path / "none")], FileNotFoundError), ([str(nonsense)], OSError):
        with pytest.raises(error):
            run_tool(command, directory=tmp_path, limits=Limits())
    assert_none_is_left(tmp_path)
    assert not [child for child in psutil.Process().children() if "read -r" in child.cmdline()]


TAKE = "memory = bytearray({mib} << 20); print(len(memory) >> 20, flush=True)"
WAIT = "; import time; time.sleep({seconds})"


def test_a_tool_that_takes_too_much_memory_is_ended(tmp_path: Path) -> None:
    program = TAKE.format(mib=300) + WAIT.format(seconds=100)
    run = python(program, tmp_path, Limits(seconds=50, memory_bytes=200 * MIB))
    assert (run.outcome, run.exit_code) == (Outcome.OUT_OF_MEMORY, -signal.SIGKILL)
    assert run.peak_memory_bytes is not None
    assert 200 * MIB < run.peak_memory_bytes < 340 * MIB
    assert_none_is_left(tmp_path)


def test_memory_is_that_of_all_processes_together(tmp_path: Path) -> None:
    """Each takes less than it may; one of them is no child of the tool any more."""
    take = f'{sys.executable} -S -c "{TAKE.format(mib=150)}{WAIT.format(seconds=100)}"'
    run = shell(f"({take} &); {take}", tmp_path, Limits(seconds=50, memory_bytes=250 * MIB))
    assert run.outcome is Outcome.OUT_OF_MEMORY
    assert_none_is_left(tmp_path)


def test_address_space_is_not_memory(tmp_path: Path) -> None:
    program = "import mmap; room = mmap.mmap(-1, 8 << 30); print(len(room))" + WAIT.format(
        seconds=0.3
    )
    run = python(program, tmp_path, Limits(memory_bytes=100 * MIB))
    assert (run.outcome, run.output) == (Outcome.ENDED, f"{8 << 30}\n")


def test_memory_that_processes_share_counts_once(tmp_path: Path) -> None:
    program = (
        TAKE.format(mib=150) + "; import os; [os.fork() for _ in '12']" + WAIT.format(seconds=0.5)
    )
    run = python(program, tmp_path, Limits(memory_bytes=250 * MIB))
    assert run.outcome is Outcome.ENDED
    assert run.peak_memory_bytes is not None
    assert 150 * MIB < run.peak_memory_bytes < 200 * MIB


def test_memory_of_a_large_tool_that_starts_small_ones_is_not_counted_twice(tmp_path: Path) -> None:
    program = (
        TAKE.format(mib=150)
        + "; import subprocess as s; [s.run(['true'], check=True) for _ in range(300)]"
    )
    run = python(program, tmp_path, Limits(memory_bytes=250 * MIB))
    assert (run.outcome, run.exit_code) == (Outcome.ENDED, 0)
    assert run.peak_memory_bytes is not None
    assert 150 * MIB < run.peak_memory_bytes < 200 * MIB


_CALLER = """
import sys
from pathlib import Path
from finn_flows.tool_process import Limits, run_tool
run_tool(sys.argv[2:], directory=Path(sys.argv[1]), limits=Limits())
"""


def start_caller(directory: Path, *command: str) -> subprocess.Popen[bytes]:
    arguments = [sys.executable, "-c", _CALLER, str(directory), *command]
    return subprocess.Popen(arguments, cwd=PROJECT, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_a_caller_that_is_killed(tmp_path: Path, number: signal.Signals) -> None:
    """Neither children nor grandchildren, orphans, or those that are deaf to polite signals."""
    script = "(sleep 100 &) ; (trap '' TERM HUP INT; touch ready; sleep 100; sleep 100) & sleep 100"
    with start_caller(tmp_path, "sh", "-c", script) as caller:
        try:
            end = time.monotonic() + 20  # the watcher, three times sleep, and a shell
            while not (tmp_path / "ready").exists() or len(processes_below(tmp_path)) < 5:
                assert time.monotonic() < end, processes_below(tmp_path)
                time.sleep(0.02)
            caller.send_signal(number)
            caller.wait(timeout=10)
        finally:
            caller.kill()
    assert_none_is_left(tmp_path)


def test_a_caller_may_be_killed_at_any_moment(tmp_path: Path) -> None:
    """In the middle of starting a tool, too."""
    for pause in range(12):
        with start_caller(tmp_path, "sleep", "100") as caller:
            until = time.monotonic() + 20
            if pause:  # else: at once
                while not psutil.Process(caller.pid).children() and time.monotonic() < until:
                    pass
                time.sleep(pause * 0.0004)
            caller.kill()
        assert_none_is_left(tmp_path)


def test_the_tools_of_other_threads_go_on(tmp_path: Path) -> None:
    """The pipe of one group is not held by another's processes."""
    folders = [tmp_path / str(number) for number in range(8)]
    for folder in folders:
        folder.mkdir()
    runs: dict[Path, ToolRun] = {}

    def run(number: int, folder: Path) -> None:
        runs[folder] = shell("sleep 0.6; echo ended", folder, Limits(0.2 if number % 2 else 60))

    threads = [threading.Thread(target=run, args=each) for each in enumerate(folders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outcomes = [runs[folder].outcome for folder in folders]
    assert outcomes == [Outcome.ENDED, Outcome.OUT_OF_TIME] * 4
    assert_none_is_left(tmp_path)


def test_an_exception_ends_the_tool(tmp_path: Path) -> None:
    def interrupt() -> None:
        wait_for("sleep", tmp_path)
        os.kill(os.getpid(), signal.SIGINT)

    # Other tests' servers may be our children, too.
    before = psutil.Process().children()
    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run_tool(["sleep", "100"], directory=tmp_path, limits=Limits())
    thread.join()
    assert_none_is_left(tmp_path)
    assert not set(psutil.Process().children()) - set(before)
