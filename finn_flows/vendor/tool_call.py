"""One run of a vendor tool: started, watched, its log read while it runs, its end classed."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from finn_flows.tool_process import Limits, ToolRun, run_tool
from finn_flows.vendor.failure import FailureKind, ToolError
from finn_flows.vendor.installed import find_tool
from finn_flows.vendor.left_processes import DIRECTORY_VARIABLE, kill_left_processes
from finn_flows.vendor.log_watch import LogWatch
from finn_flows.vendor.made_files import not_made, stamps
from finn_flows.vendor.run_end import kernel_kills, why_it_failed

#: Seconds between asking for a licence that others have, and asking again.
LICENCE_WAIT_VARIABLE = "SPLIT_DSE_LICENCE_WAIT"
_LICENCE_WAIT_SECONDS = 60.0
_TRIES = 3
_CRASH_TRIES = 2


@dataclass(frozen=True)
class ToolCall:
    """A command that runs ``tool`` and what it must leave.

    ``step``: in words, as a person reads it: ``conv3, MVAU: HLS``. ``tool``: ``vivado``,
    ``vitis_hls``, ``vivado_hls``, ``vitis-run`` or ``v++``. ``command`` runs in ``directory``,
    which is this call's own: what a try has added to it is removed before the next one. What it
    prints goes to ``log`` (an earlier try's log is kept beside it). ``makes``: files or folders
    that must be there, new and not empty, afterwards. ``environment`` is added to ours. A shell
    script that runs the tool should be run by ``bash -e``, lest its exit code be another's.
    """

    step: str
    tool: str
    command: tuple[str, ...]
    directory: Path
    log: Path
    makes: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def call_tool(call: ToolCall, limits: Limits, status: Callable[[str], None]) -> ToolRun:
    """Run ``call``; again, at most twice, where that can help (licence busy, crash, port in use).

    ``status`` is told, in words, which stage the log shows: ``conv3, MVAU: HLS: csynth``. A licence
    that others have is waited for, a minute or what SPLIT_DSE_LICENCE_WAIT says in seconds. Time
    and memory are limited for each try.

    Raises ToolError of the kind that fits, with the end of the log as its note (seen with --debug);
    never for timing that is not met (the tool ends well then). A full disk has the OSError as its
    cause.
    """
    path = find_tool(call.tool)
    if path is None:
        raise ToolError(call.step, FailureKind.TOOL_MISSING, f"{call.tool} is not on PATH")
    try:
        before, crashes = _names(call.directory), 0
        for attempt in range(1, _TRIES + 1):
            run, watch, failure = _try(call, path, limits, status)
            if failure is None:
                return run
            kind, reason = failure
            crashes += kind is FailureKind.CRASH
            wait = _wait_before_another(attempt, crashes, kind, watch)
            if wait is None:
                break
            status(f"{call.step}: {reason}; once more{f' in {wait:.0f} s' if wait else ''}")
            time.sleep(wait)
            _tidy(call, before)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise ToolError(
                call.step, FailureKind.REFUSED, str(error.strerror or error), log=call.log
            ) from error
        raise ToolError(
            call.step, FailureKind.DISK_FULL, os.strerror(error.errno), log=call.log
        ) from error
    failed = ToolError(call.step, kind, reason, log=call.log, excess=watch.excess)
    failed.add_note(f"the log ends:\n{watch.tail()}")
    if kind is FailureKind.DISK_FULL:
        raise failed from OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(call.directory))
    raise failed


def _try(
    call: ToolCall, path: Path, limits: Limits, status: Callable[[str], None]
) -> tuple[ToolRun, LogWatch, tuple[FailureKind, str] | None]:
    call.log.parent.mkdir(parents=True, exist_ok=True)
    _keep_earlier(call.log)
    watch = LogWatch(call.log)
    made_before = stamps(call.makes)
    kills_before = kernel_kills()
    shown: str | None = None

    def look() -> None:
        nonlocal shown
        watch.look()
        if watch.stage is not None and watch.stage != shown:
            shown = watch.stage
            status(f"{call.step}: {shown}")

    status(call.step)
    try:
        run = run_tool(
            call.command,
            directory=call.directory,
            limits=limits,
            log=call.log,
            environment={
                **_environment(path),
                **call.environment,
                DIRECTORY_VARIABLE: str(call.directory.absolute()),
            },
            each_look=look,
        )
    finally:
        kill_left_processes(call.directory)
    watch.look(to_the_end=True)
    failure = why_it_failed(
        run,
        watch,
        limits,
        not_made(call.makes, made_before),
        kernel_killed=kernel_kills() != kills_before,
        directory=call.directory,
    )
    return run, watch, failure


def _environment(path: Path) -> dict[str, str]:
    """PATH with the tool's folder on it: a script of FINN's starts it by its name alone."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    if str(path.parent) in folders:
        return {}
    return {"PATH": os.pathsep.join([str(path.parent), *folders])}


def _wait_before_another(
    attempt: int, crashes: int, kind: FailureKind, watch: LogWatch
) -> float | None:
    """Seconds until it is worth another try; None if it is not."""
    if attempt < _TRIES and kind is FailureKind.LICENCE and watch.busy:
        return float(os.environ.get(LICENCE_WAIT_VARIABLE) or _LICENCE_WAIT_SECONDS)
    if attempt < _TRIES and kind is FailureKind.REFUSED and watch.port_taken:
        return 0.0
    if attempt < _TRIES and kind is FailureKind.CRASH and crashes < _CRASH_TRIES:
        return 0.0
    return None


def _keep_earlier(log: Path) -> None:
    if log.exists():
        number = 1
        while (kept := log.with_name(f"{log.name}.{number}")).exists():
            number += 1
        log.replace(kept)


def _names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def _tidy(call: ToolCall, before: set[str]) -> None:
    """Remove what a failed try added: Vivado refuses to make a project that is there."""
    log = call.log.absolute()
    for name in _names(call.directory) - before:
        path = call.directory.absolute() / name
        if log.is_relative_to(path) or (path.parent == log.parent and name.startswith(log.name)):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()
