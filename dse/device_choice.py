"""Which device to build for: a part name, or a board that carries one."""

from __future__ import annotations

from dse.errors import InputError
from reports.devices import DEVICES, device_of

DEFAULT_DEVICE = "xc7z020clg400-1"


def choose_device(device: str | None, board: str | None) -> str:
    """The part name: ``device`` if given, else the part on ``board``, else the default.

    A device is known if it is in our device table, in any package, or is a part of FINN's; of the
    latter no percentages can be given. Whether any other name is a part at all nobody can check.
    Raises InputError, with the choices, for an unknown device or board, or where the two contradict
    each other.
    """
    if board is None:
        chosen = DEFAULT_DEVICE if device is None else device
        _check_known(chosen)
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
