"""A tool that fails is called by what it was; it is tried again only where that can help."""

from __future__ import annotations

import errno
import os
import pickle
import re
import stat
import sys
import time
from pathlib import Path

import pytest

from finn_flows.tool_process import Limits
from finn_flows.vendor.failure import Excess, FailureKind, ToolError
from finn_flows.vendor.tool_call import ToolCall, call_tool
from tests.finn_flows.process_watch import assert_none_is_left

_ROOM = Limits(seconds=30)
_NO_FIT = (
    "ERROR: [DRC UTLZ-1] Resource utilization: Slice LUTs over-utilized in Top Level Design (This "
    "design requires more Slice LUTs cells than are available in the target device. This design "
    "requires 61233 of such cell types but only 53200 compatible sites are available in the target "
    "device.)"
)
_BUSY = (
    "ERROR: [Common 17-345] A valid license was not found for feature 'Synthesis'. Licensed number "
    "of users already reached. FLEXnet Licensing error:-4,132"
)


class Tool:
    """A script of a test in place of vivado: it notes its calls, and what follows them."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bin, self.work = folder / "bin", folder / "work"
        self.bin.mkdir()
        self.work.mkdir()
        self.said: list[str] = []
        monkeypatch.setenv("PATH", os.pathsep.join([str(self.bin), os.environ["PATH"]]))
        monkeypatch.setenv("SPLIT_DSE_LICENCE_WAIT", "0.05")

    def is_(self, script: str) -> None:
        path = self.bin / "vivado"
        path.write_text(f"#!/bin/bash\necho call >> {self.bin}/calls\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    @property
    def calls(self) -> int:
        noted = self.bin / "calls"
        return len(noted.read_text().splitlines()) if noted.exists() else 0

    def call(self, limits: Limits = _ROOM) -> None:
        call_tool(
            ToolCall(
                "conv3: synthesis",
                "vivado",
                ("vivado",),
                self.work,
                self.work / "vivado.out",
                (self.work / "made",),
            ),
            limits,
            self.said.append,
        )

    def fails(self, limits: Limits = _ROOM) -> ToolError:
        with pytest.raises(ToolError) as caught:
            self.call(limits)
        assert_none_is_left(self.bin.parent)
        assert str(caught.value).count("\n") == 0
        assert "conv3: synthesis" in str(caught.value)
        return caught.value


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    return Tool(tmp_path, monkeypatch)


def test_a_tool_that_ends_well_shows_its_stages_meanwhile(tool: Tool) -> None:
    tool.is_("echo Starting Placer Task; sleep 0.3; echo 'Phase 2 Global Placement'; sleep 0.3; "
             "echo x > made")  # fmt: skip
    tool.call()
    assert tool.said == [
        "conv3: synthesis",
        "conv3: synthesis: placement",
        "conv3: synthesis: placement: phase 2 global placement",
    ]
    assert tool.calls == 1


def test_stages_and_errors_of_launched_runs_are_read_in_their_own_logs(tool: Tool) -> None:
    run = tool.work / "x.runs" / "impl_1" / "runme.log"
    tool.is_(
        f"mkdir -p {run.parent}; echo 'Run output will be captured here: {run}'; sleep 0.2; "
        f"echo Starting Routing Task > {run}; sleep 0.3; "
        f"echo 'ERROR: [Route 35-7] Design has unroutable pins' >> {run}; "
        "echo \"ERROR: [Common 17-69] Command failed: Run 'impl_1' failed. Unable to open\"; exit 1"
    )
    error = tool.fails()
    assert error.kind is FailureKind.REFUSED
    assert error.reason == "[Route 35-7] Design has unroutable pins"
    assert "conv3: synthesis: impl_1: routing" in tool.said


@pytest.mark.parametrize(
    ("script", "kind", "reason", "calls"),
    [
        (
            "echo 'ERROR: [Synth 8-439] module x not found'; "
            "echo 'ERROR: [Common 17-69] Command failed: Synthesis failed'; exit 1",
            FailureKind.REFUSED,
            r"^\[Synth 8-439\] module x not found$",
            1,
        ),
        # A plain error of Tcl has no ERROR before it.
        (
            "echo 'invalid command name \"foo\"'; echo '    while executing'; echo foo; exit 1",
            FailureKind.REFUSED,
            'invalid command name "foo"',
            1,
        ),
        ("echo some words; exit 3", FailureKind.REFUSED, "exit code 3: some words", 1),
        (f'echo "{_NO_FIT}"; exit 1', FailureKind.DOES_NOT_FIT, "lut: 61,233 of 53,200", 1),
        (f'echo "{_BUSY}"; exit 1', FailureKind.LICENCE, "Licensed number of users", 3),
        (
            "echo 'ERROR: [Common 17-345] A valid license was not found'; exit 1",
            FailureKind.LICENCE,
            "A valid license was not found",
            1,
        ),
        ("echo Abnormal program termination '(11)'; exit 1", FailureKind.CRASH, "Abnormal", 2),
        ("kill -SEGV $$", FailureKind.CRASH, "SIGSEGV", 2),
        ("kill -KILL $$", FailureKind.CRASH, "SIGKILL", 2),
        # As a shell says it of what it ran.
        ("bash -c 'kill -SEGV $$'; exit 139", FailureKind.CRASH, "SIGSEGV|Segmentation fault", 2),
        (
            "echo 'There is insufficient memory'; echo 'Abnormal program termination (11)'; exit 1",
            FailureKind.OUT_OF_MEMORY,
            "insufficient memory",
            1,
        ),
        ("echo 'bind: Address already in use'; exit 1", FailureKind.REFUSED, "Address already", 3),
        ("echo x: No space left on device; exit 1", FailureKind.DISK_FULL, "No space left", 1),
        ("exit 0", FailureKind.DAMAGED_RESULT, "did not make .*made", 1),
        ("touch made", FailureKind.DAMAGED_RESULT, "did not make .*made", 1),
        ("echo 'ERROR: [X 1-1] not well'; exit 0", FailureKind.REFUSED, "not well", 1),
    ],
)
def test_an_end_is_called_by_what_it_was(
    tool: Tool, script: str, kind: FailureKind, reason: str, calls: int
) -> None:
    tool.is_(script)
    error = tool.fails()
    assert error.kind is kind

    assert re.search(reason, error.reason)
    assert tool.calls == calls
    assert error.log == tool.work / "vivado.out"
    assert error.log.is_file()
    full = isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.ENOSPC
    assert full is (kind is FailureKind.DISK_FULL)


def test_an_error_that_a_script_caught_is_none(tool: Tool) -> None:
    tool.is_("echo 'ERROR: [HLS 200-101] Unknown option'; echo x > made")
    tool.call()


def test_what_is_short_comes_with_the_error(tool: Tool) -> None:
    tool.is_(f'echo "{_NO_FIT}"; echo "{_NO_FIT}"; exit 1')
    assert tool.fails().excess == (Excess("lut", 61233.0, 53200.0),)


def test_time_is_limited_and_what_hangs_is_not_tried_again(tool: Tool) -> None:
    tool.is_("echo Starting Placer Task; sleep 100")
    started = time.monotonic()
    error = tool.fails(Limits(seconds=1.0))
    assert time.monotonic() - started < 10
    assert error.kind is FailureKind.OUT_OF_TIME
    assert error.reason == "not done after 1 s, at: placement"
    assert tool.calls == 1


def test_memory_is_limited(tool: Tool) -> None:
    tool.is_(f"exec {sys.executable} -S -c 'x = b\"x\" * 300_000_000; import time; time.sleep(60)'")
    error = tool.fails(Limits(seconds=30, memory_bytes=128 * 2**20))
    assert error.kind is FailureKind.OUT_OF_MEMORY
    assert tool.calls == 1


def test_a_licence_that_becomes_free_is_waited_for(tool: Tool) -> None:
    tool.is_(f'if [ $(wc -l < {tool.bin}/calls) -lt 3 ]; then echo "{_BUSY}"; exit 1; fi; '
             "echo x > made")  # fmt: skip
    tool.call()
    assert tool.calls == 3
    assert any("once more in 0 s" in said for said in tool.said)


def test_a_try_starts_with_what_the_first_one_found(tool: Tool) -> None:
    """Vivado refuses to make a project that is there."""
    (tool.work / "script.tcl").write_text("of the caller\n")
    tool.is_(
        "[ -e project ] && { echo 'ERROR: Project already exists'; exit 1; }; mkdir project; "
        f"if [ $(wc -l < {tool.bin}/calls) -lt 2 ]; then kill -SEGV $$; fi; echo x > made"
    )
    tool.call()
    assert tool.calls == 2
    assert (tool.work / "script.tcl").is_file()
    assert (tool.work / "vivado.out.1").is_file()


def test_what_an_earlier_run_made_does_not_count(tool: Tool) -> None:
    (tool.work / "made").write_text("long ago\n")
    tool.is_("exit 0")
    assert tool.fails().kind is FailureKind.DAMAGED_RESULT


def test_a_tool_that_is_not_there(tool: Tool) -> None:
    error = tool.fails()
    assert error.kind is FailureKind.TOOL_MISSING
    assert "vivado is not on PATH" in str(error)


@pytest.mark.parametrize("session", ["", "setsid "])
def test_what_a_tool_leaves_at_work_is_ended(tool: Tool, session: str) -> None:
    tool.is_(f"{session}sleep 321 & echo x > made")
    tool.call()
    assert_none_is_left(tool.bin.parent)
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert b"sleep\x00321" not in process.read_bytes()
        except OSError:
            continue


def test_a_full_disk_of_our_own_is_named(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    tool.is_("echo x > made")
    monkeypatch.setattr("finn_flows.vendor.tool_call.run_tool", full)
    error = tool.fails()
    assert error.kind is FailureKind.DISK_FULL
    assert isinstance(error.__cause__, OSError)


def test_the_end_of_the_log_is_the_note_and_the_error_can_be_sent(tool: Tool) -> None:
    tool.is_(f'for n in {{1..100}}; do echo line $n; done; echo "{_NO_FIT}"; exit 1')
    sent = pickle.loads(pickle.dumps(tool.fails()))
    assert str(sent).startswith(str(tool.work / "vivado.out"))
    assert (sent.kind, sent.step) == (FailureKind.DOES_NOT_FIT, "conv3: synthesis")
    assert sent.excess[0].needed == 61233
    (note,) = sent.__notes__
    assert "line 100" in note
    assert "line 50" not in note
