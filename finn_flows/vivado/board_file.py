"""A TOML file of boards that FINN does not know: a table ``[board.NAME]`` for each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from dse.errors import InputError
from dse.resource_counts import checked_counts, checked_shares
from dse.toml_file import parse_toml, toml_text
from finn_flows.vivado.board import AlveoBoard, Memory, Processor, VivadoBoard
from finn_flows.vivado.board_content import preset_text
from finn_flows.vivado.part_names import EXAMPLES, is_part, processor_of

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

EXAMPLE = '[board.MyBoard] with part = "xc7z020clg400-1", processor = "zynq-7000" and board_part'

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HEADER = re.compile(
    r"""\s*\[\s*["']?board["']?\s*\.\s*(?:"([^"]*)"|'([^']*)'|([^"'\]\s]+))\s*\]"""
)
_KEY = re.compile(r"""\s*["']?([A-Za-z0-9_-]+)["']?\s*=""")
_PART = r"^[A-Za-z0-9][A-Za-z0-9-]{3,63}$"
#: Goes into Tcl as it is, through a template that is filled with %.
_BOARD_PART = r"^[^\s:{}$\[\]\"\\;%]+(:[^\s:{}$\[\]\"\\;%]+){3}$"
_PLATFORM = r"^\S+$"
#: What would be right, in words.
_RIGHT = {
    _PART: f"device, package and speed grade, such as {EXAMPLES['zynq-7000']}",
    _BOARD_PART: "vendor:name:part0:version, such as digilentinc.com:cora-z7-10:part0:1.1",
    _PLATFORM: "the name of a platform, or the path of its .xpfm, without white space",
}
#: In a path, what Tcl cannot take between braces.
_NOT_TCL = "{}\\\n\r"


def read_vivado_boards(path: Path) -> tuple[VivadoBoard, ...]:
    """The boards in the file, in its order; at least one. A path in it is relative to the file.

    Raises InputError, naming the file, the line where it is known, and what would be valid.
    """
    text = toml_text(path, "a file of boards", expected=f"a TOML file: {EXAMPLE}")
    content = parse_toml(text, path)
    tables = content.get("board")
    unknown = [key for key in content if key != "board"]
    if unknown or not isinstance(tables, dict) or not tables:
        raise InputError(
            f"unknown key {unknown[0]!r}" if unknown else "names no board",
            where=path,
            line=_line(text, None, unknown[0]) if unknown else None,
            expected=EXAMPLE,
        )
    taken: dict[str, str] = {}
    for name in tables:
        if not _NAME.fullmatch(name):
            raise InputError(
                f"the name {name[:70]!r} is no name of a board",
                where=path,
                line=_line(text, name, None),
                expected="up to 64 letters, digits, dots, hyphens and underscores",
            )
        if name.lower() in taken:
            raise InputError(
                f"two boards are named {taken[name.lower()]} and {name}",
                where=path,
                line=_line(text, name, None),
                expected="names that differ by more than their case",
            )
        taken[name.lower()] = name
    return tuple(_board(name, entry, path, text) for name, entry in tables.items())


def _board(name: str, entry: object, path: Path, text: str) -> VivadoBoard:
    from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
    from pydantic_core import PydanticCustomError

    from dse.clock_range import LEAST_MHZ, MOST_MHZ

    class BoardTable(BaseModel):
        model_config = ConfigDict(extra="forbid", strict=True)
        part: str = Field(pattern=_PART)
        processor: Processor
        port_bits: Literal[64, 128] | None = None
        board_part: str | None = Field(default=None, pattern=_BOARD_PART)
        board_files: str | None = Field(default=None, min_length=1)
        ps_preset: str | None = Field(default=None, min_length=1)
        clock: float | None = Field(default=None, ge=LEAST_MHZ, le=MOST_MHZ)
        platform: str | None = Field(default=None, pattern=_PLATFORM)
        memory: Memory | None = None
        reserve: dict[str, float] | None = None
        usable: dict[str, float] | None = None

        @model_validator(mode="after")
        def one_set_up(self) -> Self:
            if self.processor == "alveo":
                if self.platform is None or self.memory is None:
                    raise PydanticCustomError("set_up", "an Alveo card has a platform and a memory")
                if any((self.port_bits, self.board_part, self.board_files, self.ps_preset)):
                    raise PydanticCustomError("set_up", "an Alveo card's shell is its platform")
                return self
            if self.platform is not None or self.memory is not None:
                raise PydanticCustomError("set_up", "platform and memory are of an Alveo card")
            if (self.board_part is None) == (self.ps_preset is None):
                raise PydanticCustomError("set_up", "give either board_part or ps_preset")
            if self.board_files is not None and self.board_part is None:
                raise PydanticCustomError("set_up", "board_files belong to a board_part")
            return self

    try:
        table = BoardTable.model_validate(entry)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = str(first["loc"][0]) if first["loc"] else None
        raise InputError(
            f"board {name}: {_words(key, first)}",
            where=path,
            line=_line(text, name, key),
            expected=_RIGHT.get(str(first.get("ctx", {}).get("pattern"))),
            choices=list(BoardTable.model_fields) if first["type"] == "extra_forbidden" else None,
        ) from error
    _check_device(table.part, table.processor, table.port_bits, name, path, text)
    reserve = _checked(checked_counts, table.reserve, "reserve", name, path, text)
    usable = _checked(checked_shares, table.usable, "usable", name, path, text)
    preset = _beside(path, table.ps_preset)
    if preset is not None and not preset.is_file():
        raise InputError(
            f"board {name}: ps_preset is not there: {preset}",
            where=path,
            line=_line(text, name, "ps_preset"),
            expected="a Tcl file that sets up the processing system",
        )
    if preset is not None:
        _check_preset(preset, name, path, text)
    folder = _beside(path, table.board_files)
    if folder is not None and not folder.is_dir():
        raise InputError(
            f"board {name}: board_files is no folder: {folder}",
            where=path,
            line=_line(text, name, "board_files"),
        )
    if folder is not None:
        _check_tcl(folder, "board_files", name, path, text)
    if table.platform is not None and table.memory is not None:
        return AlveoBoard(
            name=name,
            part=table.part,
            processor=table.processor,
            port_bits=512,
            board_part=None,
            clock_mhz=table.clock,
            reserve=reserve,
            usable=usable,
            platform=table.platform,
            memory=table.memory,
        )
    return VivadoBoard(
        name=name,
        part=table.part,
        processor=table.processor,
        port_bits=table.port_bits or (64 if table.processor == "zynq-7000" else 128),
        board_part=table.board_part,
        board_files=folder,
        ps_preset=preset,
        clock_mhz=table.clock,
        reserve=reserve,
        usable=usable,
    )


def _checked(
    check: Callable[[Mapping[str, float]], Mapping[str, float]],
    given: Mapping[str, float] | None,
    key: str,
    name: str,
    path: Path,
    text: str,
) -> tuple[tuple[str, float], ...]:
    """What ``check`` lets pass, empty for nothing given."""
    if given is None:
        return ()
    try:
        return tuple(check(given).items())
    except InputError as error:
        raise InputError(
            f"board {name}: {key}: {error.message}",
            where=path,
            line=_line(text, name, key),
            expected=error.expected,
            choices=error.choices,
        ) from error


def _check_device(
    part: str, processor: Processor, port_bits: int | None, name: str, path: Path, text: str
) -> None:
    """InputError where the board's keys contradict each other."""
    if not is_part(part):
        raise InputError(
            f"board {name}: part is {part!r}, which is no name of a part",
            where=path,
            line=_line(text, name, "part"),
            expected=_RIGHT[_PART],
        )
    found = processor_of(part)
    if found != (processor if processor.startswith("zynq") else None):
        raise InputError(
            f"board {name}: processor is {processor!r}, but {part} "
            + (f"is a {found}" if found else "has no Zynq processing system"),
            where=path,
            line=_line(text, name, "processor"),
            expected=f'processor = "{found}"' if found else f"a part such as {EXAMPLES[processor]}",
        )
    if processor == "zynq-7000" and port_bits == 128:
        raise InputError(
            f"board {name}: port_bits is 128, but a Zynq-7000 has none so wide",
            where=path,
            line=_line(text, name, "port_bits"),
            expected="64",
        )


def _check_preset(preset: Path, name: str, path: Path, text: str) -> None:
    _check_tcl(preset, "ps_preset", name, path, text)
    try:
        preset_text(preset)
    except InputError as error:
        raise InputError(
            f"board {name}: {error.message}: {preset}",
            where=path,
            line=_line(text, name, "ps_preset"),
            expected=error.expected,
        ) from error


def _check_tcl(named: Path, key: str, name: str, path: Path, text: str) -> None:
    if any(letter in str(named) for letter in _NOT_TCL):
        raise InputError(
            f"board {name}: {key} cannot be written in Tcl: {named}",
            where=path,
            line=_line(text, name, key),
            expected="a path without braces and backslashes",
        )


def _words(key: str | None, error: ErrorDetails) -> str:
    """What is wrong, in a line."""
    if key is None:
        return error["msg"]
    if error["type"] == "extra_forbidden":
        return f"unknown key {key!r}"
    if error["type"] == "missing":
        return f"has no {key}"
    given = repr(error["input"])
    said = f"{key} is {given if len(given) <= 60 else given[:59] + '…'}"
    return said if error["type"] == "string_pattern_mismatch" else f"{said}: {error['msg']}"


def _beside(path: Path, named: str | None) -> Path | None:
    return None if named is None else path.absolute().parent / Path(named).expanduser()


def _line(text: str, board: str | None, key: str | None) -> int | None:
    """Of a key in a board's table, of the table for no key; tomllib does not say. None: not found.

    ``board`` None: of a key, or a table, outside the boards.
    """
    table: str | None = None
    header: int | None = None
    outside = None if key is None else re.compile(rf"\s*\[*\s*{re.escape(key)}\b")
    for number, row in enumerate(text.splitlines(), start=1):
        if match := _HEADER.match(row):
            table = next(name for name in match.groups() if name is not None)
            if table == board:
                header = number
        elif board is None:
            if outside is not None and outside.match(row):
                return number
        elif table == board and (found := _KEY.match(row)) and found[1] == key:
            return number
    if header is None and board is not None:  # of the table [board], or with a dot
        entry = re.compile(rf"""\s*(?:board\s*\.\s*)?["']?{re.escape(board)}["']?\s*[.=]""")
        rows = enumerate(text.splitlines(), start=1)
        return next((number for number, row in rows if entry.match(row)), None)
    return header
