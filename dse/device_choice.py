"""Which device to build for: a part name, or a board that carries one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dse.errors import InputError
from reports.devices import DEVICES, device_of

if TYPE_CHECKING:
    from finn_flows.vivado.board import VivadoBoard

DEFAULT_DEVICE = "xc7z020clg400-1"
#: Carries it; the paper's.
DEFAULT_BOARD = "Pynq-Z1"


def choose_device(device: str | None, board: str | None, board_file: Path | None = None) -> str:
    """The part name: ``device`` if given, else the part on ``board``, else the default.

    ``board_file``: TOML file of boards that FINN does not know (docs/adding-a-board.md).
    A device is known if it is in our device table, in any package, or is a part of FINN's; of the
    latter no percentages can be given. Whether any other name is a part at all nobody can check.
    Raises InputError, with the choices, for an unknown device or board, or where the two contradict
    each other.
    """
    own = board_of_file(board, board_file)
    if board is None:
        chosen = DEFAULT_DEVICE if device is None else device
        _check_known(chosen)
        return chosen
    if own is not None:
        part = own.part
    else:
        boards = known_boards()
        names = {name.lower(): name for name in boards}
        if board.lower() not in names:
            choices = {*boards, *(one.name for one in _boards_of(board_file))}
            raise InputError(f"unknown board {board!r}", choices=sorted(choices))
        part = boards[names[board.lower()]]
    if device is not None and device != part:
        raise InputError(f"board {board} carries {part}, not {device}")
    return part


def board_of_file(board: str | None, board_file: Path | None) -> VivadoBoard | None:
    """The board of that name in the file; None if there is no such name there, or no file.

    Raises InputError for a file that is wrong, or for a file without the name of a board.
    """
    if board_file is None:
        return None
    if board is None:
        raise InputError(
            "a board file is given, but no board",
            where=board_file,
            expected="--board NAME",
            choices=[one.name for one in _boards_of(board_file)],
        )
    found = (one for one in _boards_of(board_file) if one.name.lower() == board.lower())
    return next(found, None)


def _boards_of(board_file: Path | None) -> tuple[VivadoBoard, ...]:
    from finn_flows.vivado.board_file import read_vivado_boards

    return () if board_file is None else read_vivado_boards(board_file)


def known_boards() -> dict[str, str]:
    """Part name by board name: FINN's boards."""
    from finn.util.basic import part_map

    return dict(part_map)


def _check_known(part: str) -> None:
    try:
        device_of(part)
    except InputError as error:
        parts = sorted(set(known_boards().values()))
        if part not in parts:
            tabled = [device.name for device in DEVICES]
            others = [other for other in parts if not other.startswith(tuple(tabled))]
            raise InputError(
                error.message, expected=error.expected, choices=[*tabled, *others]
            ) from error
