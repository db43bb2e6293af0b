"""FARD's client interface: applications sent to boards, their jobs, events and output.

>>> with dse.open_boards(2) as nodes, FardApi(nodes) as api:
...     app_id = api.send_app(Path("my_app"))
...     outcome = api.send_job_data(app_id, chunks)
"""

from __future__ import annotations

import itertools
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dse.deploy.app_launch import job_demands, launch, make_replicas, task_demands
from dse.deploy.app_output import Output
from dse.deploy.app_state import AppState
from dse.deploy.application import read_application
from dse.deploy.deployment import Deployment
from dse.deploy.job_outcome import JobFailed, JobOutcome
from dse.deploy.node_control import Message, NodeControl
from dse.deploy.nodes import Nodes
from dse.deploy.pipeline_plan import PipelineOptions
from dse.deploy.placement import FreeBoard, place
from dse.deploy.running_app import JobRun, RunningApp
from dse.errors import DeployError, DseError, InputError

#: How long a task may take to be gone: its manager kills it 2 s after it is asked to end.
_KILL_SECONDS = 10.0
#: The same of a job, which may be loading.
_KILL_JOB_SECONDS = 90.0

#: Of applications, in names of their files on boards: of all FardApi, since boards may outlive one,
#: and what was copied to them is there already.
_NUMBERS = itertools.count()


class _JobKilled(DeployError):
    """The job's application was killed."""


