"""How an application stands: each replica of its tasks, and what was lost of what they said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ReplicaPhase = Literal["starting", "running", "ended", "failed", "killed"]


@dataclass(frozen=True)
class ReplicaState:
    """``peer``: which replica of ``task``, from 0. ``reason``: why it failed, else None."""

    task: str
    peer: int
    board: str
    phase: ReplicaPhase
    reason: str | None = None

    def __str__(self) -> str:
        why = "" if self.reason is None else f": {self.reason}"
        return f"{self.task} {self.peer} on {self.board} {self.phase}{why}"


@dataclass(frozen=True)
class AppState:
    """``jobs_running``: pipelines of it that are up or being set up. ``outputs_dropped``: for want
    of a consumer; ``events_lost``: that could not be brought to a board, or came too early and too
    many."""

    app_id: str
    is_killed: bool
    replicas: tuple[ReplicaState, ...]
    jobs_running: int
    outputs_dropped: int
    events_lost: int

    @property
    def failed(self) -> tuple[ReplicaState, ...]:
        """Replicas that failed, each with its reason."""
        return tuple(one for one in self.replicas if one.phase == "failed")
