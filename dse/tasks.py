"""What the sweep driver gives its workers to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finn_flows.backends.interface import Backend, Part, SharedStep, StepSharingBackend
from reports.sweep_record import SweepRecord


@dataclass(frozen=True)
class BuildTask:
    """Build ``part`` with ``backend`` in the existing, empty ``directory``."""

    part: Part
    backend: Backend
    directory: Path

    def run(self) -> SweepRecord:
        """The record. ValueError if the backend's result contradicts itself."""
        from dse.design_point import built_record
        from reports.record_file import dump_record

        record = built_record(
            self.part, self.backend, self.backend.build(self.part, self.directory)
        )
        dump_record(record)  # raises
        return record


@dataclass(frozen=True)
class PlanTask:
    """Ask ``backend`` for the steps that ``points`` share."""

    points: tuple[Part, ...]
    backend: StepSharingBackend
    directory: Path

    def run(self) -> Sequence[SharedStep]:
        """The steps, in the order in which to start them."""
        return tuple(self.backend.shared_steps(self.points))


@dataclass(frozen=True)
class StepTask:
    """Do one shared step; its result is where the backend keeps it."""

    function: Callable[..., object]
    arguments: tuple[Any, ...]
    directory: Path

    def run(self) -> None:
        self.function(*self.arguments)
