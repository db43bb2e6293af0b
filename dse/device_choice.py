"""Which device to build for: a part name, or a board that carries one."""

from __future__ import annotations

from dse.errors import InputError
from reports.devices import device_of

DEFAULT_DEVICE = "xc7z020clg400-1"


def choose_device(device: str | None, board: str | None) -> str:
    """The part name: ``device`` if given, else the part on ``board``, else the default.

    Raises InputError, with the choices, for an unknown device or board, or where the two contradict
    each other.
    """
    if board is None:
        chosen = device or DEFAULT_DEVICE
        device_of(chosen)
        return chosen
    boards = known_boards()
    names = {name.lower(): name for name in boards}
    if board.lower() not in names:
        raise InputError(f"unknown board {board!r}", choices=sorted(boards))
    part = boards[names[board.lower()]]
    if device is not None and device != part:
        raise InputError(f"board {board} carries {part}, not {device}")
    return part


def known_boards() -> dict[str, str]:
    """Part name by board name: FINN's boards, as far as the resources of the part are known."""
    from finn.util.basic import part_map

    boards = {}
    for board, part in part_map.items():
        try:
            device_of(part)
        except InputError:
            continue
        boards[board] = part
    return boards
