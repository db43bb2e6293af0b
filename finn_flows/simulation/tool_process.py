"""Running a tool within limits of time and memory, leaving nothing behind whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dse.errors import BuildError

#: The tool runs in a process group of its own, with a watcher in it. The watcher reads a pipe that
#: only the caller could write to and never does: it wakes up when the caller closes the pipe or
#: dies, however it dies, and then ends the whole group, so that no compiler outlives its caller.
_WATCHED = """\
ulimit -v "$1" || exit 126
shift
exec 3<&0 </dev/null
( read -r _ <&3; kill -KILL 0 ) >/dev/null 2>&1 &
exec 3<&-
exec "$@"
"""


@dataclass(frozen=True)
class Limits:
    """``seconds`` of wall-clock time and ``bytes`` of address space that one process may take."""

    seconds: float = 600.0
    bytes: int = 4 * 2**30


def run_tool(
    command: Sequence[str],
    *,
    what: str,
    directory: Path,
    limits: Limits,
    environment: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Run ``command`` in ``directory``; its exit code and everything it printed.

    ``what`` names the step in errors. ``environment`` is added to the caller's. An exit code is
    left to the caller to judge. Raises BuildError where the tool cannot be started or takes longer
    than it may; everything it started is ended then, as it is when the caller is interrupted.
    """
    with tempfile.TemporaryFile() as output:
        watch, alive = os.pipe()
        try:
            process = _start(command, what, directory, limits, environment, output.fileno(), watch)
        except BaseException:
            os.close(alive)
            raise
        finally:
            os.close(watch)
        try:
            code = process.wait(timeout=limits.seconds)
        except subprocess.TimeoutExpired as error:
            raise BuildError(
                f"{what} was still running after {limits.seconds:g} s and was stopped"
            ) from error
        finally:
            os.close(alive)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(0)
        return code, output.read().decode(errors="replace")


def _start(
    command: Sequence[str],
    what: str,
    directory: Path,
    limits: Limits,
    environment: Mapping[str, str] | None,
    output: int,
    watch: int,
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            ["/bin/sh", "-c", _WATCHED, "sh", str(limits.bytes // 1024), *command],
            cwd=directory,
            env={**os.environ, **(environment or {})},
            stdin=watch,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise BuildError(f"{what} cannot be started: {error.strerror or error}") from error