class FardApi:
    """Applications on ``nodes``, which must be up. A context manager: leaving it kills them all.

    ``options``, ``secure``: of the pipelines of jobs, see Deployment. Methods may be called in any
    thread. DeployError or InputError tells what cannot be done; an ``app_id`` that is not known is
    an InputError.
    """

    def __init__(
        self, nodes: Nodes, *, options: PipelineOptions | None = None, secure: bool = False
    ) -> None:
        self._nodes = nodes
        self._options = options or PipelineOptions()
        self._secure = secure
        self._apps: dict[str, RunningApp] = {}
        self._lock = threading.Lock()  # of _apps, and of what is placed where
        self._resources: dict[str, FreeBoard] = {}
        self._forget = nodes.hub.listen(self._told)

    def __enter__(self) -> FardApi:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill every application. May be called twice."""
        for app in list(self._apps.values()):
            with suppress(DseError):  # its board is lost, and ends it by itself
                self._stop(app)
        self._forget()

    # -- FARD's verbs ---------------------------------------------------------------------------

    def send_app(self, folder: Path | str) -> str:
        """Copy the application in ``folder`` (its app.yaml) to the boards and start its tasks;
        its jobs start with :meth:`send_job_data`. Returns its id: its name, with a number where
        that is taken.

        The replicas of a task are spread over the boards that have the processor and FPGA left.
        Raises DeployError, with nothing started, where they do not suffice, or a task cannot be
        started.
        """
        application = read_application(Path(folder))
        with self._lock:
            app_id = application.app_name
            for number in itertools.count(2):
                if app_id not in self._apps:
                    break
                app_id = f"{application.app_name}-{number}"
            prefix = f"{next(_NUMBERS)}-"
            app = self._apps[app_id] = RunningApp(app_id, application, prefix, self._controls)
        try:
            self._start(app)
        except BaseException:
            with self._lock:
                del self._apps[app_id]
            raise
        return app_id

    def send_job_data(
        self,
        app_id: str,
        job_data: NDArray[np.uint8] | Sequence[bytes],
        *,
        attempts: int = 1,
        deadline_seconds: float | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> JobOutcome:
        """Run the application's jobs, as a pipeline, on ``job_data``: uint8 (chunks, bytes of a
        chunk), or as many bytes objects.

        The jobs are spawned, each gets its configuration and loads; when all are ready the first
        starts on the data, each feeds the next, and the last one's output is the result. Then all
        end, and their boards are free. ``attempts``, ``deadline_seconds``, ``on_progress``: see
        Deployment. The outcome is JobFailed for whatever goes wrong on the boards, one that is
        busy included. Raises InputError for data of another form, or an application that was
        killed or has no jobs.
        """
        app = self._app(app_id)
        jobs = app.application.jobs
        if not jobs:
            raise InputError(f"{app_id} has no jobs")
        chunks = _as_chunks(job_data, jobs[0].input_bytes)
        with self._running_job(app) as run:

            def attend(received: int) -> None:
                if run.is_killed.is_set():
                    raise _JobKilled("it was killed")
                if on_progress is not None:
                    on_progress(received)

            deployment = self._deployment(app, attempts)
            try:
                return deployment.run(chunks, deadline_seconds=deadline_seconds, on_progress=attend)
            except DeployError as error:
                return JobFailed(0, deployment.epoch, None, str(error))
            finally:
                deployment.close()

    def kill_app(self, app_id: str) -> None:
        """End its tasks and jobs, and wait until they have ended. A job in progress fails.

        Raises DeployError if one does not end, which only a board can cause that cannot be
        reached."""
        app = self._app(app_id)
        with app.changed:
            app.is_killed = True
        self._stop(app)

    def restart_app(self, app_id: str) -> None:
        """Kill it, bring up boards of it that are lost, and start its tasks again."""
        app = self._app(app_id)
        self.kill_app(app_id)
        self._nodes.revive(app.boards)
        self._start(app)

    def set_output_collection(self, app_id: str, on: bool) -> None:
        """Whether what its tasks and jobs give out is kept for :meth:`consume_output`. Off at
        first."""
        app = self._app(app_id)
        with app.changed:
            app.output.is_on = on

    def consume_output(self, app_id: str, timeout: float) -> list[Output]:
        """What was given out since the last call, oldest first: ``(task, peer, data)`` each. Waits
        ``timeout`` seconds for the first, or less where the application is over.

        At most 1000 outputs and 16 MB are kept; what was dropped is counted in :meth:`state`, and
        told by a RuntimeWarning.
        """
        app = self._app(app_id)
        outputs = app.output.take(timeout, lambda: app.is_over)
        dropped = app.outputs_dropped - app.dropped_said
        if dropped:
            app.dropped_said += dropped
            warnings.warn(
                f"{dropped} outputs of {app_id} were dropped: nobody consumed them",
                RuntimeWarning,
                stacklevel=2,
            )
        return outputs

    # -- beside them ----------------------------------------------------------------------------

    def state(self, app_id: str) -> AppState:
        """How it stands: which replicas run, and which failed, and why."""
        return self._app(app_id).state()

    def wait_started(self, app_id: str, timeout: float = 60.0) -> AppState:
        """Its state once no task is starting any more, or after ``timeout`` seconds."""
        app = self._app(app_id)
        app.wait(lambda: not app.is_starting, timeout)
        return app.state()

    # -- inside ---------------------------------------------------------------------------------

    def _app(self, app_id: str) -> RunningApp:
        with self._lock:
            if app_id not in self._apps:
                raise InputError(f"there is no application {app_id!r}", choices=self._apps)
            return self._apps[app_id]

    def _controls(self, app: RunningApp) -> list[NodeControl]:
        return [self._nodes.control(board) for board in app.boards]

    def _deployment(self, app: RunningApp, attempts: int = 1) -> Deployment:
        return Deployment(
            app.application,
            self._nodes,
            boards=app.job_boards,
            options=self._options,
            secure=self._secure,
            attempts=attempts,
            app_id=app.app_id,
            prefix=app.prefix,
        )

    @contextmanager
    def _running_job(self, app: RunningApp) -> Iterator[JobRun]:
        run = JobRun()
        with app.changed:
            if app.is_killed:
                raise InputError(f"{app.app_id} was killed", expected="restart_app first")
            app.runs.append(run)
        try:
            yield run
        finally:
            with app.changed:
                app.runs.remove(run)
                app.changed.notify_all()

    def _start(self, app: RunningApp) -> None:
        self._place(app)
        with app.changed:
            app.is_killed = False
        try:
            if app.job_boards:
                deployment = self._deployment(app)
                try:
                    deployment.copy()
                finally:
                    deployment.close()
            launch(self._nodes, app)
        except BaseException as error:
            with app.changed:
                for replica in app.replicas:
                    if replica.node is None and not replica.is_over:
                        replica.phase, replica.reason = "failed", f"not started: {error}"
            with suppress(DseError):
                self._stop(app)
            raise

    def _place(self, app: RunningApp) -> None:
        """Choose boards: for tasks among what all tasks leave; for jobs, which come and go, behind
        that."""
        application = app.application
        self._learn_resources()
        boards = {board.name: board for board in self._nodes.boards}
        with self._lock:
            free = self._free()
            names = place(task_demands(application), free)
            job_names = place(job_demands(application), free)
            app.place(
                make_replicas(application, [boards[name] for name in names]),
                tuple(boards[name] for name in job_names),
            )

    def _learn_resources(self) -> None:
        # Outside the lock, which the thread that brings the answers takes, too.
        for board in self._nodes.boards:
            if board.name not in self._resources:
                told = self._nodes.control(board).call("hello", client="dse")
                self._resources[board.name] = FreeBoard(
                    board.name, int(told["cpu"]), int(told["fpga"])
                )

    def _free(self) -> list[FreeBoard]:
        free = []
        for board in self._nodes.boards:
            left = replace(self._resources[board.name])
            for app in self._apps.values():
                for replica in app.replicas:
                    if replica.board is board and not replica.is_over:
                        left.cpu -= replica.cpu
                        left.fpga -= replica.fpga
            free.append(left)
        return free

    def _stop(self, app: RunningApp) -> None:
        with app.changed:
            for run in app.runs:
                run.is_killed.set()
            living = [one for one in app.replicas if not one.is_over and one.node is not None]
            for replica in living:
                replica.is_stopping = True
                assert replica.node is not None
                replica.node.request("stop", task=replica.task_id)
        seconds = _KILL_JOB_SECONDS if app.runs else _KILL_SECONDS
        if not app.wait(lambda: app.is_over, seconds):
            left = [
                str(one) for one in app.state().replicas if one.phase in ("starting", "running")
            ]
            raise DeployError(f"{app.app_id} does not end: {', '.join(left) or 'a job'}")

    def _told(self, node: NodeControl, message: Message) -> None:
        """In the control thread."""
        kind = message["type"]
        with self._lock:
            apps = list(self._apps.values())
        if kind in ("output", "event"):
            for app in apps:
                if app.app_id == message.get("app"):
                    tell = app.told_output if kind == "output" else app.told_event
                    tell(node, message)
        elif kind == "lost":
            for app in apps:
                app.told_lost(node)
        elif kind in ("ready", "ended"):
            for app in apps:
                app.told_of_task(node, message)


def _as_chunks(
    job_data: NDArray[np.uint8] | Sequence[bytes], chunk_bytes: int
) -> NDArray[np.uint8]:
    expected = f"uint8 (chunks, {chunk_bytes}), or bytes objects of {chunk_bytes} bytes each"
    if isinstance(job_data, np.ndarray):
        if job_data.dtype != np.uint8 or job_data.ndim != 2 or job_data.shape[1] != chunk_bytes:
            raise InputError(
                f"job data of shape {job_data.shape} and type {job_data.dtype}", expected=expected
            )
        return np.ascontiguousarray(job_data)
    for index, chunk in enumerate(job_data):
        if not isinstance(chunk, (bytes, bytearray)) or len(chunk) != chunk_bytes:
            raise InputError(f"chunk {index} of the job data is not right", expected=expected)
    joined = np.frombuffer(b"".join(job_data), dtype=np.uint8)
    return joined.reshape(len(job_data), chunk_bytes)
