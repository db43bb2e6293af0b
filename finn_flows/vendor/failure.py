"""What can become of a vendor tool's run, in classes, so that each is named and treated rightly."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from dse.errors import BuildError


class FailureKind(StrEnum):
    """Why a build step failed. The value is how a person reads it."""

    TOOL_MISSING = "tool missing"
    LICENCE = "no licence"
    DOES_NOT_FIT = "does not fit"
    TIMING = "timing not met"
    OUT_OF_MEMORY = "out of memory"
    OUT_OF_TIME = "out of time"
    CRASH = "crash"
    DISK_FULL = "disk full"
    #: The tool refused what it was given: its first ERROR line says why.
    REFUSED = "error"
    #: It ended well, but what it should have left is missing, cut short or of another design.
    DAMAGED_RESULT = "damaged result"


@dataclass(frozen=True)
class Excess:
    """A resource of which a design needs more than the device has, as the tool counts both.

    ``resource``: a field name of :class:`reports.utilization.Utilization` where the tool's word is
    one of these, else the tool's own word.
    """

    resource: str
    needed: float
    available: float


class ToolError(BuildError):
    """A step of a build failed. ``str`` is one line: step, kind, the tool's first ERROR, the log.

    ``excess`` is filled for :attr:`FailureKind.DOES_NOT_FIT` only, and empty even then where the
    tool does not say by how much.
    """

    def __init__(
        self,
        step: str,
        kind: FailureKind,
        reason: str,
        *,
        log: Path | None = None,
        excess: tuple[Excess, ...] = (),
    ) -> None:
        self.step = step
        self.kind = kind
        self.reason = reason
        self.log = log
        self.excess = excess
        super().__init__(f"{step}: {kind.value}: {reason}", where=log)

    def __reduce__(self) -> tuple[Any, ...]:
        # As an exception alone it would be made again from its one line.
        return _again, (self.step, self.kind, self.reason, self.log, self.excess), self.__dict__


def _again(
    step: str, kind: FailureKind, reason: str, log: Path | None, excess: tuple[Excess, ...]
) -> ToolError:
    return ToolError(step, kind, reason, log=log, excess=excess)
