"""What goes wrong in a synthesis is said in one line, by its kind, and leaves nothing running."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dse.errors import BuildError
from finn_flows.synthesis.design import Design
from finn_flows.synthesis.errors import (
    NetlistError,
    SourceError,
    SynthesisCrash,
    SynthesisError,
    SynthesisOutOfMemory,
    SynthesisTimeout,
)
from finn_flows.synthesis.recipe import synthesise
from finn_flows.tool_process import Limits
from tests.dse.test_full_disk import small_disk
from tests.finn_flows.process_watch import (
    assert_none_is_left,
    signal_sent,
    wait_for,
)
from tests.finn_flows.synthesis.small_designs import CONSTANTS, design, divider, parity


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("module top(input a, output b) assign b = ~a; endmodule", "top.sv:1: ERROR: expected ';'"),
        ("module top(input a, output b); gone g(a, b); endmodule", "unknown module 'gone'"),
        ("module other(input a, output b); assign b = ~a; endmodule", "'top'"),
    ],
)
def test_sources_that_cannot_be_read(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SourceError) as caught:
        synthesise(design("top", text), Limits(), tmp_path)
    assert "top" in str(caught.value)
    assert says in str(caught.value)
    assert str(tmp_path / "synthesis.log") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_memory_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"constants\.hex"):
        synthesise(design("constants", CONSTANTS), Limits(), tmp_path)


def test_a_combinational_loop(tmp_path: Path) -> None:
    text = """
    module ring(input logic a, output logic b);
      logic grant;
      assign grant = ~(grant & a);
      assign b = grant;
    endmodule
    """
    with pytest.raises(NetlistError, match="ring: a loop of logic without a register"):
        synthesise(design("ring", text), Limits(), tmp_path)


def test_a_device_of_another_family(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="lfe5u-85f"):
        synthesise(Design("top", (("top.sv", ""),), (), "lfe5u-85f"), Limits(), tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_time_limit(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(SynthesisTimeout, match="synthesis of divider was ended after 1 s"):
        synthesise(divider(), Limits(seconds=1), tmp_path)
    assert time.monotonic() - started < 5
    assert_none_is_left(tmp_path)


def test_the_memory_limit(tmp_path: Path) -> None:
    limits = Limits(memory_bytes=100 * 2**20)
    with pytest.raises(SynthesisOutOfMemory, match="at most 100 MiB"):
        synthesise(divider(), limits, tmp_path)
    assert_none_is_left(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_crash_names_the_signal(tmp_path: Path, number: signal.Signals) -> None:
    with signal_sent(number, "yosys_process.py", tmp_path), pytest.raises(SynthesisCrash) as caught:
        synthesise(divider(), Limits(), tmp_path)
    assert f"divider was killed by {number.name}" in str(caught.value)
    assert_none_is_left(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["synthesis.log"]


@pytest.mark.slow  # Yosys takes ten seconds to get there
def test_a_crash_of_the_logic_optimiser(tmp_path: Path) -> None:
    with signal_sent(signal.SIGSEGV, "yosys-abc", tmp_path), pytest.raises(SynthesisError) as error:
        synthesise(divider(), Limits(), tmp_path)
    assert "abc" in str(error.value).lower()
    assert_none_is_left(tmp_path)


_CALLER = """
import sys
from pathlib import Path
from finn_flows.tool_process import Limits
from finn_flows.synthesis.recipe import synthesise
from tests.finn_flows.synthesis.small_designs import divider
synthesise(divider(), Limits(), Path(sys.argv[1]))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_a_caller_that_is_killed(tmp_path: Path, number: signal.Signals) -> None:
    caller = subprocess.Popen(
        [sys.executable, "-c", _CALLER, str(tmp_path)], stderr=subprocess.DEVNULL
    )
    try:
        wait_for("yosys_process.py", tmp_path)
        time.sleep(0.5)
        caller.send_signal(number)
        caller.wait(timeout=10)
        assert_none_is_left(tmp_path)
    finally:
        caller.kill()
        caller.wait()


@pytest.mark.slow  # Yosys takes ten seconds to get there
def test_the_logic_optimiser_does_not_outlive_the_caller(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _CALLER, str(tmp_path)]) as caller:
        wait_for("yosys-abc", tmp_path)
        caller.kill()
    assert_none_is_left(tmp_path)


# From no room for the sources to no room for the last bytes of the netlist.
@pytest.mark.parametrize("kilobytes", [4, 12, 40, 60])
def test_a_full_disk_is_the_error_of_the_system(tmp_path: Path, kilobytes: int) -> None:
    folder = tmp_path / "small"
    with small_disk(folder, f"{kilobytes}k"):
        with pytest.raises(OSError, match="No space left on device") as caught:
            synthesise(parity(), Limits(), folder)
        assert caught.value.errno == errno.ENOSPC
        assert not (folder / "netlist.v").exists()
        assert not (folder / "work").exists()
