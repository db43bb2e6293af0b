"""Sleeping backends that need something of the worker they run on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dse.errors import BuildError
from finn_flows.backends.interface import BuildResult, Part
from finn_flows.build_status import write_status
from tests.dse.sleeping_backend import SleepingBackend, part_slug


@dataclass
class TaggedBackend(SleepingBackend):
    """Needs a host with a tag; says what it is at."""

    resources: Mapping[str, float] = field(default_factory=lambda: {"tool": 1.0})

    def build(self, part: Part, directory: Path) -> BuildResult:
        write_status(directory, f"at {part_slug(part)}")
        return super().build(part, directory)


@dataclass
class ElsewhereBackend(TaggedBackend):
    """Has its tool only where the environment says so."""

    def check(self) -> None:
        if "TOOL_IS_HERE" not in os.environ:
            raise BuildError("the tool is not on PATH")

    def tool_versions(self) -> dict[str, str]:
        return {"tool": os.environ.get("TOOL_IS_HERE", "none")}


@dataclass
class WorkerKiller(SleepingBackend):
    """Kills the Dask worker that builds the whole network, and keeps the others busy meanwhile."""

    def build(self, part: Part, directory: Path) -> BuildResult:
        if part.cut is None:
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(60)
        return super().build(part, directory)
