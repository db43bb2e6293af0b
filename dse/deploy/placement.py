"""Which board each task or job of an application goes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dse.errors import DeployError


@dataclass
class FreeBoard:
    """What is left on a board: thousandths of a processor, and FPGAs. ``share``: how many of this
    application are on it."""

    name: str
    cpu: int
    fpga: int
    share: int = 0


@dataclass(frozen=True)
class Demand:
    """What one replica of a task, or a job, asks for. ``name``: for people."""

    name: str
    cpu: int
    fpga: int


def place(demands: Sequence[Demand], boards: Sequence[FreeBoard]) -> list[str]:
    """A board's name for each of ``demands``: the one with the fewest of this application that has
    the processor and the FPGAs left, of several the one with the most processor left.

    ``boards`` are changed to what is left behind it. Raises DeployError for the first demand that
    no board can meet.
    """
    chosen = []
    for demand in demands:
        fitting = [
            board for board in boards if board.cpu >= demand.cpu and board.fpga >= demand.fpga
        ]
        if not fitting:
            left = ", ".join(
                f"{board.name}: cpu {board.cpu}, fpga {board.fpga}" for board in boards
            )
            raise DeployError(
                f"{demand.name} asks for cpu {demand.cpu} and fpga {demand.fpga}, which no board "
                f"has left ({left})"
            )
        board = min(fitting, key=lambda one: (one.share, -one.cpu))
        board.cpu -= demand.cpu
        board.fpga -= demand.fpga
        board.share += 1
        chosen.append(board.name)
    return chosen
