"""The boards and the links between them, as numbers."""

from __future__ import annotations

from dataclasses import dataclass

from dse.errors import InputError
from dse.plan.chain import PLAN_RESOURCES, Counts

_NOTHING: Counts = (0.0,) * len(PLAN_RESOURCES)


@dataclass(frozen=True)
class PlanBoard:
    """A board. Boards that are equal but for ``name`` are of one kind.

    ``capacity``: of the device, by :data:`~dse.plan.chain.PLAN_RESOURCES`; None: it has a number
    that we do not know, 0: it has none. ``shell``: what is on the device beside the network; None
    in it is unknown, and then counts as nothing. ``usable``: the greatest share of each capacity
    that shell and network may take together, 0 to 1.
    """

    name: str
    part: str
    clock_mhz: float
    capacity: Counts
    shell: Counts = _NOTHING
    usable: tuple[float, ...] = (1.0,) * len(PLAN_RESOURCES)

    @property
    def kind(self) -> tuple[object, ...]:
        """Equal for boards that can stand in for each other."""
        return (self.part, self.clock_mhz, self.capacity, self.shell, self.usable)


@dataclass(frozen=True)
class Link:
    """What carries an image from a board to the next: ``message_s + bytes * byte_s`` seconds.

    The link is taken for that long, and an image is late by it and by ``delay_s`` more, while the
    link may carry others. ``usable``: the greatest share of its time that may be taken, above 0 to
    1. ``name``: for people.
    """

    name: str = "ideal"
    message_s: float = 0.0
    byte_s: float = 0.0
    usable: float = 1.0
    delay_s: float = 0.0

    @property
    def is_ideal(self) -> bool:
        """Whether it takes no time at all."""
        return not (self.message_s or self.byte_s or self.delay_s)

    def seconds(self, size: int) -> float:
        """For which an image of ``size`` bytes takes the link."""
        return self.message_s + size * self.byte_s

    def late(self, size: int) -> float:
        """By which an image of ``size`` bytes is late, in seconds."""
        return self.delay_s + self.seconds(size)


@dataclass(frozen=True)
class Fleet:
    """Boards in their order, and links.

    ``links``: one for every hop alike, or (only where the order is fixed) one from each board to
    the next in the list; a hop that skips boards takes the slowest of the links it would pass.
    ``host``: from the host to the first board and from the last one back. ``any_order``: whether
    the parts may go to the boards in any order. Raises InputError.
    """

    boards: tuple[PlanBoard, ...]
    links: tuple[Link, ...] = (Link(),)
    host: Link = Link("host")
    any_order: bool = False

    def __post_init__(self) -> None:
        if not self.boards:
            raise InputError("there is no board to plan for")
        if len(self.links) != 1:
            if self.any_order:
                raise InputError(
                    "links between certain boards, and boards in any order",
                    expected="one link for all, or a fixed order",
                )
            if len(self.links) != len(self.boards) - 1:
                raise InputError(
                    f"{len(self.links)} links between {len(self.boards)} boards",
                    expected=f"1 for all, or {len(self.boards) - 1}",
                )

    def link(self, board: int, following: int, size: int) -> Link:
        """Of the hop from ``boards[board]`` to ``boards[following]`` with ``size`` bytes."""
        if len(self.links) == 1:
            return self.links[0]
        return max(self.links[board:following], key=lambda link: link.seconds(size) / link.usable)
