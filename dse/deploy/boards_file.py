"""``boards.toml``: the boards that one can deploy to (docs/formats.md)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from dse.atomic_write import atomic_write
from dse.clock_range import LEAST_MHZ, MOST_MHZ
from dse.deploy.node.engines import ENGINES
from dse.deploy.stage_names import is_plain_name
from dse.errors import DeployError, InputError
from dse.resource_counts import checked_counts, checked_shares
from dse.toml_file import parse_toml, toml_text

_HEADER = re.compile(r"\s*\[\[\s*(?:boards|\"boards\"|'boards')\s*\]\]\s*(?:#.*)?")
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,252}")
_USER = re.compile(r"[A-Za-z0-9_][^\s@:/\x00-\x1f]{0,63}")


@dataclass(frozen=True)
class BoardEntry:
    """One board. None: not said.

    ``address``: host name, IPv4 address, or a name from the ssh configuration; ``user``, ``port``:
    those of ssh, else ssh's own configuration and defaults; ``engine``: what computes there;
    ``part``: of its FPGA, such as xc7z020clg400-1; ``python``: the interpreter there; ``link``:
    what it is connected by, as text; ``key``: file of the private ssh key; ``known_hosts``: file
    of host keys; ``bitstreams``: folder of `dse build` with the overlay (engine pynq). A
    path in the file is relative to the file; ``~`` is the home folder. In here it is absolute.

    For `dse plan`: ``board``: as FINN names it, in place of ``part`` or beside it; ``clock``: MHz;
    ``reserve``: counts that shell and others keep; ``usable``: greatest share of each resource.
    """

    name: str
    address: str
    engine: str
    user: str | None = None
    port: int | None = None
    part: str | None = None
    python: str = "python3"
    link: str | None = None
    key: Path | None = None
    known_hosts: Path | None = None
    bitstreams: Path | None = None
    board: str | None = None
    clock: float | None = None
    reserve: Mapping[str, float] | None = field(default=None, hash=False)
    usable: Mapping[str, float] | None = field(default=None, hash=False)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and 0 < len(value.strip()) <= 200


def _is_host(value: object) -> bool:
    return isinstance(value, str) and _HOST.fullmatch(value) is not None


def _is_port(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535


def _is_user(value: object) -> bool:
    return isinstance(value, str) and _USER.fullmatch(value) is not None


def _is_command(value: object) -> bool:
    return _is_text(value) and not str(value).startswith("-")


def _is_clock(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and LEAST_MHZ <= value <= MOST_MHZ  # type: ignore[operator]


def _passes(check: Callable[[Mapping[str, float]], object]) -> Callable[[object], bool]:
    def is_right(value: object) -> bool:
        try:
            return isinstance(value, dict) and bool(check(value))
        except InputError:
            return False

    return is_right


#: Key -> what is right, and in words.
_RIGHT: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "name": (
        lambda value: isinstance(value, str) and is_plain_name(value),
        "up to 64 letters, digits, dots, hyphens and underscores, a letter or digit first",
    ),
    "address": (_is_host, "a host name or an IPv4 address"),
    "engine": (lambda value: isinstance(value, str) and value in ENGINES, "the name of an engine"),
    "user": (_is_user, "a user name"),
    "port": (_is_port, "a number from 1 to 65535"),
    "part": (_is_text, "the name of a part, such as xc7z020clg400-1"),
    "python": (_is_command, "a command or path, such as python3"),
    "link": (_is_text, "a line of text, such as 1Gbit/s"),
    "key": (_is_text, "a path"),
    "known_hosts": (_is_text, "a path"),
    "bitstreams": (_is_text, "a path"),
    "board": (_is_text, "the name of a board of FINN's, such as Pynq-Z1"),
    "clock": (_is_clock, f"MHz, {LEAST_MHZ:g} to {MOST_MHZ:g}"),
    "reserve": (_passes(checked_counts), "counts of resources: { lut = 5000, bram = 6 }"),
    "usable": (_passes(checked_shares), "shares of resources, above 0 to 1: { bram = 0.9 }"),
}
_REQUIRED = ("name", "address", "engine")
_PATHS = ("key", "known_hosts", "bitstreams")


def read_boards(path: Path) -> tuple[BoardEntry, ...]:
    """The boards in the file, in its order; at least one.

    Raises DeployError, naming the file, the line where it is known, and what would be valid.
    """
    boards = _parse(_text(path), path)
    if not boards:
        raise DeployError("names no board", where=path, expected="[[boards]] for each board")
    return boards


def choose_boards(
    boards: Sequence[BoardEntry], names: Sequence[str], path: Path
) -> list[BoardEntry]:
    """Those named, in the order named; all of them for no name. Raises InputError for others."""
    by_name = {board.name: board for board in boards}
    for name in names:
        if name not in by_name:
            raise InputError(f"there is no board {name!r}", where=path, choices=by_name)
    return [by_name[name] for name in names] if names else list(boards)


def add_board(path: Path, board: Mapping[str, Any]) -> BoardEntry:
    """Append a board to the file, which is made if it is not there; what is in it stays as it is.

    ``board``: as in the file; what is None is left out. Raises DeployError where the file, or the
    board, is wrong, InputError for a name that is taken, OutputError where it cannot be written;
    the file is then as it was.
    """
    target = path.resolve()  # a link stays one
    before = _text(target) if target.exists() else ""
    taken = [entry.name for entry in _parse(before, path)]
    if board.get("name") in taken:
        raise InputError(f"there is a board {board['name']!r} already", where=path)
    _check(dict(board), "the new board", path, {})
    lines = [f"{key} = {_toml(value)}" for key, value in board.items() if value is not None]
    text = before
    if text and not text.endswith("\n"):
        text += "\n"
    text += ("\n" if text else "") + "\n".join(["[[boards]]", *lines]) + "\n"
    try:
        added = _parse(text, path)[-1]
    except DeployError as error:
        raise DeployError(
            "its boards are not written as [[boards]], so none can be appended",
            where=path,
            expected="a table [[boards]] for each board",
        ) from error
    atomic_write(target, text)
    return added


def _text(path: Path) -> str:
    return toml_text(
        path,
        "a file of boards",
        error=DeployError,
        expected="a file of boards, as `dse boards add` makes",
    )


def _parse(text: str, path: Path) -> tuple[BoardEntry, ...]:
    content = parse_toml(text, path, error=DeployError)
    lines = _lines_of_boards(text)
    for key in content:
        if key != "boards":
            line = next(
                (
                    number
                    for number, row in enumerate(text.splitlines(), start=1)
                    if re.match(rf"\s*\[*\s*{re.escape(key)}\b", row)
                ),
                None,
            )
            raise DeployError(f"unknown key {key!r}", where=path, line=line, choices=["boards"])
    listed = content.get("boards", [])
    if not (isinstance(listed, list) and all(isinstance(board, dict) for board in listed)):
        raise DeployError("boards is not a list", where=path, expected="[[boards]] for each board")
    found: dict[str, BoardEntry] = {}
    for index, board in enumerate(listed):
        known_lines = lines[index] if len(lines) == len(listed) else {}
        _check(board, f"board {index + 1}", path, known_lines)
        name = board["name"]
        if name in found:
            raise DeployError(
                f"two boards are named {name!r}",
                where=path,
                line=known_lines.get("name"),
                expected="a name of its own for each",
            )
        given: dict[str, Any] = {
            key: _absolute(value, path) if key in _PATHS else value for key, value in board.items()
        }
        found[name] = BoardEntry(**given)
    return tuple(found.values())


def _check(board: Mapping[str, Any], called: str, path: Path, lines: Mapping[str, int]) -> None:
    """``called``: what the board is to a person where it has no name; ``lines``: of its keys, and
    of its header under the empty key."""
    name = board.get("name")
    if isinstance(name, str) and is_plain_name(name):
        called = f"board {name}"
    valid = [one.name for one in fields(BoardEntry)]
    for key, value in board.items():
        if key not in _RIGHT:
            meant = get_close_matches(key, valid, n=1)
            raise DeployError(
                f"{called}: unknown key {key!r}",
                where=path,
                line=lines.get(key),
                expected=meant[0] if meant else None,
                choices=valid,
            )
        is_right, words = _RIGHT[key]
        if value is not None and not is_right(value):
            shown = repr(value) if len(repr(value)) <= 80 else repr(value)[:79] + "…"
            choices = list(ENGINES) if key == "engine" else None
            raise DeployError(
                f"{called}: {key} is {shown}",
                where=path,
                line=lines.get(key),
                expected=words,
                choices=choices,
            )
    for key in _REQUIRED:
        if board.get(key) is None:
            raise DeployError(
                f"{called}: has no {key}",
                where=path,
                line=lines.get(""),
                expected=f"{key} = {_RIGHT[key][1]}",
                choices=list(ENGINES) if key == "engine" else None,
            )


def _lines_of_boards(text: str) -> list[dict[str, int]]:
    """For each ``[[boards]]`` in the text the line of each key, and of itself under "".

    tomllib does not say. Of boards written in another way nothing is known.
    """
    boards: list[dict[str, int]] = []
    for number, row in enumerate(text.splitlines(), start=1):
        if _HEADER.fullmatch(row):
            boards.append({"": number})
        elif boards and (key := re.match(r"\s*[\"']?([A-Za-z0-9_-]+)[\"']?\s*[=.]", row)):
            boards[-1].setdefault(key[1], number)
    return boards


def _absolute(value: str, path: Path) -> Path:
    """Relative to the folder of the file, wherever ``dse`` is run."""
    return path.absolute().parent / Path(value).expanduser()


def _toml(value: object) -> str:
    """A number, a table or a basic string; every value has been checked to be printable."""
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + " }"
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
