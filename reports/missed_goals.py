"""What a build by the vendor's tools misses, told apart and in words."""

from __future__ import annotations

from collections.abc import Iterable

from reports.resource_text import RESOURCE_TITLES
from reports.sweep_record import Implementation

#: How a line of :attr:`Implementation.misses` begins that is of timing; any other is of a resource.
_TIMING = "timing: "


def timing_misses(wns_ns: float | None, whs_ns: float | None, clock_mhz: float) -> tuple[str, ...]:
    """A line for each negative slack, as :attr:`Implementation.misses` has them."""
    slacks = (("WNS", wns_ns), ("WHS", whs_ns))
    return tuple(
        f"{_TIMING}{name} {slack:.3f} ns at {clock_mhz:g} MHz"
        for name, slack in slacks
        if slack is not None and slack < 0
    )


def clock_misses(achieved_mhz: float | None, clock_mhz: float) -> tuple[str, ...]:
    """A line if a link (v++) made the clock slower than asked, None: what it made is unknown."""
    if achieved_mhz is None or achieved_mhz >= clock_mhz:
        return ()
    return (f"{_TIMING}scaled down to {achieved_mhz:g} of {clock_mhz:g} MHz",)


def generated_clock_misses(made_mhz: float | None, clock_mhz: float) -> tuple[str, ...]:
    """A line if the clock that a PLL makes is not the one asked for; None: unknown.

    A PLL multiplies and divides its reference by whole numbers, and that of a processing system is
    itself a divided one: up to 1 % off is as near as it comes.
    """
    if made_mhz is None or abs(made_mhz - clock_mhz) <= 0.01 * clock_mhz:
        return ()
    return (f"{_TIMING}clocked at {made_mhz:g} MHz in place of {clock_mhz:g} MHz",)


def resource_misses(lacking: Iterable[tuple[str, float, float]]) -> tuple[str, ...]:
    """A line for each resource: its name (ours, else the tool's), needed, available."""
    return tuple(
        f"{RESOURCE_TITLES.get(name, name)}: {needed:,.10g} of {available:,.10g}"
        for name, needed, available in lacking
    )


def lacking_resources(implementation: Implementation | None) -> tuple[str, ...]:
    """What the device has too little of: ``LUT 61,233 of 53,200``."""
    if implementation is None:
        return ()
    return tuple(
        miss.replace(": ", " ", 1) for miss in implementation.misses if not miss.startswith(_TIMING)
    )


def missed_timing(implementation: Implementation | None) -> tuple[str, ...]:
    """Which slack is negative: ``WNS −0.312 ns at 100 MHz``, with a true minus as tables have."""
    if implementation is None:
        return ()
    return tuple(
        miss.removeprefix(_TIMING).replace("-", "\N{MINUS SIGN}")
        for miss in implementation.misses
        if miss.startswith(_TIMING)
    )


def missed_words(implementation: Implementation | None) -> str:
    """All that is missed, on one line; empty where nothing is."""
    said = []
    if lacking := lacking_resources(implementation):
        said.append(f"does not fit: {', '.join(lacking)}")
    if late := missed_timing(implementation):
        said.append(f"timing not met: {', '.join(late)}")
    return "; ".join(said)
