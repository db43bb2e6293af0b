"""Parts of the shipped network for Pynq-Z1, and builds of them that stay to be looked at."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from finn_flows.backends.interface import Part
from finn_flows.cut import Cut
from finn_flows.folding import published_folding
from finn_flows.network import Network
from finn_flows.tool_process import Limits
from finn_flows.vendor.kept_steps import KeptSteps
from finn_flows.vivado.board import VivadoBoard, find_board
from finn_flows.vivado.build_steps import Overlay, PartBuild
from finn_flows.vivado.installation import find_installation
from finn_flows.weights import load_weights
from reports.sweep_record import PartName

DEVICE = "xc7z020clg400-1"
LIMITS = Limits(seconds=300.0, memory_bytes=2 * 1024**3)


@cache
def network() -> Network:
    return load_weights().network


def part_of(cut: Cut | None, name: PartName, clock_mhz: float = 100.0) -> Part:
    return Part(network(), name, cut, published_folding(network()), DEVICE, clock_mhz)


def build_of(
    part: Part, steps: KeptSteps, board: VivadoBoard | None = None, **fifo_depths: int
) -> PartBuild:
    return PartBuild(
        part,
        board or find_board("Pynq-Z1"),
        find_installation(),
        steps,
        "of a test",
        limits=LIMITS,
        jobs=1,
        fifo_depths=fifo_depths,
        status=lambda text: None,
    )


def built(
    part: Part, folder: Path, board: VivadoBoard | None = None, **fifo_depths: int
) -> Overlay:
    """``part`` built in ``folder``, where all stays that was made on the way."""
    with KeptSteps(folder) as steps:
        return build_of(part, steps, board, **fifo_depths).overlay()
