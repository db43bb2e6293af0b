"""What Yosys calls the family of a device, and what its cells count as."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from dse.errors import BuildError


class CellUse(StrEnum):
    """What one cell takes of a device."""

    LUT_AS_LOGIC = "LUT as logic"
    LUT_AS_MEMORY = "LUT as memory"
    FF = "FF"
    BRAM = "BRAM"
    DSP = "DSP"
    URAM = "URAM"
    NOTHING = "nothing"  # wired into every slice beside its LUTs: carry chains, wide multiplexers


CellTable = dict[str, tuple[CellUse, float]]


def _cells(use: CellUse, amounts: Mapping[str, float]) -> CellTable:
    return {kind: (use, amount) for kind, amount in amounts.items()}


_LOGIC = _cells(CellUse.LUT_AS_LOGIC, dict.fromkeys((f"LUT{size}" for size in range(1, 7)), 1))
_LOGIC |= _cells(CellUse.LUT_AS_LOGIC, {"LUT6_2": 1})
# Yosys' name for a LUT1 that inverts. What a LUT could absorb, ABC has absorbed; what is left
# drives a flip-flop, a carry chain or a port, and none of those can invert in these families.
_LOGIC |= _cells(CellUse.LUT_AS_LOGIC, {"INV": 1})

# D flip-flops with reset, set, clear or preset, at either clock edge (_1), and latches.
_FLIP_FLOPS = _cells(
    CellUse.FF,
    dict.fromkeys(("FDRE", "FDSE", "FDCE", "FDPE", "LDCE", "LDPE"), 1)
    | dict.fromkeys(("FDRE_1", "FDSE_1", "FDCE_1", "FDPE_1"), 1),
)

# LUTs of one memory cell. A 6-input LUT holds 64 x 1 or 32 x 2 bits with one port; each further
# read port is another copy, and M cells are the four LUTs of a slice, one of which only takes the
# write address (UG474 table 2-3, "Distributed RAM Configuration"; UG953 has the cells).
_LUT_MEMORIES = _cells(
    CellUse.LUT_AS_MEMORY,
    {
        "RAM32X1S": 1,
        "RAM32X1S_1": 1,
        "RAM32X2S": 2,
        "RAM64X1S": 1,
        "RAM64X1S_1": 1,
        "RAM128X1S": 2,
        "RAM128X1S_1": 2,
        "RAM256X1S": 4,
        "RAM32X1D": 2,
        "RAM32X1D_1": 2,
        "RAM64X1D": 2,
        "RAM64X1D_1": 2,
        "RAM128X1D": 4,
        "RAM32M": 4,
        "RAM64M": 4,
        "SRL16E": 1,
        "SRLC16E": 1,
        "SRLC32E": 1,
    },
)

# What a slice of UltraScale has besides: eight LUTs beside each other (UG574 table 2-2).
_ULTRASCALE_LUT_MEMORIES = _cells(
    CellUse.LUT_AS_MEMORY,
    {
        "RAM256X1D": 8,
        "RAM512X1S": 8,
        "RAM32M16": 8,
        "RAM64M8": 8,
        "RAM64X8SW": 8,
        "RAM32X16DR8": 8,
    },
)

_SERIES_7: CellTable = {
    **_LOGIC,
    **_FLIP_FLOPS,
    **_LUT_MEMORIES,
    **_cells(CellUse.NOTHING, {"CARRY4": 0, "MUXF7": 0, "MUXF8": 0}),
    **_cells(CellUse.BRAM, {"RAMB18E1": 0.5, "RAMB36E1": 1}),
    **_cells(CellUse.DSP, {"DSP48E1": 1}),
}

_ULTRASCALE_PLUS: CellTable = {
    **_LOGIC,
    **_FLIP_FLOPS,
    **_LUT_MEMORIES,
    **_ULTRASCALE_LUT_MEMORIES,
    # Yosys 0.70 builds CARRY4 for every family; Vivado makes CARRY8 of them (UG974).
    **_cells(CellUse.NOTHING, {"CARRY4": 0, "CARRY8": 0, "MUXF7": 0, "MUXF8": 0, "MUXF9": 0}),
    **_cells(CellUse.BRAM, {"RAMB18E2": 0.5, "RAMB36E2": 1}),
    **_cells(CellUse.DSP, {"DSP48E2": 1}),
    **_cells(CellUse.URAM, {"URAM288": 1}),
}


@dataclass(frozen=True)
class DeviceFamily:
    """Devices with the same cells.

    ``yosys_name``: for ``synth_xilinx -family``; ``libraries``: what ``read_verilog -lib`` must
    read so that Yosys knows the cells it makes.
    """

    yosys_name: str
    part_names: str
    libraries: tuple[str, ...]
    cells: CellTable


_CELLS = "-specify +/xilinx/cells_sim.v"
_FURTHER_CELLS = "+/xilinx/cells_xtra.v"


_FAMILIES = {
    r"xc7[akvsz]": DeviceFamily("xc7", "xc7* (7 series, Zynq-7000)", (_CELLS,), _SERIES_7),
    r"xczu\d|xck26": DeviceFamily(
        "xcup", "xczu*, xck26 (Zynq UltraScale+)", (_CELLS, _FURTHER_CELLS), _ULTRASCALE_PLUS
    ),
}


def device_family(part: str) -> DeviceFamily:
    """The family of a part name such as ``xc7z020clg400-1``. BuildError for any other."""
    for pattern, family in _FAMILIES.items():
        if re.match(pattern, part, re.IGNORECASE):
            return family
    raise BuildError(
        f"Yosys does not synthesise for {part!r} here",
        choices=[family.part_names for family in _FAMILIES.values()],
    )
