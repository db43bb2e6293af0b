"""Which memory of the device holds a memory of a circuit."""

from __future__ import annotations

from typing import Literal

from reports.devices import Device

RamStyle = Literal["registers", "distributed", "block"]

#: LUTs of one RAM64M, which holds 64 words of 3 bits with a write and a read port (UG474, table
#: 2-3), and of one RAM32M, which holds 32 words of 6 bits.
_LUTS_PER_RAM = 4
#: Depth and width that one RAMB18E1 can take with a write and a read port (UG473, table 1-10).
_RAMB18_SHAPES = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))
#: Up to this depth a FIFO in registers takes less than one in LUTRAM with its counters.
REGISTER_DEPTH = 2


def memory_style(depth: int, width: int, device: Device) -> RamStyle:
    """The style that takes the smaller share of what the device has of it.

    ``depth`` words of ``width`` bits, one write and one read port: ``distributed`` (LUTRAM) or
    ``block`` (BRAM). On an XC7Z020 a RAMB18 is worth 62 LUTs used as memory.
    """
    # Where nobody tells how many LUTs can be memory: all of them, at most.
    lutram_share = lutram_luts(depth, width) / (device.lut_as_memory or device.lut)
    return "distributed" if lutram_share <= ramb18s(depth, width) / 2 / device.bram else "block"


def lutram_luts(depth: int, width: int) -> int:
    """LUTs used as memory by ``depth`` words of ``width`` bits, one write and one read port."""
    if depth <= 32:
        return -(-width // 6) * _LUTS_PER_RAM
    return -(-depth // 64) * -(-width // 3) * _LUTS_PER_RAM


def ramb18s(depth: int, width: int) -> int:
    """RAMB18E1 halves for ``depth`` words of ``width`` bits, all of one shape."""
    return min(-(-depth // deep) * -(-width // wide) for deep, wide in _RAMB18_SHAPES)
