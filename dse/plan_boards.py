"""The boards that a plan knows: device, clock, shell and usable share of each, with the source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from dse.backend_choice import DEFAULT_CLOCK_MHZ
from dse.clock_range import check_clock
from dse.device_choice import choose_device, known_boards
from dse.plan.chain import PLAN_RESOURCES, Counts
from dse.plan.fleet import PlanBoard
from dse.resource_counts import checked_counts, checked_shares
from reports.devices import device_of

#: A shell of which nothing is known: it counts as nothing.
UNKNOWN_SHELL: Counts = (None,) * len(PLAN_RESOURCES)
#: By :data:`PLAN_RESOURCES`: all of each.
ALL = (1.0,) * len(PLAN_RESOURCES)
UNKNOWN = "unknown"
#: What a shell is known from: the counts of FINN's own floorplanner.
FINN_PLATFORM = "finn.util.platforms"


@dataclass(frozen=True)
class LibraryBoard:
    """A board of FINN's. ``name`` as FINN writes it.

    ``capacity``: of the device, ``shell``: what it keeps of that, by :data:`PLAN_RESOURCES`; None
    in them is unknown. ``fill``: the greatest share of what the shell leaves; ``usable``: greatest
    shares of the device, by resource, that go before it. ``source``: where the shell and its fill
    are from.
    """

    name: str
    part: str
    capacity: Counts
    shell: Counts = UNKNOWN_SHELL
    fill: tuple[float, ...] = ALL
    usable: Mapping[str, float] = field(default_factory=dict)
    clock_mhz: float = DEFAULT_CLOCK_MHZ
    source: str = UNKNOWN

    def said(
        self,
        clock_mhz: float | None = None,
        reserve: Mapping[str, float] | None = None,
        usable: Mapping[str, float] | None = None,
    ) -> LibraryBoard:
        """The same board, but for what a person says of it; None: nothing.

        Raises InputError for numbers that cannot be.
        """
        if clock_mhz is not None:
            check_clock(clock_mhz)
        kept = dict(zip(PLAN_RESOURCES, self.shell, strict=True))
        return replace(
            self,
            clock_mhz=self.clock_mhz if clock_mhz is None else clock_mhz,
            shell=tuple({**kept, **(checked_counts(reserve) if reserve else {})}.values()),
            usable={**self.usable, **checked_shares(usable or {})},
        )

    def plan_board(self, name: str) -> PlanBoard:
        """As the planner takes it, under ``name``."""
        shares = {
            resource: ((kept or 0.0) + most * (size - (kept or 0.0))) / size if size else most
            for resource, size, kept, most in zip(
                PLAN_RESOURCES, self.capacity, self.shell, self.fill, strict=True
            )
        }
        return PlanBoard(
            name=name,
            part=self.part,
            clock_mhz=self.clock_mhz,
            capacity=self.capacity,
            shell=self.shell,
            usable=tuple({**shares, **self.usable}.values()),
        )


def library_board(name: str, board_file: Path | None = None) -> LibraryBoard:
    """The board of that name, in any case. InputError, with the choices, for an unknown one.

    ``board_file``: has no such board, but its boards are among the choices.
    """
    part = choose_device(None, name, board_file)
    spelled = next(known for known in known_boards() if known.lower() == name.lower())
    capacity = capacity_of(part)
    # FINN has shells of cards alone; of a Zynq board it counts the bare device, rounded.
    left = _left_on_card(spelled)
    if left is None:
        return LibraryBoard(spelled, part, capacity)
    shell = tuple(
        None if size is None or free is None else size - free
        for size, free in zip(capacity, left, strict=True)
    )
    return LibraryBoard(spelled, part, capacity, shell, _fill(), source=FINN_PLATFORM)


def library() -> tuple[LibraryBoard, ...]:
    """Every board of FINN's, in its order."""
    return tuple(library_board(name) for name in known_boards())


def capacity_of(part: str) -> Counts:
    """By :data:`PLAN_RESOURCES`; what the device lacks is 0, what nobody told us None.

    Raises InputError for a device that is not in the table: everything would fit.
    """
    sizes = device_of(part).capacities()
    return tuple(None if (size := sizes[name]) is None else float(size) for name in PLAN_RESOURCES)


def _left_on_card(name: str) -> Counts | None:
    """What a card's platform and memory controllers leave, over all its regions; None: no card."""
    from finn.util.basic import alveo_part_map
    from finn.util.platforms import platforms

    if name not in alveo_part_map or name not in platforms:
        return None
    lut, ff, bram18, uram, dsp = map(sum, zip(*platforms[name]().guide_resources, strict=True))
    left = {"lut": lut, "ff": ff, "bram": bram18 / 2, "uram": uram, "dsp": dsp}
    return tuple(float(left[k]) if k in left else None for k in PLAN_RESOURCES)


def _fill() -> tuple[float, ...]:
    """The shares that FINN's floorplanner fills at most, so that timing can be met."""
    from finn.util.platforms import DEFAULT_RES_LIMITS

    limits = dict(zip(("lut", "ff", "bram", "uram", "dsp"), DEFAULT_RES_LIMITS, strict=True))
    return tuple(float(limits.get(name, 1.0)) for name in PLAN_RESOURCES)
