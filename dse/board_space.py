"""What a part leaves free on its board, whether it fits at all, and what else would fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dse.resource_counts import Region
from reports.devices import Device
from reports.resource_text import RESOURCE_TITLES, format_used
from reports.sweep_record import PartName
from reports.utilization import RESOURCES

#: What is stated as free. LUTs as logic are left out: what is free of them is what is free of LUTs.
FREE_RESOURCES = tuple(name for name in RESOURCES if name != "lut_as_logic")


class Answer(StrEnum):
    """Whether something fits."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ResourceSpace:
    """One resource of one board, in its own units (BRAM: RAMB36 tiles); unknown is None.

    ``reserved`` is kept for the shell and others, ``free`` is what neither takes. Free LUTRAM is at
    most the free LUTs (unknown where they are), since every LUT as memory is one of them; it is an
    upper bound, for logic may be placed on LUTs that could be memory.
    """

    resource: str
    available: float | None
    used: float | None
    reserved: float
    free: float | None

    @property
    def used_percent(self) -> float | None:
        """Of the device."""
        return self._percent(self.used)

    @property
    def free_percent(self) -> float | None:
        """Of the device."""
        return self._percent(self.free)

    def _percent(self, count: float | None) -> float | None:
        return None if count is None or not self.available else 100 * count / self.available


@dataclass(frozen=True)
class RegionFit:
    """Whether the counts of ``region`` are free on a board, and by which figures (one sentence)."""

    region: str
    fits: Answer
    why: str


@dataclass(frozen=True)
class BoardSpace:
    """The board that carries ``part``. ``fits``: unknown where any resource or the device is."""

    part: PartName
    fits: Answer
    resources: tuple[ResourceSpace, ...]
    regions: tuple[RegionFit, ...]

    def resource(self, name: str) -> ResourceSpace:
        """One of ``resources``. Raises KeyError for one that is not there."""
        return {space.resource: space for space in self.resources}[name]


def capacities(device: Device | None) -> dict[str, float | None]:
    """What the device has, by resource name. It has 0 of what it lacks; None if unknown."""
    if device is None:
        return dict.fromkeys(RESOURCES)
    return {
        name: None if count is None else float(count) for name, count in device.capacities().items()
    }


def broken_limits(
    used: Mapping[str, float | None], device: Device | None, reserve: Mapping[str, float]
) -> list[str]:
    """Each limit of the device that the part breaks, in words; unknown counts break none."""
    broken = []
    available = capacities(device)
    for name in RESOURCES:
        count, capacity, kept = used[name], available[name], _reserved(name, reserve)
        if count is None or capacity is None or count + kept <= capacity:
            continue
        reserved = f" and {format_used(name, kept)} reserved" if kept else ""
        broken.append(
            f"{format_used(name, count)} {RESOURCE_TITLES[name]}{reserved}"
            f" of {format_used(name, capacity)}"
        )
    return broken


def board_space(
    part: PartName,
    used: Mapping[str, float | None],
    device: Device | None,
    reserve: Mapping[str, float],
    regions: Sequence[Region],
) -> BoardSpace:
    """What ``part`` leaves of ``device`` (None: not in the device table) beside ``reserve``.

    Resources that the device does not have at all are left out where nothing asks for them.
    """
    available = capacities(device)
    free: dict[str, float | None] = {}
    spaces = []
    for name in FREE_RESOURCES:
        count, capacity, kept = used[name], available[name], _reserved(name, reserve)
        left = None if count is None or capacity is None else max(capacity - count - kept, 0.0)
        if name == "lutram" and left is not None:
            luts = free["lut"]
            left = None if luts is None else min(left, luts)
        free[name] = left
        if capacity != 0 or count or kept:
            spaces.append(ResourceSpace(name, capacity, count, kept, left))
        elif capacity == 0:
            free[name] = 0.0
    if broken_limits(used, device, reserve):
        fits = Answer.NO
    elif any(space.free is None for space in spaces):
        fits = Answer.UNKNOWN
    else:
        fits = Answer.YES
    return BoardSpace(part, fits, tuple(spaces), tuple(_region_fit(one, free) for one in regions))


def _reserved(name: str, reserve: Mapping[str, float]) -> float:
    # A LUT kept for something else is none for our logic either.
    return reserve.get("lut" if name == "lut_as_logic" else name, 0.0)


def _region_fit(region: Region, free: Mapping[str, float | None]) -> RegionFit:
    lacking: list[str] = []
    unknown: list[str] = []
    enough: list[str] = []
    for name, needed in region.counts:
        left = free[name]
        title = RESOURCE_TITLES[name]
        if left is None:
            if needed:
                unknown.append(title)
        else:
            figures = f"{format_used(name, needed)} {title} of {format_used(name, left)} free"
            (lacking if left < needed else enough).append(figures)
    if lacking:
        return RegionFit(region.name, Answer.NO, f"It needs {', '.join(lacking)}.")
    if unknown:
        known = f" (it needs {', '.join(enough)})" if enough else ""
        why = f"How much {' and '.join(unknown)} is free is unknown{known}."
        return RegionFit(region.name, Answer.UNKNOWN, why)
    return RegionFit(region.name, Answer.YES, f"It needs {', '.join(enough)}.")
