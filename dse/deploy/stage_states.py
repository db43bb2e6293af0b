"""What the client knows of a pipeline's stages: what their boards told, and whom it blames."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from dse.deploy.node_control import Message, NodeControl
from dse.deploy.pipeline_plan import PipelineFailed, StagePlan, StateListener
from dse.deploy.stage_reports import ReportRefused, read_linked, read_ready

#: Causes that are the consequence of another one, in all likelihood; the last one in any case.
_CONSEQUENCES = ("link", "neighbour")


@dataclass
class StageState:
    """What is known of one stage. ``ended``: why it is over ("" in peace); ``cause``: of what kind
    (dse/deploy/node/child.py); ``is_gone``: its board said so, or is lost: there is nothing of it
    to end."""

    task: str
    is_spawned: bool = False
    port: int | None = None
    manifest: str | None = None
    links: set[int] = field(default_factory=set)
    is_running: bool = False
    ended: str | None = None
    cause: str = ""
    is_gone: bool = False

    @property
    def must_end(self) -> bool:
        """Whether there may be something of it on its board."""
        return self.is_spawned and not self.is_gone


class StageStates:
    """The states of ``stages``, whose tasks are called ``tasks``, in their order. Boards' words
    come in by :meth:`told`, in the control thread. ``wake``: a file descriptor that becomes
    readable when a stage has ended; :meth:`drain` it then.
    """

    def __init__(
        self, stages: Sequence[StagePlan], tasks: Sequence[str], on_state: StateListener
    ) -> None:
        self._stages = stages
        self._on_state = on_state
        self._states = [StageState(task) for task in tasks]
        self._changed = threading.Condition()
        self.wake, self._ring = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(self._ring, False)
        self._is_closed = False

    def __iter__(self) -> Iterator[StageState]:
        return iter(self._states)

    def __getitem__(self, position: int) -> StageState:
        return self._states[position]

    @property
    def has_ended(self) -> bool:
        """Whether a stage is over."""
        return any(state.ended is not None for state in self._states)

    @property
    def is_computing(self) -> bool:
        """Whether a stage is at a chunk, as of the last heartbeat: its manager watches it."""
        return any(
            reading.get("state") == "computing"
            for reading in self._readings()
            if reading is not None
        )

    def summary(self) -> str:
        """Each stage in a word or two."""
        said = []
        for position, (state, reading) in enumerate(
            zip(self._states, self._readings(), strict=True)
        ):
            if state.ended is not None:
                word = f"ended ({state.ended})" if state.ended else "ended"
            elif reading is None:
                word = "unknown"
            else:
                word = str(reading.get("state"))
            said.append(f"stage {position} {word}")
        return ", ".join(said)

    def _readings(self) -> list[Message | None]:
        readings = [
            stage.node.readings.get(state.task)
            for stage, state in zip(self._stages, self._states, strict=True)
        ]
        return [reading if isinstance(reading, dict) else None for reading in readings]

    # -- what boards tell -----------------------------------------------------------------------

    def told(self, node: NodeControl, message: Message) -> None:
        """``message`` came from ``node``, of its own accord."""
        kind = message["type"]
        with self._changed:
            if kind == "lost":
                for position, stage in enumerate(self._stages):
                    if stage.node is node:
                        self._states[position].is_gone = True
                        self._end(position, f"board {node.name} is silent", "lost")
            else:
                task = message.get("task")
                for position, state in enumerate(self._states):
                    if state.task == task and self._stages[position].node is node:
                        try:
                            self.stage_told(position, state, kind, message)
                        except ReportRefused as error:
                            self._end(position, str(error), "protocol")
            self._changed.notify_all()

    def stage_told(self, position: int, state: StageState, kind: str, message: Message) -> None:
        """The same of one stage. ReportRefused for what cannot be."""
        if kind == "ready":
            state.port, state.manifest = read_ready(message)
        elif kind == "linked":
            state.links.add(read_linked(message, position))
        elif kind == "running":
            state.is_running = True
        elif kind == "ended":
            reason = message.get("reason")
            state.is_gone = True
            self._end(position, str(reason or ""), str(message.get("cause", "")))
            return
        else:
            return
        self._on_state(position, kind)

    def _end(self, position: int, reason: str, cause: str) -> None:
        state = self._states[position]
        if state.ended is None:
            state.ended, state.cause = reason, cause
            self._on_state(position, "ended")
        if not self._is_closed:  # else the number may be another file's by now
            with suppress(BlockingIOError):
                os.write(self._ring, b"x")

    # -- waiting for it -------------------------------------------------------------------------

    def wait_for(self, is_done: Callable[[StageState], bool], seconds: float) -> list[int]:
        """Until it ``is_done`` with every stage, one has ended, or the time is up; the positions
        of those with which it is not done."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                left = [at for at, state in enumerate(self._states) if not is_done(state)]
                if not left or self.has_ended:
                    return left
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    return left

    def wait_until_gone(self, seconds: float) -> None:
        """Until nothing of any stage is on its board, or the time is up."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while any(state.must_end for state in self._states):
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    return

    def verdict(self, stage: int | None, symptom: str, seconds: float) -> PipelineFailed:
        """What is behind ``symptom``, seen at ``stage``: the stage that failed first, not those
        that it took along. Its word is waited for, ``seconds`` at most."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                ended = [
                    (position, state)
                    for position, state in enumerate(self._states)
                    if state.ended is not None
                ]
                causes = [
                    one for one in ended if one[1].ended and one[1].cause not in _CONSEQUENCES
                ]
                if causes:
                    position, state = causes[0]
                    return PipelineFailed(position, state.ended or "")
                if len(ended) == len(self._states):
                    break
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    break
        for position, state in ended:
            if not state.ended:
                return PipelineFailed(position, "its process ended of its own accord")
        if ended:
            position, state = min(ended, key=lambda one: _CONSEQUENCES.index(one[1].cause))
            return PipelineFailed(position, state.ended or "")
        return PipelineFailed(stage, symptom)

    def drain(self) -> None:
        """``wake`` was seen."""
        with suppress(BlockingIOError):
            os.read(self.wake, 4096)

    def close(self) -> None:
        """Give ``wake`` back; words that come later are taken in all the same."""
        with self._changed:
            self._is_closed = True
            os.close(self._ring)
            os.close(self.wake)
