"""Boards that Vivado builds for: those with a Zynq processing system, and Alveo cards."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from dse.errors import InputError

Processor = Literal["zynq-7000", "zynq-ultrascale+", "alveo"]
Memory = Literal["DDR", "HBM"]

#: Word in FINN's shell template -> the processing system.
_PROCESSORS: Mapping[str, Processor] = {
    "zynq_7000": "zynq-7000",
    "zynq_us+": "zynq-ultrascale+",
}
_BOARD_BLOCK = re.compile(r'\{\$BOARD == "([^"]+)"\}\s*\{([^{}]*)\}')
_BOARD_PART = re.compile(r"set_property board_part (\S+)")
#: Of FINN's cards, those whose buffers FINN's link puts into HBM; the others have DDR alone.
_HBM_CARDS = ("U50", "U280", "U55C")
_ZYNQ_TYPE = re.compile(r'set ZYNQ_TYPE "([^"]+)"')


@dataclass(frozen=True)
class VivadoBoard:
    """A board as Vivado needs it.

    ``part``: of its device, such as xc7z020clg400-1. ``port_bits``: width of an AXI HP port, 64 or
    128. The processing system is set up by Vivado's ``board_part`` or by ``ps_preset``, a Tcl file
    that is sourced with the processing system's cell there; exactly one of both. ``board_files``:
    folder with the files of ``board_part``; None: where FINN keeps those it fetched, or Vivado's
    own. ``clock_mhz``: what the board's file says of it, None for FINN's boards. For plans alone,
    so not in the repr, which tells one build from another: ``reserve``, counts that the shell
    keeps, and ``usable``, greatest shares, by resource.
    """

    name: str
    part: str
    processor: Processor
    port_bits: Literal[64, 128, 512]
    board_part: str | None
    board_files: Path | None = None
    ps_preset: Path | None = None
    clock_mhz: float | None = None
    reserve: tuple[tuple[str, float], ...] = field(default=(), repr=False)
    usable: tuple[tuple[str, float], ...] = field(default=(), repr=False)


@dataclass(frozen=True, kw_only=True)
class AlveoBoard(VivadoBoard):
    """A card in a host: the part is linked into its platform by Vitis.

    ``platform``: its name, or the path of its .xpfm. ``memory``: where the host's buffers lie.
    """

    platform: str
    memory: Memory


def find_board(name: str, boards: Path | None = None) -> VivadoBoard:
    """The board of that name (in any case): of the file ``boards`` first, then of FINN's.

    Raises InputError for an unknown board, with the choices, for one that is neither a Zynq board
    nor an Alveo card (Versal), and for a file that is wrong, naming the line where it is known.
    """
    # Late: that module names VivadoBoard.
    from finn_flows.vivado.board_file import read_vivado_boards

    own = () if boards is None else read_vivado_boards(boards)
    for board in own:
        if board.name.lower() == name.lower():
            return board
    known = (*finn_boards(), *finn_cards())
    for board in known:
        if board.name.lower() == name.lower():
            return board
    choices = sorted({board.name for board in (*own, *known)})
    from finn.util.basic import part_map, pynq_part_map

    if name.lower() in (other.lower() for other in pynq_part_map):
        raise InputError(
            f"FINN's shell has no set-up of the processing system of {name}",
            expected="a board file (--board-file) that gives it, or another board",
            choices=choices,
        )
    if name.lower() in (other.lower() for other in part_map):
        raise InputError(
            f"backend vivado builds nothing for {name}, neither a Zynq board nor an Alveo card",
            choices=choices,
        )
    raise InputError(f"unknown board {name!r}", choices=choices)


def finn_boards() -> tuple[VivadoBoard, ...]:
    """The Zynq boards of FINN, as its tables and its shell's template have them."""
    from finn.transformation.fpgadataflow.templates import custom_zynq_shell_template
    from finn.util.basic import pynq_native_port_width, pynq_part_map

    presets: dict[str, tuple[str, Processor]] = {}
    for name, block in _BOARD_BLOCK.findall(custom_zynq_shell_template):
        board_part, zynq = _BOARD_PART.search(block), _ZYNQ_TYPE.search(block)
        if board_part and zynq:
            presets[name] = board_part[1], _PROCESSORS[zynq[1]]
    return tuple(
        VivadoBoard(
            name=name,
            part=part,
            processor=presets[name][1],
            port_bits=64 if pynq_native_port_width[name] == 64 else 128,
            board_part=presets[name][0],
        )
        for name, part in pynq_part_map.items()
        # The template stops at a board that it does not name.
        if name in presets and name in pynq_native_port_width
    )


def finn_cards() -> tuple[AlveoBoard, ...]:
    """The Alveo cards of FINN, each with the platform that FINN links for."""
    from finn.util.basic import alveo_default_platform, alveo_part_map

    return tuple(
        AlveoBoard(
            name=name,
            part=part,
            processor="alveo",
            port_bits=512,
            board_part=None,
            platform=alveo_default_platform[name],
            memory="HBM" if name in _HBM_CARDS else "DDR",
        )
        for name, part in alveo_part_map.items()
    )
