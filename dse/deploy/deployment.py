"""An application's jobs on boards: the pipeline, brought up again when it broke."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from dse.deploy.application import Application, JobEntry
from dse.deploy.board import Board
from dse.deploy.job_outcome import JobDone, JobFailed, JobOutcome
from dse.deploy.link_certificate import make_link_certificate
from dse.deploy.nodes import Nodes
from dse.deploy.pipeline import Pipeline
from dse.deploy.pipeline_plan import PipelineFailed, PipelineOptions, StagePlan, StateListener
from dse.deploy.timings import JobTimings
from dse.errors import InputError

Result = TypeVar("Result")

_LOOPBACK = "127.0.0.1"
#: Board, folder here, and its name there.
_Copy = tuple[Board, Path, str]


class _Place(NamedTuple):
    """A job, its board, and what it needs there."""

    board: Board
    job: JobEntry
    program: _Copy
    data: _Copy | None


class Deployment:
    """The pipeline of ``application`` on ``nodes``, each job on one of ``boards`` (default: all of
    them), in their order.

    A context manager: entering copies the application to the boards and brings the pipeline up,
    leaving ends it (the boards stay up); :meth:`run` brings it up, too, where it is not.
    ``secure``: TLS on every hop. ``attempts``: how often a job is tried in all: a job whose
    pipeline broke is run again as a whole, in a new epoch, on boards that are up again; one whose
    input cannot be computed is not. ``app_id``: what tells this application from others on the
    same boards, and ``prefix`` its files there.
    """

    def __init__(
        self,
        application: Application,
        nodes: Nodes,
        *,
        boards: Sequence[Board] | None = None,
        options: PipelineOptions | None = None,
        secure: bool = False,
        attempts: int = 1,
        on_state: StateListener | None = None,
        app_id: str | None = None,
        prefix: str = "",
    ) -> None:
        self._boards = nodes.boards if boards is None else tuple(boards)
        if len(self._boards) != len(application.jobs):
            raise InputError(
                f"{application.app_name} has {len(application.jobs)} jobs",
                expected=f"one for each of the {len(self._boards)} boards",
            )
        self._app_id = app_id or application.app_name
        self._prefix = prefix
        self.application = application
        self.epoch = 0
        self.failures: list[JobFailed] = []
        self._nodes = nodes
        self._options = options or PipelineOptions()
        self._secure = secure
        self._attempts = attempts
        self._on_state = on_state
        self._pipeline: Pipeline | None = None
        self._own: tempfile.TemporaryDirectory[str] | None = None
        self._certificate: Path | None = None
        # Another deployment to the same boards has a certificate of its own.
        self._tls_name = f"tls-{secrets.token_hex(4)}"

    def __enter__(self) -> Deployment:
        try:
            self._bring_up()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_up(self) -> bool:
        """Whether the pipeline takes jobs as it is."""
        return self._pipeline is not None and self._pipeline.is_up

    def keep_up(self) -> None:
        """Bring the pipeline up, in a new epoch, where it is not. DeployError if it cannot be."""
        if not self.is_up:
            self._bring_up()

    @property
    def chunk_bytes(self) -> tuple[int, int]:
        """Of a chunk, and of a result."""
        jobs = self.application.jobs
        return jobs[0].input_bytes, jobs[-1].output_bytes

    def run(
        self,
        chunks: NDArray[np.uint8],
        *,
        deadline_seconds: float | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> JobOutcome:
        """One job, see Pipeline.run. What failed on the way is in ``failures``.

        Raises InputError for chunks of another shape, DeployError if boards cannot be brought up
        again.
        """
        outcome = JobFailed(0, self.epoch, None, "it was not tried")
        for _ in range(self._attempts):
            found = self._attempt(
                lambda pipeline: pipeline.run(
                    chunks, deadline_seconds=deadline_seconds, on_progress=on_progress
                )
            )
            if isinstance(found, JobDone):
                return found
            outcome = found
            if outcome.pipeline_is_up:
                break
        return outcome

    def run_timed(
        self, chunks: NDArray[np.uint8], *, on_progress: Callable[[int], None] | None = None
    ) -> tuple[JobDone, JobTimings] | JobFailed:
        """As :meth:`run`, with the times of the job: one whose times are lost with a stage is run
        again, too."""

        def timed(pipeline: Pipeline) -> tuple[JobDone, JobTimings] | JobFailed:
            done = pipeline.run(chunks, on_progress=on_progress)
            return done if isinstance(done, JobFailed) else (done, pipeline.timings(done))

        outcome = JobFailed(0, self.epoch, None, "it was not tried")
        for _ in range(self._attempts):
            found = self._attempt(timed)
            if not isinstance(found, JobFailed):
                return found
            outcome = found
            if outcome.pipeline_is_up:
                break
        return outcome

    def _attempt(self, work: Callable[[Pipeline], Result | JobFailed]) -> Result | JobFailed:
        """``work`` with a pipeline that is up; what fails is kept."""
        found: Result | JobFailed
        try:
            if not self.is_up:
                self._bring_up()
            assert self._pipeline is not None
            found = work(self._pipeline)
        except PipelineFailed as error:
            found = JobFailed(0, self.epoch, error.stage, error.reason)
        if isinstance(found, JobFailed):
            self.failures.append(found)
        return found

    def close(self) -> None:
        """End the pipeline. May be called twice."""
        if self._pipeline is not None:
            self._pipeline.close()
            self._pipeline = None
        if self._own is not None:
            self._own.cleanup()

    def _bring_up(self) -> None:
        """A pipeline in a new epoch, on boards that are all up."""
        if self._pipeline is not None:
            self._pipeline.close()
        self._nodes.revive(self._boards)
        self.epoch += 1
        options = self._options
        if self._secure:
            certificate, paths = self._tls()
            options = replace(options, tls=certificate, tls_on_boards=paths)
        self._pipeline = Pipeline(
            self._nodes.hub,
            self._plans(),
            app=self._app_id,
            epoch=self.epoch,
            manifest=self.application.manifest,
            options=options,
            on_state=self._on_state,
        )
        self._pipeline.start()

    def copy(self) -> None:
        """Copy the programs and data of all jobs to their boards, where they are not there yet."""
        self._nodes.put_all(
            [copy for place in self._places() for copy in (place.program, place.data) if copy]
        )

    def _places(self) -> list[_Place]:
        folder = self.application.folder
        return [
            _Place(
                board,
                job,
                (board, folder / job.main_dir, f"{self._prefix}{job.job_name}-program"),
                None
                if job.data_dir is None
                else (board, folder / job.data_dir, f"{self._prefix}{job.job_name}"),
            )
            for board, job in zip(self._boards, self.application.jobs, strict=True)
        ]

    def _plans(self) -> list[StagePlan]:
        self.copy()
        nodes = self._nodes
        plans = []
        for board, job, program, data in self._places():
            # Copied above: these are the paths that are known already.
            config = dict(job.config)
            if data is not None:
                config["stage"] = nodes.put(*data)
            control = nodes.control(board)
            host = control.address.data_host
            plans.append(
                StagePlan(
                    node=control,
                    main=f"{nodes.put(*program)}/{job.main_file}",
                    config=config,
                    input_bytes=job.input_bytes,
                    output_bytes=job.output_bytes,
                    name=job.job_name,
                    bind=_LOOPBACK if host == _LOOPBACK else "0.0.0.0",
                    cpu=job.cpu_quota,
                    fpga=job.fpga,
                )
            )
        return plans

    def _tls(self) -> tuple[Path, tuple[str, ...]]:
        """The certificate's path here, and on each board."""
        if self._certificate is None:
            self._own = tempfile.TemporaryDirectory(prefix="dse-deployment-")  # 0700
            self._certificate = Path(self._own.name) / "hop.pem"
            self._certificate.touch(mode=0o600)
            self._certificate.write_bytes(make_link_certificate())
        folder = self._certificate.parent
        copies: Sequence[str] = self._nodes.put_all(
            [(board, folder, self._tls_name) for board in self._boards]
        )
        paths = tuple(f"{copy}/{self._certificate.name}" for copy in copies)
        return self._certificate, paths
