"""Sweeps of many quick builds, and what a store holds after them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dse.executors.interface import Executor
from dse.point_result import PointResult
from dse.progress import SilentProgress
from dse.space import design_points
from dse.store import CONTENTS, ResultStore
from dse.sweep_build import Doing
from dse.sweep_driver import sweep
from finn_flows.backends.interface import Backend, Part
from tests.dse.sleeping_backend import SleepingBackend
from tests.dse.small_network import small_folding, small_network

_DEVICE = "xc7z020clg400-1"


def points(count: int = 8) -> list[Part]:
    """So many points, none of them empty, of the small network at several clocks."""
    some = design_points(small_network(), None, "both", small_folding(), _DEVICE, 100.0)[:8]
    rounds = -(-count // len(some))
    many = [replace(part, clock_mhz=100.0 + step) for step in range(rounds) for part in some]
    return many[:count]


@dataclass
class Diary(SilentProgress):
    """What a sweep told."""

    notes: list[str] = field(default_factory=list)
    finishes: Counter[tuple[str, float]] = field(default_factory=Counter)
    statuses: set[tuple[str, str]] = field(default_factory=set)

    def finished(self, result: PointResult, seconds: float | None) -> None:
        self.finishes[str(result.part), result.part.clock_mhz] += 1

    def doing(self, statuses: Sequence[Doing]) -> None:
        self.statuses.update((one.name, one.status) for one in statuses)

    def note(self, line: str) -> None:
        self.notes.append(line)


def run(
    parts: Sequence[Part],
    out: Path,
    executor: Executor,
    diary: Diary | None = None,
    backend: Backend | None = None,
) -> list[PointResult]:
    """A sweep into ``out/store``."""
    with ResultStore(out / "store") as store, executor:
        return sweep(parts, backend or SleepingBackend(), store, executor, diary or Diary())


def contents(out: Path) -> dict[str, bytes]:
    """Every file of the results in ``out/store``, each held against its folder's list."""
    found = {}
    for folder in (out / "store").glob("?" * 64):
        listed = json.loads((folder / CONTENTS).read_text())
        files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        assert files == {*listed, CONTENTS}
        for name in files:
            data = (folder / name).read_bytes()
            if name != CONTENTS:
                assert hashlib.sha256(data).hexdigest() == listed[name]["sha256"]
            found[f"{folder.name}/{name}"] = data
    assert not list((out / "store").glob(".*"))
    return found


def builds(orders: Path) -> list[tuple[str, int]]:
    """Part and process of every build that has begun."""
    log = orders / "builds"
    lines = log.read_text().splitlines() if log.exists() else []
    return [(line.split()[0], int(line.split()[1])) for line in lines]
