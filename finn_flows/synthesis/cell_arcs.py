"""Which output of a cell follows which input without waiting for a clock edge.

The cells are those of UG953 (7 series) and UG974 (UltraScale). What is not an arc ends a path: the
inputs of a flip-flop or a block RAM, the write port of a LUT memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from finn_flows.synthesis.netlist import Bit, Cell

#: A net, or a point inside a cell that has no net of its own.
Node = Bit | tuple[str, int]

_FLIP_FLOP = re.compile(r"FD[RSCP]E(_1)?")
_BLOCK_MEMORY = re.compile(r"RAMB(18|36)E[12]|URAM288")
_LUT = re.compile(r"LUT[1-6]|INV")
_WIDE_MULTIPLEXER = re.compile(r"MUXF[789]")
_LATCH = re.compile(r"LD[CP]E")
_CARRY = re.compile(r"CARRY[48]")
_LUT_MEMORY = re.compile(r"RAM\d.*|SRLC?(16|32)E")
_DSP = re.compile(r"DSP48E[12]")


@dataclass(frozen=True)
class Arc:
    """``end`` follows ``start``; the cell in between costs so much on the way."""

    start: Node
    end: Node
    luts: int = 0
    carries: int = 0
    dsps: int = 0


def arcs(cell: Cell) -> Iterator[Arc]:
    """The arcs through ``cell``. KeyError for a kind of cell that is not known."""
    if _FLIP_FLOP.fullmatch(cell.kind) or _BLOCK_MEMORY.fullmatch(cell.kind):
        return
    if _LUT.fullmatch(cell.kind):
        yield from _all_to_all(cell, luts=1)
    elif cell.kind == "LUT6_2":
        yield from _lut6_2(cell)
    elif _CARRY.fullmatch(cell.kind):
        yield from _carry(cell)
    elif _LUT_MEMORY.fullmatch(cell.kind):
        yield from _lut_memory(cell)
    elif _WIDE_MULTIPLEXER.fullmatch(cell.kind) or _LATCH.fullmatch(cell.kind):
        # A latch is open half of the time, so a path goes through it.
        yield from _all_to_all(cell)
    elif _DSP.fullmatch(cell.kind):
        yield from _dsp(cell)
    else:
        raise KeyError(cell.kind)


def levels_at_output(cell: Cell) -> int:
    """LUT levels at an output whatever the inputs do: what a LUT memory holds leaves by a LUT."""
    return 1 if _LUT_MEMORY.fullmatch(cell.kind) else 0


def is_flip_flop(cell: Cell) -> bool:
    return _FLIP_FLOP.fullmatch(cell.kind) is not None


def _all_to_all(cell: Cell, luts: int = 0) -> Iterator[Arc]:
    for end in _bits(cell.outputs):
        for start in _bits(cell.inputs):
            yield Arc(start, end, luts)


def _lut6_2(cell: Cell) -> Iterator[Arc]:
    for name, starts in cell.inputs.items():
        for start in starts:
            for end in cell.outputs.get("O6", ()):
                yield Arc(start, end, luts=1)
            if name != "I5":
                for end in cell.outputs.get("O5", ()):
                    yield Arc(start, end, luts=1)


def _carry(cell: Cell) -> Iterator[Arc]:
    """Bit by bit: a sum never depends on a higher bit, so what looks like a loop may be none."""
    select, data = cell.inputs["S"], cell.inputs["DI"]
    for port in ("CI", "CYINIT"):
        for start in cell.inputs.get(port, ()):
            yield Arc(start, (cell.name, 0))
    for start in cell.inputs.get("CI_TOP", ()):  # a CARRY8 as two CARRY4
        yield Arc(start, (cell.name, 4))
    for index, selecting in enumerate(select):
        carry_in, carry_out = (cell.name, index), (cell.name, index + 1)
        yield Arc(carry_in, carry_out)
        yield Arc(selecting, carry_out)
        yield Arc(data[index], carry_out)
        for total in cell.outputs.get("O", [])[index : index + 1]:
            yield Arc(carry_in, total, carries=1)
            yield Arc(selecting, total, carries=1)
        for carry in cell.outputs.get("CO", [])[index : index + 1]:
            yield Arc(carry_out, carry, carries=1)


def _lut_memory(cell: Cell) -> Iterator[Arc]:
    """From the read address of a port to its data; writing waits for the clock."""
    for name, ends in cell.outputs.items():
        if name in ("Q15", "Q31"):  # the last stage of a shift register, whatever the address
            continue
        if match := re.fullmatch(r"DO([A-H])", name):
            address = f"ADDR{match[1]}"
        else:
            address = r"DPRA\d*" if name == "DPO" else r"A\d*"
        for port, starts in cell.inputs.items():
            if re.fullmatch(address, port):
                for start in starts:
                    for end in ends:
                        yield Arc(start, end, luts=1)


# Input of a DSP48 -> the parameters that each put a register behind it (UG479, UG579).
_DSP_REGISTERS = {
    "A": ("AREG", "MREG"),
    "B": ("BREG", "MREG"),
    "C": ("CREG",),
    "D": ("DREG", "ADREG", "MREG"),
    "CARRYIN": ("CARRYINREG",),
    "CARRYINSEL": ("CARRYINSELREG",),
    "OPMODE": ("OPMODEREG",),
    "ALUMODE": ("ALUMODEREG",),
    "INMODE": ("INMODEREG", "MREG"),
    "PCIN": (),
    "CARRYCASCIN": (),
    "MULTSIGNIN": (),
    "ACIN": ("AREG", "MREG"),
    "BCIN": ("BREG", "MREG"),
}


def _dsp(cell: Cell) -> Iterator[Arc]:
    """From every input that no register holds up to the result. Registers are on by default."""

    def is_registered(parameter: str) -> bool:
        return int(cell.parameters.get(parameter, "1"), 2) != 0

    if is_registered("PREG"):
        return
    ends = [bit for name, bits in cell.outputs.items() for bit in bits if name[1:] != "COUT"]
    for name, registers in _DSP_REGISTERS.items():
        if not any(is_registered(register) for register in registers):
            for start in cell.inputs.get(name, ()):
                for end in ends:
                    yield Arc(start, end, dsps=1)


def _bits(ports: dict[str, list[Bit]]) -> Iterator[Bit]:
    for bits in ports.values():
        yield from bits
