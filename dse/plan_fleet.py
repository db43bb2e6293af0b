"""The planner's fleet: boards by name, or of a file of boards, with their devices as numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from dse.backend_choice import DEFAULT_CLOCK_MHZ
from dse.clock_range import check_clock
from dse.deploy.boards_file import BoardEntry, choose_boards, read_boards
from dse.device_choice import board_of_file, choose_device
from dse.errors import InputError
from dse.link_rate import bits_per_second
from dse.plan.chain import PLAN_RESOURCES, Counts
from dse.plan.fleet import Fleet, Link, PlanBoard
from dse.resource_counts import NAMES, checked_counts
from reports.devices import device_of


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
    planned = []
    for name, number in _numbered(boards):
        own = board_of_file(name, board_file)
        clock = clock_mhz or (own.clock_mhz if own else None) or DEFAULT_CLOCK_MHZ
        part = choose_device(None, name, board_file)
        planned.append(
            _board(name if number is None else f"{name} {number}", part, clock, reserve, usable)
        )
    return Fleet(
        tuple(planned),
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

    The rest is as for :func:`fleet`, but that ``link`` and ``host`` None are what the file says of
    the boards' links: a hop is as fast as the slower of its two boards is connected. Raises
    InputError, and DeployError where the file is wrong.
    """
    entries = choose_boards(read_boards(path), names, path)
    planned = []
    for entry in entries:
        if entry.part is None:
            raise InputError(
                f"board {entry.name} has no part",
                where=path,
                expected='part = "xc7z020clg400-1", or whatever it carries',
            )
        clock = clock_mhz or DEFAULT_CLOCK_MHZ
        planned.append(_board(entry.name, entry.part, clock, reserve, usable))
    links = _links(entries, any_order) if link is None else (link,)
    return Fleet(
        tuple(planned), links, _slowest(entries, "host") if host is None else host, any_order
    )


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
    return Link(text, byte_s=8 / rate)


def capacity_of(part: str) -> Counts:
    """By :data:`PLAN_RESOURCES`; what the device lacks is 0, what nobody told us None."""
    try:
        available = device_of(part).available()
    except InputError:
        return (None,) * len(PLAN_RESOURCES)
    return tuple(float(available[name] or 0) for name in PLAN_RESOURCES)


def checked_shares(usable: Mapping[str, float]) -> dict[str, float]:
    """As they are. Raises InputError for another resource and for what is no share."""
    for name, share in usable.items():
        if name not in NAMES:
            raise InputError(f"unknown resource {name!r}", choices=NAMES)
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
            raise InputError(
                f"a usable share of {share!r} of {name}", expected="above 0, at most 1"
            )
    return dict(usable)


def _board(
    name: str,
    part: str,
    clock_mhz: float,
    reserve: Mapping[str, float] | None,
    usable: Mapping[str, float] | None,
) -> PlanBoard:
    check_clock(clock_mhz)
    kept = checked_counts(reserve) if reserve else {}
    shares = checked_shares(usable or {})
    return PlanBoard(
        name=name,
        part=part,
        clock_mhz=clock_mhz,
        capacity=capacity_of(part),
        shell=tuple(kept.get(resource) for resource in PLAN_RESOURCES),
        usable=tuple(shares.get(resource, 1.0) for resource in PLAN_RESOURCES),
    )


def _numbered(names: Iterable[str]) -> list[tuple[str, int | None]]:
    """Each name with its number among those of that name; None for one that is there once."""
    listed = list(names)
    often, seen = Counter(listed), Counter[str]()
    numbered: list[tuple[str, int | None]] = []
    for name in listed:
        seen[name] += 1
        numbered.append((name, seen[name] if often[name] > 1 else None))
    return numbered
