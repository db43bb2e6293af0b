"""The worker process: does one task after the other, and never outlives the driver.

This module is the first thing a worker imports, before it limits the threads of numerical
libraries; so it imports none of them itself.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from pickle import PicklingError
from typing import Any, Protocol

from dse.errors import DseError

BUILD_LOG = "build.log"

#: Libraries that would otherwise start a thread per core in every worker.
_THREAD_LIMITS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)

#: Failures of the disk, not of a design point: every further point would meet them too.
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


class Task(Protocol):
    """What a worker is given: a dataclass that pickles.

    ``directory`` is a field of it: it exists and takes the log of what the task prints.
    """

    @property
    def directory(self) -> Path: ...

    def run(self) -> Any:
        """Do it. The result pickles; whatever is raised becomes the error of the outcome."""
        ...


@dataclass(frozen=True)
class Outcome:
    """What became of a task: what it returned, or the line that says why it did not.

    ``disk_error`` is set, too, where the disk failed rather than the task.
    """

    result: Any = None
    error: str | None = None
    disk_error: str | None = None


def serve(connection: Connection) -> None:
    """Main function of a worker: a Task in, an Outcome out, until the driver hangs up or dies."""
    # Own session: Ctrl-C reaches the driver only, and the driver can end a worker together with
    # every tool it started by its process group.
    os.setsid()
    threading.Thread(target=_die_with_driver, daemon=True).start()
    os.environ.update(dict.fromkeys(_THREAD_LIMITS, "1"))
    # Out of memory: the kernel should take a worker (one point is lost), not the driver.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")
    while True:
        try:
            task: Task = connection.recv()
        except EOFError:
            return
        except Exception as error:
            outcome = Outcome(error=f"the worker cannot read its task: {describe(error)}")
        else:
            outcome = _outcome(task)
        try:
            connection.send(outcome)
        except (PicklingError, TypeError, AttributeError) as error:
            connection.send(Outcome(error=f"the result cannot be sent: {describe(error)}"))


def _outcome(task: Task) -> Outcome:
    try:
        with _output_to(task.directory / BUILD_LOG):
            try:
                return Outcome(result=task.run())
            except Exception:
                traceback.print_exc()
                raise
    except Exception as error:
        return Outcome(error=describe(error), disk_error=disk_error(error))


def describe(error: Exception) -> str:
    """One line. The type is named too where the message was not written for a person."""
    text = str(error) if isinstance(error, DseError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())


def disk_error(error: BaseException | None) -> str | None:
    """The line of a disk failure anywhere in the chain of causes, None for other errors."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
            place = f"{error.filename}: " if error.filename else ""
            return f"{place}{error.strerror}"
        error = error.__cause__ or error.__context__
    return None


@contextmanager
def _output_to(path: Path) -> Iterator[None]:
    """Send everything written to stdout and stderr, by tools too, to the file ``path``."""
    saved = os.dup(1), os.dup(2)
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        os.dup2(log, 1)
        os.dup2(log, 2)
        yield
    finally:
        # What a full disk refuses to take is lost; the error that says so is on its way.
        with suppress(OSError):
            sys.stdout.flush()
        with suppress(OSError):
            sys.stderr.flush()
        for number, copy in zip((1, 2), saved, strict=True):
            os.dup2(copy, number)
            os.close(copy)
        os.close(log)


def _die_with_driver() -> None:
    """End this worker and everything it started once the driver is gone, killed or not.

    A thread on the driver's pipe rather than PR_SET_PDEATHSIG: that would kill the worker alone and
    orphan the tools it started.
    """
    driver = parent_process()
    if driver is not None:
        wait([driver.sentinel])
        os.killpg(os.getpgrp(), signal.SIGKILL)
