"""The planner's fleet: boards by name, or of a file of boards, with their devices as numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from dse.deploy.boards_file import BoardEntry, choose_boards, read_boards
from dse.device_choice import board_of_file, choose_device
from dse.errors import InputError
from dse.link_rate import bits_per_second
from dse.plan.fleet import Fleet, Link
from dse.plan_boards import LibraryBoard, capacity_of, library_board


def fleet(
    boards: Sequence[str],
    *,
    clock_mhz: float | None = None,
    reserve: Mapping[str, float] | None = None,
    usable: Mapping[str, float] | None = None,
    link: Link | None = None,
    host: Link | None = None,
    any_order: bool = False,
    board_file: Path | None = None,
) -> Fleet:
    """Boards named as FINN names them, in order; a name that is there n times is n boards.

    ``clock_mhz``: of every board; None: each board's own, else 100. ``reserve``: counts that every
    board keeps for its shell and others, in place of what is known of its shell. ``usable``: the
    greatest share of a resource that shell and network may take, in place of the board's own.
    ``link``: of every hop, ``host``: to the first board and from the last; None: it costs nothing.
    ``board_file``: TOML file of boards that FINN does not know (docs/adding-a-board.md).

    Raises InputError for an unknown board, with the choices, and for numbers that cannot be.
    """
    known = [_known(name, board_file) for name in boards]
    names = _numbered([board.name for board in known])
    return Fleet(
        tuple(
            board.said(clock_mhz, reserve, usable).plan_board(name)
            for name, board in zip(names, known, strict=True)
        ),
        (Link() if link is None else link,),
        Link("host") if host is None else host,
        any_order,
    )


def fleet_from_file(
    path: Path,
    names: Sequence[str] = (),
    *,
    clock_mhz: float | None = None,
    reserve: Mapping[str, float] | None = None,
    usable: Mapping[str, float] | None = None,
    link: Link | None = None,
    host: Link | None = None,
    any_order: bool = False,
) -> Fleet:
    """The boards of a file of `dse deploy` (docs/formats.md): those named, or all, in that order.

    The rest is as for :func:`fleet`, and goes before what the file says of each board. ``link`` and
    ``host`` None: as the file says what the boards are connected by, a hop as fast as the slower of
    its two; the cost of a message is then unknown and counts as nothing. Raises InputError, and
    DeployError where the file is wrong.
    """
    entries = choose_boards(read_boards(path), names, path)
    if twice := [name for name, often in Counter(names).items() if often > 1]:
        raise InputError(
            f"board {twice[0]!r} is one board, and named twice",
            where=path,
            expected="each board once, or --board without --boards",
        )
    planned = [
        _of_entry(entry, path).said(clock_mhz, reserve, usable).plan_board(entry.name)
        for entry in entries
    ]
    links = _links(entries, any_order) if link is None else (link,)
    return Fleet(
        tuple(planned), links, _slowest(entries, "host") if host is None else host, any_order
    )


def _of_entry(entry: BoardEntry, path: Path) -> LibraryBoard:
    """As its ``board`` and ``part`` say, and what the file says beside them."""
    try:
        if entry.board is not None:
            known = library_board(entry.board)
            choose_device(entry.part, entry.board)
        elif entry.part is not None:
            known = LibraryBoard(entry.part, entry.part, capacity_of(entry.part))
        else:
            raise InputError(
                "neither its part nor its board is named",
                expected='part = "xc7z020clg400-1" or board = "Pynq-Z1"',
            )
    except InputError as error:
        raise InputError(
            f"board {entry.name}: {error.message}",
            where=path,
            expected=error.expected,
            choices=error.choices,
        ) from error
    return known.said(entry.clock, entry.reserve, entry.usable)


def _links(entries: Sequence[BoardEntry], any_order: bool) -> tuple[Link, ...]:
    if any_order or len({entry.link for entry in entries}) == 1:
        return (_slowest(entries, "ideal"),)
    return tuple(_slowest(hop, "ideal") for hop in pairwise(entries)) or (Link(),)


def _slowest(entries: Sequence[BoardEntry], ideal: str) -> Link:
    """As the slowest of the boards is connected; of one whose link is no speed nothing is known."""
    speeds = [(bits_per_second(entry.link), entry.link) for entry in entries if entry.link]
    known = [(rate, text) for rate, text in speeds if rate is not None]
    if not known:
        return Link(ideal)
    rate, text = min(known)
    return Link(f"{text}, a message's own cost unknown", byte_s=8 / rate)


def _known(name: str, board_file: Path | None) -> LibraryBoard:
    """Of the user's file, else of FINN's."""
    own = board_of_file(name, board_file)
    if own is None:
        return library_board(name, board_file)
    bare = LibraryBoard(own.name, own.part, capacity_of(own.part))
    return bare.said(own.clock_mhz, dict(own.reserve), dict(own.usable))


def _numbered(names: Sequence[str]) -> list[str]:
    """Each name, with its number among those of that name where there are several."""
    often, seen = Counter(names), Counter[str]()
    numbered = []
    for name in names:
        seen[name] += 1
        numbered.append(f"{name} {seen[name]}" if often[name] > 1 else name)
    return numbered
