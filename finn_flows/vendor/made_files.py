"""What a tool must leave behind: whether it is there, and whether it is new."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

#: Of everything below a path: how many files, their bytes, the newest change (ns).
Stamp = tuple[int, int, int]


def stamps(paths: Iterable[Path]) -> dict[Path, Stamp]:
    """What each path holds now."""
    return {path: _stamp(path) for path in paths}


def not_made(paths: Iterable[Path], before: dict[Path, Stamp]) -> list[Path]:
    """Those of ``paths`` that are empty, are not there, or are as they were ``before``."""
    return [path for path in paths if not _is_new(_stamp(path), before.get(path))]


def _is_new(now: Stamp, before: Stamp | None) -> bool:
    files, size, _ = now
    return files > 0 and size > 0 and now != before


def _stamp(path: Path) -> Stamp:
    files = size = newest = 0
    for file in _files(path):
        try:
            found = file.stat()
        except OSError:
            continue
        files += 1
        size += found.st_size
        newest = max(newest, found.st_mtime_ns)
    return files, size, newest


def _files(path: Path) -> Iterable[Path]:
    if path.is_file():
        return (path,)
    return (Path(folder) / name for folder, _, names in os.walk(path) for name in names)
