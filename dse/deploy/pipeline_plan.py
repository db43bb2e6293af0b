"""What a pipeline is made of, and what it may take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dse.deploy.node.child import Limits
from dse.deploy.node_control import NodeControl
from dse.errors import DeployError

#: Told of each change: position of the stage and its new state in a word.
StateListener = Callable[[int, str], None]


@dataclass(frozen=True)
class StagePlan:
    """One stage. ``node``: the manager of its board; ``main``: the program, an absolute path on
    the board; ``config``: what its ``_parse_config`` gets, beside ``pipeline``; ``name``: of the
    task in app.yaml; ``bind``: the address it listens on, on its board."""

    node: NodeControl
    main: str
    config: dict[str, Any]
    input_bytes: int
    output_bytes: int
    name: str = "stage"
    bind: str = "127.0.0.1"
    cpu: int = 1000
    fpga: int = 1


@dataclass(frozen=True)
class PipelineOptions:
    """``window``: chunks on the way over a hop at most; ``limits``: of the stages' compute
    threads; ``link_seconds``: to set up one hop; ``stall_seconds``: without any result, while no
    stage is seen computing, after which a job fails; ``verdict_seconds``: how long the reason of a
    broken hop is waited for; ``tls``: PEM file for the client's ends, ``tls_on_boards``: its path
    on each board."""

    window: int = 64
    limits: Limits = field(default_factory=Limits)
    link_seconds: float = 10.0
    stall_seconds: float = 15.0
    verdict_seconds: float = 5.0
    tls: Path | None = None
    tls_on_boards: tuple[str, ...] = ()


class PipelineFailed(DeployError):
    """The pipeline cannot be set up, or is down. ``stage``: where it began, None if unknown."""

    def __init__(self, stage: int | None, reason: str) -> None:
        super().__init__(f"stage {stage}: {reason}" if stage is not None else reason)
        self.stage = stage
        self.reason = reason
