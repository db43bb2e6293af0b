"""One application on boards, as the client has it: what its node managers told of it so far.

Methods named ``told_*`` are called in the control thread: they are quick, and ask for no answer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from dse.deploy.app_output import AppOutput, Output
from dse.deploy.app_state import AppState, ReplicaPhase, ReplicaState
from dse.deploy.application import Application
from dse.deploy.board import Board
from dse.deploy.node_control import Message, NodeControl

#: Events that are kept while tasks still start; more are lost.
MOST_HELD = 1000


@dataclass
class Replica:
    """A replica of a task. ``task_id``: of its process, in control messages."""

    task_id: str
    task: str
    peer: int
    board: Board
    cpu: int
    fpga: int
    node: NodeControl | None = None
    phase: ReplicaPhase = "starting"
    reason: str | None = None
    is_stopping: bool = False
    lost_at_end: Message | None = None

    @property
    def is_over(self) -> bool:
        """Whether its process is no more."""
        return self.phase in ("ended", "failed", "killed")

    def lost(self, kind: str) -> int:
        """How much of ``kind`` (``output``, ``event``) its board could not send us, as of the last
        heartbeat."""
        told = self.lost_at_end
        if told is None and self.node is not None:
            told = self.node.readings.get(self.task_id, {}).get("lost")
        count = told.get(kind) if isinstance(told, dict) else None
        return count if isinstance(count, int) else 0


class JobRun:
    """One call of send_job_data. ``is_killed`` is set to end it."""

    def __init__(self) -> None:
        self.is_killed = threading.Event()


class RunningApp:
    """``nodes``: gives the node managers of its boards. ``job_boards``: one for each job.
    ``prefix``: of its files on the boards."""

    def __init__(
        self,
        app_id: str,
        application: Application,
        prefix: str,
        nodes: Callable[[RunningApp], Sequence[NodeControl]],
    ) -> None:
        self.app_id = app_id
        self.application = application
        self.prefix = prefix
        self.job_boards: tuple[Board, ...] = ()
        self.replicas: tuple[Replica, ...] = ()
        self.runs: list[JobRun] = []
        self.is_killed = False
        self.changed = threading.Condition(threading.RLock())
        self.output = AppOutput(self.changed)
        self.dropped_said = 0
        self._events_lost = 0
        self._lost_before = {"output": 0, "event": 0}  # by replicas that are no more
        self._held: list[Message] = []
        self._nodes = nodes

    @property
    def boards(self) -> tuple[Board, ...]:
        """Those that it is on, each once."""
        boards = [replica.board for replica in self.replicas] + list(self.job_boards)
        return tuple({board.name: board for board in boards}.values())

    def state(self) -> AppState:
        """How it stands now."""
        with self.changed:
            return AppState(
                self.app_id,
                self.is_killed,
                tuple(
                    ReplicaState(one.task, one.peer, one.board.name, one.phase, one.reason)
                    for one in self.replicas
                ),
                len(self.runs),
                self.outputs_dropped,
                self._events_lost + self._lost("event"),
            )

    @property
    def outputs_dropped(self) -> int:
        """Here, and on the boards."""
        return self.output.dropped + self._lost("output")

    def place(self, replicas: tuple[Replica, ...], job_boards: tuple[Board, ...]) -> None:
        """It starts (again), there."""
        with self.changed:
            for kind in self._lost_before:
                self._lost_before[kind] = self._lost(kind)
            self.replicas, self.job_boards = replicas, job_boards

    def _lost(self, kind: str) -> int:
        return self._lost_before[kind] + sum(replica.lost(kind) for replica in self.replicas)

    def wait(self, is_so: Callable[[], bool], seconds: float) -> bool:
        """Until ``is_so``; False after ``seconds`` without."""
        deadline = time.monotonic() + seconds
        with self.changed:
            while not is_so():
                if not self.changed.wait(max(0.0, deadline - time.monotonic())):
                    return is_so()
            return True

    @property
    def is_starting(self) -> bool:
        """Whether a replica does not run yet that still may."""
        return any(replica.phase == "starting" for replica in self.replicas)

    @property
    def is_over(self) -> bool:
        """Whether nothing of it runs."""
        return not self.runs and all(replica.is_over for replica in self.replicas)

    # -- what nodes tell ------------------------------------------------------------------------

    def told_lost(self, node: NodeControl) -> None:
        """A board is silent."""
        for replica in self.replicas:
            if replica.node is node:
                self._end(replica, f"board {node.name} is silent")
        self._changed()

    def told_of_task(self, node: NodeControl, message: Message) -> None:
        """``ready`` or ``ended`` of one of its tasks, or of none of them."""
        for replica in self.replicas:
            if replica.task_id == message.get("task") and replica.node is node:
                if message["type"] == "ended":
                    replica.lost_at_end = message.get("lost")
                    reason = message.get("reason")
                    self._end(replica, None if reason is None else str(reason))
                elif replica.phase == "starting":
                    with self.changed:
                        replica.phase = "running"
                self._changed()

    def told_output(self, node: NodeControl, message: Message) -> None:
        """One of its tasks or jobs gives something out."""
        if node in self._nodes(self) and isinstance(message.get("peer"), int):
            output = Output(str(message.get("name")), message["peer"], message.get("data"))
            self.output.put(output)

    def told_event(self, node: NodeControl, message: Message) -> None:
        """One of its tasks or jobs fires an event: to every manager that has some of it, and there
        to those that are meant. While tasks start it is kept, since they do not hear yet."""
        if node not in self._nodes(self):
            return
        if not self.is_starting:
            self._spread(message)
        elif len(self._held) < MOST_HELD:
            self._held.append(message)
        else:
            self._count_lost()

    def _changed(self) -> None:
        with self.changed:
            self.changed.notify_all()
        if self._held and not self.is_starting:
            held, self._held = self._held, []
            for message in held:
                self._spread(message)

    def _end(self, replica: Replica, reason: str | None) -> None:
        with self.changed:
            if replica.is_over:
                return
            if replica.is_stopping:
                replica.phase = "killed"
            else:
                replica.phase, replica.reason = "ended" if reason is None else "failed", reason

    def _spread(self, message: Message) -> None:
        fields = {name: message.get(name) for name in ("event", "to", "peer", "source", "data")}
        for node in self._nodes(self):
            node.request("event", app=self.app_id, **fields).add_done_callback(self._is_told)

    def _is_told(self, answer: Future[Message]) -> None:
        if answer.cancelled() or answer.exception() is not None:
            self._count_lost()

    def _count_lost(self) -> None:
        with self.changed:
            self._events_lost += 1
