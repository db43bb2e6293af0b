"""What files were when a step finished, written down so that a later change shows."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

#: Larger files (checkpoints, bitstreams of large devices) are told by their size alone.
HASHED_BYTES = 64 * 1024**2
_PIECE_BYTES = 1 << 20


def describe(paths: Iterable[Path], root: Path) -> list[dict[str, Any]]:
    """Each file of ``paths`` (a folder stands for all in it): path, bytes, sha256 of smaller ones.

    Paths below ``root`` are written relative to it. Raises FileNotFoundError for a path that is
    not there, and for a folder without a file.
    """
    described = []
    for path in paths:
        files = sorted(_files(path))
        if not files:
            raise FileNotFoundError(2, "it is not there, or empty", str(path))
        described += [_describe(file, root) for file in files]
    return described


def are_intact(described: Iterable[dict[str, Any]], root: Path) -> bool:
    """Whether every file is as it was described."""
    try:
        return all(_describe(root / entry["path"], root) == entry for entry in described)
    except (OSError, KeyError, TypeError):
        return False


def _describe(file: Path, root: Path) -> dict[str, Any]:
    size = file.stat().st_size
    shown = file.relative_to(root) if file.is_relative_to(root) else file
    return {
        "path": str(shown),
        "bytes": size,
        "sha256": _sha256(file) if size < HASHED_BYTES else None,
    }


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def _files(path: Path) -> Iterable[Path]:
    if path.is_file():
        return [path]
    return [Path(folder) / name for folder, _, names in os.walk(path) for name in names]
