"""What a board's set-up says, as part of the key of everything that is built for it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from dse.errors import InputError
from finn_flows.vivado.board import VivadoBoard

#: A larger file in a board's folder is a picture or a manual: its size stands for it.
_LARGEST_FILE = 1 << 24
_LARGEST_PRESET = 1 << 22
#: So early in a board.xml, of hundreds of kB, the board is named.
_HEAD = 1 << 16
_NAME = re.compile(rb"<board\b[^>]*?\sname\s*=\s*[\"']([^\"']*)[\"']", re.DOTALL)


def board_text(board: VivadoBoard | None) -> str:
    """The board by name, and what of it is the user's own by content.

    Raises InputError, naming the file, where that cannot be read.
    """
    if board is None:
        return "none"
    facts = [repr(replace(board, board_files=None, ps_preset=None))]
    if board.ps_preset is not None:
        facts.append(preset_text(board.ps_preset))
    if board.board_files is not None:
        facts += _contents(board)
    return f"{board.name} {hashlib.sha256(repr(facts).encode()).hexdigest()[:16]}"


def preset_text(file: Path) -> str:
    """The Tcl of a preset. InputError, one line, where it cannot be read or is none."""
    expected = "a Tcl file that sets up the processing system"
    try:
        with file.open("rb") as opened:
            content = opened.read(_LARGEST_PRESET + 1)
    except OSError as error:
        raise InputError(
            f"ps_preset cannot be read: {error.strerror or error}", where=file, expected=expected
        ) from error
    if len(content) > _LARGEST_PRESET:
        raise InputError("ps_preset is too large for a preset", where=file, expected=expected)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InputError("ps_preset is not text in UTF-8", where=file, expected=expected) from error


def board_folders(files: Path, name: str) -> list[Path]:
    """Folders below ``files``, where Vivado looks for boards, with a board.xml of board ``name``.

    By what the file says, or the name of its folder, in any case. OSError where it cannot be read.
    """
    found = []
    for pattern in ("*/*/board.xml", "*/board.xml", "board.xml"):
        for file in files.glob(pattern):
            with file.open("rb") as opened:
                said = _NAME.search(opened.read(_HEAD))
            names = {file.parent.name.lower(), file.parent.parent.name.lower()}
            if said is not None:
                names.add(said[1].decode(errors="replace").lower())
            if name.lower() in names:
                found.append(file.parent)
    return sorted(found)


def _contents(board: VivadoBoard) -> Iterator[str]:
    """Of each file that belongs to ``board.board_part`` in the folder that the user names."""
    assert board.board_files is not None
    assert board.board_part is not None
    files, name = board.board_files, board.board_part.split(":")[1]
    try:
        if not files.is_dir():
            raise InputError(f"board_files of {board.name} is no folder", where=files)
        for folder in board_folders(files, name):
            for file in sorted(path for path in folder.rglob("*") if path.is_file()):
                size = file.stat().st_size
                content = str(size)
                if size <= _LARGEST_FILE:
                    content = hashlib.sha256(file.read_bytes()).hexdigest()
                yield f"{file.relative_to(files)} {content}"
    except OSError as error:
        raise InputError(
            f"board_files of {board.name} cannot be read: {error.strerror or error}",
            where=error.filename or files,
        ) from error
