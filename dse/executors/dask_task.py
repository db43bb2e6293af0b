"""What runs on a Dask worker: one task of a sweep, in a process of its own.

Nothing here unpickles the task: the process does, so that FINN never gets into the Dask worker, nor
takes it along when it crashes. The process ends with the Dask worker, even one that is killed.
"""

from __future__ import annotations

import multiprocessing
import pickle
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dse.executors.kept_folder import Kept, Packed, Shared, pack
from dse.executors.software import software_here
from dse.executors.worker_process import WorkerProcess
from dse.worker import Outcome, describe, disk_error
from finn_flows.build_status import clear_status, read_status

if TYPE_CHECKING:
    from distributed import Worker

#: Between looks at whether the task is still wanted, and what it is at.
_LOOK_SECONDS = 0.5
#: How long a process without a task stays, for the next one.
_IDLE_SECONDS = 5.0


@dataclass(frozen=True)
class Request:
    """A task for a Dask worker.

    ``task`` is pickled. ``building`` is its folder as the driver sees it, in which the file
    ``token`` lies; where the worker sees that, it builds beside it, else on a disk of its own
    (always, if ``pull``). What the task says it is at goes to ``topic`` under the name ``attempt``.
    """

    task: bytes
    building: Path
    token: str
    pull: bool
    topic: str
    attempt: str


@dataclass(frozen=True)
class Answer:
    """What became of it, and where what it left is kept."""

    outcome: Outcome
    kept: Kept | None


@dataclass(frozen=True)
class RelocatedTask:
    """A pickled task in another folder than it was made for."""

    task: bytes
    directory: Path

    def run(self) -> Any:
        """As the task does."""
        task = pickle.loads(self.task)
        return replace(task, directory=self.directory).run()


class NotWantedError(Exception):
    """The driver is gone or has given the task up, or this worker is about to end."""


def run(request: Request) -> Answer:
    """Do the task. Raises NotWantedError once nobody waits for it; nothing of it is left then."""
    from distributed import get_worker

    worker = get_worker()
    try:
        folder = _new_folder(request, worker)
    except OSError as error:
        return Answer(_failed_here(worker, error), None)
    try:
        with _process() as process:
            process.start_task(pickle.dumps(RelocatedTask(request.task, folder)))
            outcome = _watched(process, request, folder, worker)
        clear_status(folder)
        if outcome.disk_error is not None:
            outcome = replace(outcome, disk_error=f"{worker.address}: {outcome.disk_error}")
        if folder.parent == request.building.parent:
            return Answer(outcome, Shared(folder.name))
        try:
            kept = pack(folder)
        except OSError as error:
            return Answer(_failed_here(worker, error), None)
        shutil.rmtree(folder, ignore_errors=True)
        return Answer(outcome, kept)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def probe(task: bytes) -> tuple[dict[str, str], Outcome]:
    """The software of this worker, and the outcome of a task that asks for the backend's tools."""
    from distributed import get_worker

    worker = get_worker()
    with tempfile.TemporaryDirectory(dir=worker.local_directory) as scratch, _process() as process:
        process.start_task(pickle.dumps(RelocatedTask(task, Path(scratch))))
        return software_here(), _watched(process, None, Path(scratch), worker)


def read_piece(packed: Packed, offset: int, size: int) -> bytes:
    """A piece of what a task left on this worker's disk."""
    with packed.path.open("rb") as file:
        file.seek(offset)
        return file.read(size)


def forget(packed: Packed) -> None:
    """It has been fetched."""
    packed.path.unlink(missing_ok=True)


def end_idle() -> None:
    """End the processes that wait for a task."""
    with _idle_lock:
        ended = list(_idle)
        _idle.clear()
    for process in ended:
        process.kill()


def _new_folder(request: Request, worker: Worker) -> Path:
    """An empty folder that no other try of the task has."""
    parent = request.building.parent
    prefix = f"{request.building.name}-"
    if not request.pull and (request.building / request.token).is_file():
        return Path(tempfile.mkdtemp(dir=parent, prefix=prefix))
    return Path(tempfile.mkdtemp(dir=worker.local_directory, prefix=prefix))


def _watched(
    process: WorkerProcess, request: Request | None, folder: Path, worker: Worker
) -> Outcome:
    key = worker.get_current_task()
    said = None
    while (outcome := process.outcome()) is None:
        if not _is_wanted(worker, key):
            raise NotWantedError
        status = read_status(folder)
        if request is not None and status is not None and status != said:
            said = status
            worker.log_event(request.topic, {"attempt": request.attempt, "status": status})
        wait(process.handles(), _LOOK_SECONDS)
    return outcome


def _is_wanted(worker: Worker, key: Any) -> bool:
    """Whether the scheduler is there and wants the task: it releases those of a lost client."""
    from distributed import Status

    if worker.status in (Status.closing, Status.closed, Status.failed):
        return False
    task = worker.state.tasks.get(key)
    return task is not None and task.state == "executing"


def _failed_here(worker: Worker, error: OSError) -> Outcome:
    full = disk_error(error)
    return Outcome(
        error=f"{worker.address}: {describe(error)}",
        disk_error=None if full is None else f"{worker.address}: {full}",
    )


_idle: dict[WorkerProcess, threading.Timer] = {}
_idle_lock = threading.Lock()


@contextmanager
def _process() -> Iterator[WorkerProcess]:
    """A process for one task; kept a while for the next one if the block ends well."""
    # multiprocessing forbids a daemonic process, as Dask's are under a nanny, to have children, as
    # it could not end them when it is killed. Ours notice that.
    multiprocessing.current_process().daemon = False
    with _idle_lock:
        process, timer = _idle.popitem() if _idle else (WorkerProcess(), None)
    if timer is not None:
        timer.cancel()
    try:
        yield process
    except BaseException:
        process.kill()
        raise
    timer = threading.Timer(_IDLE_SECONDS, _end, [process])
    timer.daemon = True
    with _idle_lock:
        _idle[process] = timer
    timer.start()


def _end(process: WorkerProcess) -> None:
    with _idle_lock:
        if _idle.pop(process, None) is None:
            return  # it has a task again
    with suppress(OSError):
        process.kill()
