"""Output that is full or closed: one line or none, never a bug, and never an output file spoilt."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dse.sandbox import PROJECT, SLUGS, Sandbox

FULL = Path("/dev/full")
COMMANDS = (
    *("table", "table --json", "sweep --json", "doctor"),
    *("--help", "sweep --help", "--version"),
)


def shell(sandbox: Sandbox, arguments: str, redirection: str) -> subprocess.CompletedProcess[str]:
    command = f'exec "{sys.executable}" -m tests.dse.run_dse {arguments} {redirection}'
    environment = {
        **os.environ,
        "PYTHONPATH": str(PROJECT),
        "SLEEPING_BACKEND_ORDERS": str(sandbox.orders),
    }
    return subprocess.run(
        ["sh", "-c", command],
        cwd=sandbox.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def with_options(sandbox: Sandbox, command: str) -> str:
    if command == "sweep --json":
        return " ".join(sandbox.sweep_arguments("--json"))
    return command + (" --out out" if command.startswith("table") else "")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_output_is_one_line(sandbox: Sandbox, command: str) -> None:
    if not FULL.exists():
        pytest.skip("there is no /dev/full")
    assert sandbox.sweep().returncode == 0
    result = shell(sandbox, with_options(sandbox, command), f"> {FULL}")
    assert result.stderr == ("dse: error: cannot write the output: No space left on device\n"), (
        result.stderr
    )
    assert result.returncode == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_a_closed_output_is_silent(sandbox: Sandbox, command: str) -> None:
    assert sandbox.sweep().returncode == 0
    result = shell(sandbox, with_options(sandbox, command), ">&-")
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_a_sweep_with_a_closed_output_builds_all(sandbox: Sandbox, closed: str) -> None:
    """The number of a closed stream goes to the next file, and what a tool prints into that."""
    assert shell(sandbox, " ".join(sandbox.sweep_arguments()), closed).returncode == 0
    assert set(sandbox.builds()) == set(SLUGS)
    for log in sandbox.out.glob("store/*/build.log"):
        assert log.read_text().startswith("building ")
    assert sandbox.run("table", "--out", "out").returncode == 0


def test_errors_nobody_can_read_still_have_their_code(sandbox: Sandbox) -> None:
    assert shell(sandbox, "table --out nowhere", f"2> {FULL}").returncode == 2


def test_an_unusable_home_says_nothing_amid_a_sweep(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = sandbox.sweep()
    for name in ("MPLCONFIGDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/proc/nowhere")
    (sandbox.out / "report.json").unlink()
    again = sandbox.sweep()
    assert (again.returncode, again.stdout, again.stderr) == (0, usual.stdout, "")
