"""Which clock frequencies make sense for programmable logic, with room to spare either way."""

from __future__ import annotations

from dse.errors import InputError

LEAST_MHZ = 0.001
MOST_MHZ = 10_000.0


def check_clock(megahertz: float) -> None:
    """InputError for a frequency outside 1 kHz to 10 GHz (or that is no number)."""
    if not LEAST_MHZ <= megahertz <= MOST_MHZ:
        raise InputError(
            f"a clock of {megahertz:g} MHz", expected=f"{LEAST_MHZ:g} to {MOST_MHZ:g} MHz"
        )
