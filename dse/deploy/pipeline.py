"""A pipeline: stages on boards, set up together, running jobs, ended together."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dse.deploy.client_wire import ChunkFailed, ClientWire
from dse.deploy.job_outcome import JobDone, JobFailed, JobOutcome
from dse.deploy.node.frames import FrameError
from dse.deploy.node.links import HopKey, LinkError, connect, tls_context
from dse.deploy.node_control import ControlHub, answer_of
from dse.deploy.pipeline_plan import PipelineFailed, PipelineOptions, StagePlan, StateListener
from dse.deploy.stage_reports import ReportRefused, read_times
from dse.deploy.stage_states import StageState, StageStates
from dse.deploy.timings import JobTimings, StageTimings
from dse.errors import DeployError, DseError, InputError

#: How long stages are waited for at the end: their managers kill them after 2 s.
_END_SECONDS = 6.0


class Pipeline:
    """``start`` it, ``run`` jobs, ``close`` it; a context manager that does the first and last.

    ``epoch``: rises with every new pipeline that takes a job again. ``manifest``: the sha256 that
    every stage must say it has loaded; None for stages that have none. ``on_state``: called, in
    some thread, with a stage's position and ``spawned``, ``ready``, ``linked``, ``running`` or
    ``ended``.
    """

    def __init__(
        self,
        hub: ControlHub,
        stages: Sequence[StagePlan],
        *,
        app: str,
        epoch: int = 1,
        manifest: str | None = None,
        options: PipelineOptions | None = None,
        on_state: StateListener | None = None,
    ) -> None:
        if not stages:
            raise InputError("a pipeline of no stages")
        for before, after in pairwise(stages):
            if before.output_bytes != after.input_bytes:
                raise InputError(
                    f"{before.name} gives {before.output_bytes} bytes, "
                    f"{after.name} takes {after.input_bytes}"
                )
        if min(min(stage.input_bytes, stage.output_bytes) for stage in stages) < 1:
            raise InputError("a chunk of no bytes")
        self.epoch = epoch
        self.stages = tuple(stages)
        self._hub = hub
        self._app = app
        self._manifest = manifest
        self._options = options or PipelineOptions()
        self._on_state = on_state or (lambda position, state: None)
        self._id = secrets.token_bytes(16)
        tasks = [f"{self._id.hex()[:8]}-{epoch}-{position}" for position in range(len(stages))]
        self._states = StageStates(self.stages, tasks, self._on_state)
        self._wire: ClientWire | None = None
        self._job = 0
        self._failure: PipelineFailed | None = None
        self._forget: Callable[[], None] = lambda: None
        self._is_closed = False
        self._progress_at = 0.0

    def __enter__(self) -> Pipeline:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_up(self) -> bool:
        """Whether it takes jobs."""
        return (
            self._wire is not None
            and self._failure is None
            and not self._is_closed
            and not self._states.has_ended
        )

    @property
    def failure(self) -> PipelineFailed | None:
        """Why it is down."""
        return self._failure

    # -- setting up -----------------------------------------------------------------------------

    def start(self) -> None:
        """Bring every stage up: all load, all say which manifest they hold, then hop after hop is
        linked, then all run. PipelineFailed, with every stage ended, if any of it fails."""
        self._forget = self._hub.listen(self._states.told)
        try:
            self._spawn()
            self._wait_ready()
            self._link_all()
            self._run_all()
        except BaseException as error:
            if isinstance(error, DseError) and self._failure is None:
                self._failure = (
                    error if isinstance(error, PipelineFailed) else PipelineFailed(None, str(error))
                )
            self.close()
            raise

    def _spawn(self) -> None:
        answers = []
        for position, (stage, state) in enumerate(zip(self.stages, self._states, strict=True)):
            config = {
                **stage.config,
                "pipeline": {
                    "id": self._id.hex(),
                    "epoch": self.epoch,
                    "position": position,
                    "stages": len(self.stages),
                    "bind": stage.bind,
                    "window": self._options.window,
                    "input_bytes": stage.input_bytes,
                    "output_bytes": stage.output_bytes,
                    "manifest": self._manifest,
                    "tls": self._tls_on_board(position),
                },
            }
            state.is_spawned = True
            answer = stage.node.request(
                "spawn",
                task=state.task,
                app=self._app,
                name=stage.name,
                peer=position,
                main=stage.main,
                config=config,
                limits=self._options.limits._asdict(),
                cpu=stage.cpu,
                fpga=stage.fpga,
            )
            answers.append((stage.node, answer))
        failures = []
        for position, (node, answer) in enumerate(answers):
            try:
                answer_of(node, answer, 10.0)
            except DeployError as error:
                failures.append(PipelineFailed(position, str(error)))
                # Refused, there is no end to wait for; without an answer there may be.
                self._states[position].is_spawned = not answer.done()
            else:
                self._on_state(position, "spawned")
        if failures:
            raise failures[0]

    def _tls_on_board(self, position: int) -> str | None:
        return self._options.tls_on_boards[position] if self._options.tls_on_boards else None

    def _wait_ready(self) -> None:
        # Each manager watches the time its own stage takes to load; this is for a manager that
        # does not.
        seconds = self._options.limits.load + 10.0
        self._await(lambda state: state.port is not None, seconds, "load")
        for position, state in enumerate(self._states):
            if state.manifest != self._manifest:
                holds = f"the manifest {state.manifest}" if state.manifest else "no manifest"
                wanted = self._manifest or "none, as the application"
                raise PipelineFailed(position, f"it holds {holds}; expected {wanted}")

    def _link_all(self) -> None:
        """One hop after the other, so that no two ends wait for each other."""
        first: socket.socket | None = None
        last: socket.socket | None = None
        try:
            count = len(self.stages)
            for hop in range(count + 1):
                secret, nonce = secrets.token_bytes(32), secrets.token_bytes(32)
                # Hop k leads into stage k, which accepts; hop N leads to us, and we connect.
                acceptor = min(hop, count - 1)
                port = self._states[acceptor].port
                assert port is not None
                host = self.stages[acceptor].node.address.data_host
                self._order_link(acceptor, hop, "accept", host, port, secret, nonce)
                if 0 < hop < count:
                    self._order_link(hop - 1, hop, "connect", host, port, secret, nonce)
                    self._await_linked(hop, acceptor, hop - 1)
                    continue
                tls = None
                if self._options.tls is not None:
                    tls = tls_context(self._options.tls, server=False)
                key = HopKey(hop, self._id, self.epoch, secret, nonce, tls)
                try:
                    connection = connect((host, port), key, self._options.link_seconds)
                except LinkError as error:
                    raise self._verdict(acceptor, str(error)) from error
                if hop == 0:
                    first = connection
                else:
                    last = connection
                self._await_linked(hop, acceptor)
            assert first is not None
            assert last is not None
            self._wire = ClientWire(
                first,
                last,
                (self.stages[0].input_bytes, self.stages[-1].output_bytes),
                self._options.window,
                self.epoch,
                self._states.wake,
            )
        except BaseException:
            for end in (first, last):
                if end is not None:
                    end.close()
            raise

    def _order_link(
        self,
        position: int,
        hop: int,
        role: str,
        host: str,
        port: int,
        secret: bytes,
        nonce: bytes,
    ) -> None:
        # Answered by `linked`; a refusal (the task is gone) shows by its `ended`.
        self.stages[position].node.request(
            "link",
            task=self._states[position].task,
            hop=hop,
            role=role,
            host=host,
            port=port,
            secret=secret.hex(),
            nonce=nonce.hex(),
            seconds=self._options.link_seconds,
        )

    def _await_linked(self, hop: int, *positions: int) -> None:
        theirs = [self._states[position] for position in positions]
        self._await(
            lambda state: state not in theirs or hop in state.links,
            self._options.link_seconds + 2.0,
            f"link hop {hop}",
        )

    def _run_all(self) -> None:
        for stage, state in zip(self.stages, self._states, strict=True):
            stage.node.request("run", task=state.task)
        self._await(lambda state: state.is_running, 10.0, "run")

    def _await(self, is_done: Callable[[StageState], bool], seconds: float, what: str) -> None:
        """Until it ``is_done`` with every stage, unless one ends first."""
        left = self._states.wait_for(is_done, seconds)
        if not left:
            return
        if self._states.has_ended:
            raise self._verdict(None, f"a stage ended before it could {what}")
        summary = self._states.summary()
        raise PipelineFailed(left[0], f"did not {what} in {seconds:g} s: {summary}")

    def _verdict(self, stage: int | None, symptom: str) -> PipelineFailed:
        return self._states.verdict(stage, symptom, self._options.verdict_seconds)

    # -- jobs -----------------------------------------------------------------------------------

    def run(
        self,
        chunks: NDArray[np.uint8],
        *,
        deadline_seconds: float | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> JobOutcome:
        """One job: ``chunks``, uint8 (chunks, input bytes). It ends exactly once, here.

        ``deadline_seconds``: it fails if it takes longer, and the pipeline with it.
        ``on_progress``: called now and then with how many results have come.
        Raises InputError for chunks of another shape, PipelineFailed if the pipeline is down
        already.
        """
        if self._wire is None or self._failure is not None or self._is_closed:
            raise self._failure or PipelineFailed(None, "the pipeline is not up")
        if chunks.ndim != 2 or chunks.shape[1] != self.stages[0].input_bytes:
            raise InputError(
                f"chunks of shape {chunks.shape}",
                expected=f"(chunks, {self.stages[0].input_bytes})",
            )
        self._job += 1
        began = self._progress_at = time.monotonic()
        received_before = -1

        def attend(received: int) -> None:
            nonlocal received_before
            self._states.drain()
            now = time.monotonic()
            if self._states.has_ended:
                raise LinkError("a stage ended")
            if received != received_before or self._states.is_computing:
                received_before, self._progress_at = received, now
            if on_progress is not None:
                on_progress(received)
            if deadline_seconds is not None and now - began > deadline_seconds:
                raise PipelineFailed(None, f"not done within its {deadline_seconds:g} s")
            if now - self._progress_at > self._options.stall_seconds:
                summary = self._states.summary()
                raise PipelineFailed(
                    None, f"nothing moved for {self._options.stall_seconds:g} s: {summary}"
                )

        try:
            result = self._wire.run(self._job, chunks, attend)
        except ChunkFailed as error:
            return JobFailed(self._job, self.epoch, error.stage, error.message, True)
        except (LinkError, FrameError) as error:
            failure = self._verdict(None, str(error))
        except PipelineFailed as error:
            failure = error
        except BaseException:
            # Interrupted within a job: nothing can be said of what is on the way.
            self._failure = PipelineFailed(None, "interrupted")
            raise
        else:
            return JobDone(
                self._job, self.epoch, result.results, result.sent_ns, result.received_ns
            )
        self._failure = failure
        self.close()
        return JobFailed(self._job, self.epoch, failure.stage, failure.reason)

    def timings(self, done: JobDone) -> JobTimings:
        """When each chunk of ``done``, the last job, was where (at most the first 4096 of it).

        Raises PipelineFailed, and the pipeline is down, if a stage does not tell.
        """
        try:
            return self._timings(done)
        except DeployError as error:
            failure = self._verdict(None, str(error))
            self._failure = failure
            self.close()
            raise failure from error

    def _timings(self, done: JobDone) -> JobTimings:
        stages = []
        answers = [
            stage.node.request("timings", task=state.task)
            for stage, state in zip(self.stages, self._states, strict=True)
        ]
        for position, (stage, answer) in enumerate(zip(self.stages, answers, strict=True)):
            told = answer_of(stage.node, answer, 5.0)
            try:
                times = read_times(told, done.job)
            except ReportRefused as error:
                raise DeployError(f"stage {position}: {error}") from error
            offset = stage.node.clock_offset_ns or 0
            arrays = [one + offset for one in times]
            stages.append(StageTimings(position, *arrays))
        timed = min([len(done.sent_ns), *(len(one.sent_ns) for one in stages)])
        return JobTimings(
            done.sent_ns[:timed],
            done.received_ns[:timed],
            tuple(
                StageTimings(
                    one.position,
                    one.received_ns[:timed],
                    one.started_ns[:timed],
                    one.finished_ns[:timed],
                    one.sent_ns[:timed],
                )
                for one in stages
            ),
        )

    # -- the end --------------------------------------------------------------------------------

    def close(self) -> None:
        """End every stage, and wait until each has ended, or its board is lost. May be repeated."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._wire is not None:
            # Between two jobs the stages take the end of the stream as theirs.
            self._wire.close()
        for stage, state in zip(self.stages, self._states, strict=True):
            if state.must_end:
                stage.node.request("stop", task=state.task)
        self._states.wait_until_gone(_END_SECONDS)
        self._forget()
        self._states.close()
