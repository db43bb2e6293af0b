"""Which clocks the overlay of a board can have at all."""

from __future__ import annotations

from dse.errors import InputError
from finn_flows.vivado.board import VivadoBoard

#: Least and greatest MHz by processor, of the fastest device of each family. The least is what the
#: PLL of FINN's shell divides its slowest VCO down to (DS187, DS191: 800 MHz / 128; DS925: 750 MHz
#: / 128), the greatest what a global clock buffer passes on (BUFG: 741 MHz, BUFGCE: 891 MHz). What
#: lies between and is too fast for a circuit misses timing, which is a result.
_LIMITS_MHZ = {"zynq-7000": (6.25, 741.0), "zynq-ultrascale+": (5.86, 891.0)}


def check_board_clock(board: VivadoBoard, clock_mhz: float) -> None:
    """InputError, one line, for a clock that no overlay of ``board`` can have."""
    least, most = _LIMITS_MHZ.get(board.processor, (0.0, float("inf")))
    if not least <= clock_mhz <= most:
        raise InputError(
            f"{board.name} cannot be clocked at {clock_mhz:g} MHz",
            expected=f"{least:g} to {most:g} MHz, which its PLL makes and its clock buffers pass",
        )
