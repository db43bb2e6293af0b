"""Why a tool's run failed, from how it ended, what its logs say and what it left."""

from __future__ import annotations

import errno
import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

from finn_flows.tool_process import Limits, Outcome, ToolRun
from finn_flows.vendor.failure import FailureKind
from finn_flows.vendor.log_watch import LogWatch

#: With less than this, whatever a tool says, it could not write what it wanted to.
_ROOM_BYTES = 64 * 1024
_NOT_FOUND = 127
#: A shell's exit code for a command that signal N ended.
_SIGNALLED = 128
#: Said in a log, these are failures even of a tool that ends well and leaves files.
_NEVER_WELL = (FailureKind.DISK_FULL, FailureKind.CRASH)


def kernel_kills() -> int | None:
    """How many processes of this computer the kernel has killed for want of memory, ever."""
    try:
        for line in Path("/proc/vmstat").read_text().splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    except (OSError, ValueError):
        pass
    return None


def why_it_failed(
    run: ToolRun,
    watch: LogWatch,
    limits: Limits,
    missing: Sequence[Path],
    kernel_killed: bool,
    directory: Path,
) -> tuple[FailureKind, str] | None:
    """The class and the reason in words; None if it did not fail.

    ``missing``: what it should have left and did not. ``kernel_killed``: whether the kernel ended
    some process for want of memory meanwhile. ``directory``: where it worked.
    """
    if run.outcome is Outcome.OUT_OF_TIME:
        at = f", at: {watch.stage}" if watch.stage else ""
        return FailureKind.OUT_OF_TIME, f"not done after {limits.seconds:,.0f} s{at}"
    if run.outcome is Outcome.OUT_OF_MEMORY:
        allowed = f"{limits.memory_bytes / 1024**3:,.1f} GiB allowed"
        return FailureKind.OUT_OF_MEMORY, f"more than the {allowed}"
    well = run.outcome is Outcome.ENDED and run.exit_code == 0 and not missing
    kind = watch.kind
    if well and kind not in _NEVER_WELL:
        return None
    if kind is not None and kind is not FailureKind.CRASH:
        return kind, watch.reason() or kind.value
    if not well and is_full(directory):
        return FailureKind.DISK_FULL, os.strerror(errno.ENOSPC)
    number = _signal_of(run)
    silent = number == signal.SIGKILL or watch.has_only_consequences
    if kernel_killed and silent:
        return FailureKind.OUT_OF_MEMORY, "killed by the kernel for want of memory"
    if kind is not None:
        return kind, watch.reason() or kind.value
    if number is not None:
        return FailureKind.CRASH, f"killed by {_signal_name(number)}"
    if reason := watch.reason():
        crashed = watch.has_only_consequences
        return FailureKind.CRASH if crashed else FailureKind.REFUSED, reason
    if run.exit_code == _NOT_FOUND:
        return FailureKind.TOOL_MISSING, watch.last_line() or "command not found"
    if run.exit_code != 0:
        said = watch.last_line()
        return FailureKind.REFUSED, f"exit code {run.exit_code}" + (f": {said}" if said else "")
    names = ", ".join(str(path) for path in missing)
    return FailureKind.DAMAGED_RESULT, f"it ended well and did not make {names}"


def is_full(directory: Path) -> bool:
    """Whether there is no room on the disk of ``directory``."""
    try:
        return shutil.disk_usage(directory).free < _ROOM_BYTES
    except OSError:
        return False


def _signal_of(run: ToolRun) -> int | None:
    if run.exit_code < 0:
        return -run.exit_code
    if run.exit_code > _SIGNALLED and run.exit_code - _SIGNALLED in signal.valid_signals():
        return run.exit_code - _SIGNALLED
    return None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
