"""What is to be synthesised, and what comes out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from finn_flows.synthesis.logic_depth import LogicDepth
from reports.utilization import Utilization

_PLAIN_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_PLAIN_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Design:
    """Module ``top`` of SystemVerilog ``sources``, for the device of a part name.

    ``sources``: (file name, text) of every file, read in this order. ``memory_files``: the same of
    the files that ``$readmemh`` names, which lie beside the sources. Names are plain, without a
    folder, and none occurs twice: ValueError otherwise.
    """

    top: str
    sources: tuple[tuple[str, str], ...]
    memory_files: tuple[tuple[str, str], ...]
    device: str

    def __post_init__(self) -> None:
        if not _PLAIN_IDENTIFIER.fullmatch(self.top):
            raise ValueError(f"{self.top!r} is not the name of a module")
        names = [name for name, _ in (*self.sources, *self.memory_files)]
        for name in names:
            if not _PLAIN_FILE_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not a plain file name")
        if not self.sources or len(names) != len(set(names)):
            raise ValueError(f"a design needs sources, each of its own name: {names}")


@dataclass(frozen=True)
class Synthesis:
    """What Yosys made of a design.

    ``cells``: how many of each kind the flat netlist holds, by the name of the kind, sorted.
    ``seconds`` and ``peak_memory_bytes`` are those of the run that made it (a ToolRun of
    finn_flows/tool_process.py), which may have been long ago. ``netlist`` is Verilog of the cells
    of Xilinx' libraries guide (UG953); ``log`` is all that Yosys wrote.
    """

    cells: dict[str, int]
    utilization: Utilization
    logic_depth: LogicDepth
    seconds: float
    peak_memory_bytes: int | None
    netlist: Path
    log: Path
