"""Which split and part a Vivado run was of: from runs.toml, else from the names of its folders."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from dse.errors import InputError
from dse.toml_file import parse_toml, toml_text
from reports.sweep_record import PartName
from reports.utilization import Scope

RUNS_FILE = "runs.toml"

_SPLIT = re.compile(r"(?:^|[^a-z0-9])(?:split|cut|layer|l)[ _.-]?([0-9]{1,3})(?![0-9])")
_PART = re.compile(r"(?:^|[^a-z])(first|second|whole|unsplit)(?![a-z])")
_POOL = re.compile(r"pool[ _.-]?(before|after)(?![a-z])")
_KEYS = {"report", "part", "split", "pool", "scope"}


@dataclass(frozen=True)
class RunPoint:
    """A design point as a user names it; ``scope`` None where nothing is said."""

    part: PartName
    split: int | None
    pool: str | None
    scope: Scope | None = None


def point_from_names(path: PurePath) -> RunPoint | None:
    """From the names in ``path`` (relative to the imported folder); None if they do not tell.

    ``split3``, ``split_3``, ``l3``, ``cut-3`` name the split, ``first`` (the default), ``second``
    the part, ``whole`` or ``unsplit`` the network unsplit, ``pool_after`` the side of the pool.
    Names that contradict each other do not tell.
    """
    names = [name.lower() for name in path.parts]
    splits = {int(number) for name in names for number in _SPLIT.findall(name)}
    parts = {part.replace("unsplit", "whole") for name in names for part in _PART.findall(name)}
    pools = {pool for name in names for pool in _POOL.findall(name)}
    if len(splits) > 1 or len(parts) > 1 or len(pools) > 1:
        return None
    if parts == {"whole"}:
        return None if splits or pools else RunPoint(PartName.WHOLE, None, None)
    if not splits:
        return None
    part = PartName(parts.pop()) if parts else PartName.FIRST
    return RunPoint(part, splits.pop(), pools.pop() if pools else "before")


def read_runs_file(folder: Path) -> dict[Path, RunPoint] | None:
    """The points by report that ``folder/runs.toml`` lists, None without such a file.

    Raises InputError for a file that is not as :func:`runs_template` shows it.
    """
    path = folder / RUNS_FILE
    if not path.exists():
        return None
    content = parse_toml(toml_text(path, "a list of runs"), path)
    runs = content.get("run")
    if set(content) != {"run"} or not isinstance(runs, list) or not runs:
        raise InputError("no runs", where=path, expected="[[run]] tables with report, part, split")
    points: dict[Path, RunPoint] = {}
    for number, run in enumerate(runs, 1):
        report, point = _run(run, path, number)
        file = folder / report
        if not file.is_file():
            raise InputError(f"run {number}: no file {report}", where=path)
        if file in points:
            raise InputError(f"run {number}: {report} is listed twice", where=path)
        points[file] = point
    return points


def runs_template(reports: list[str]) -> str:
    """What to write into runs.toml for ``reports``, on one line."""
    return f"into {RUNS_FILE}: " + " ".join(
        f'[[run]] report = "{report}" part = "first|second|whole" split = K' for report in reports
    )


def _run(run: Any, path: Path, number: int) -> tuple[str, RunPoint]:
    def wrong(message: str, choices: list[str] | None = None) -> InputError:
        return InputError(f"run {number}: {message}", where=path, choices=choices)

    if not isinstance(run, dict) or not isinstance(run.get("report"), str):
        raise wrong('no report = "FILE"')
    unknown = set(run) - _KEYS
    if unknown:
        raise wrong(f"unknown key {sorted(unknown)[0]}", sorted(_KEYS))
    if run.get("part") not in list(PartName):
        raise wrong(f"part {run.get('part')!r}", list(PartName))
    part = PartName(run["part"])
    split, pool, scope = run.get("split"), run.get("pool"), run.get("scope")
    if scope is not None and scope not in list(Scope):
        raise wrong(f"scope {scope!r}", list(Scope))
    if part is PartName.WHOLE:
        if split is not None or pool is not None:
            raise wrong("the whole network has neither split nor pool")
    else:
        if not isinstance(split, int) or isinstance(split, bool) or split < 0:
            raise wrong(f"split {split!r}, which is no layer number")
        if pool not in (None, "before", "after"):
            raise wrong(f"pool {pool!r}", ["before", "after"])
        pool = pool or "before"
    return run["report"], RunPoint(part, split, pool, None if scope is None else Scope(scope))
