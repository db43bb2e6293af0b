"""The numbers of a problem as arrays, in the form in which the solvers add and compare them.

An unknown count is -inf here: a sum with it stays unknown, it breaks no limit, and it compares as
less than any known one. That is what :func:`~dse.plan.plan.evaluate` says of unknowns, and it keeps
every rule on sums valid (docs/planner.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dse.plan.chain import PLAN_RESOURCES, Chain, Counts
from dse.plan.feasibility import TOLERANCE
from dse.plan.fleet import Fleet, PlanBoard

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

RESOURCES = len(PLAN_RESOURCES)


@dataclass(frozen=True)
class BlockArrays:
    """The foldings of a block: ``use`` (foldings x resources), the others one a folding."""

    use: Floats
    cycles: Floats
    fill: Floats
    drain: Floats
    stream_in: Integers
    stream_out: Integers


@dataclass(frozen=True)
class BoundaryArrays:
    """Converters of a boundary, None where none are counted. ``joint``: out x in x resources."""

    joint: Floats | None
    leave: Floats | None
    enter: Floats | None

    @property
    def told_apart(self) -> bool:
        """Whether it matters which stream leaves the block before."""
        return self.joint is not None or self.leave is not None


@dataclass(frozen=True)
class KindArrays:
    """Boards of one kind. ``most``: of each resource for blocks and converters, inf: no limit.

    ``size``: nan where no share is counted. ``seconds``: of a clock cycle.
    """

    boards: tuple[int, ...]
    most: Floats
    shell: Floats
    size: Floats
    seconds: float

    def shares(self, use: Floats) -> Floats:
        """Of ``use`` (... x resources) with the shell; -inf where no share is known."""
        shares: Floats = (use + self.shell) / self.size
        return np.where(np.isnan(shares), -np.inf, shares)


def as_floats(counts: Counts) -> list[float]:
    """Unknown is -inf."""
    return [-np.inf if count is None else float(count) for count in counts]


def block_arrays(chain: Chain) -> list[BlockArrays]:
    """Of each block."""
    return [
        BlockArrays(
            use=np.array([as_floats(option.use) for option in block.options]),
            cycles=np.array([float(option.cycles) for option in block.options]),
            fill=np.array([float(option.fill) for option in block.options]),
            drain=np.array([float(option.drain) for option in block.options]),
            stream_in=np.array([option.stream_in for option in block.options]),
            stream_out=np.array([option.stream_out for option in block.options]),
        )
        for block in chain.blocks
    ]


def boundary_arrays(chain: Chain) -> list[BoundaryArrays]:
    """Of each boundary."""
    arrays = []
    for boundary in chain.boundaries:
        counted = boundary.converters
        joint = [[as_floats(one) for one in row] for row in counted.joint]
        arrays.append(
            BoundaryArrays(
                np.array(joint) if joint else None,
                np.array([as_floats(one) for one in counted.leave]) if counted.leave else None,
                np.array([as_floats(one) for one in counted.enter]) if counted.enter else None,
            )
        )
    return arrays


def kind_arrays(fleet: Fleet) -> list[KindArrays]:
    """Of each kind of board, in the order of the first board of each."""
    kinds: dict[tuple[object, ...], list[int]] = {}
    for index, board in enumerate(fleet.boards):
        kinds.setdefault(board.kind, []).append(index)
    return [_kind(fleet.boards[boards[0]], tuple(boards)) for boards in kinds.values()]


def _kind(board: PlanBoard, boards: tuple[int, ...]) -> KindArrays:
    shell = np.array([0.0 if count is None else float(count) for count in board.shell])
    most = np.array(
        [
            # Nothing needed always fits, even beside a shell that is too big alone.
            np.inf if capacity is None else max(0.0, capacity * usable * (1 + TOLERANCE) - own)
            for capacity, usable, own in zip(board.capacity, board.usable, shell, strict=True)
        ]
    )
    size = np.array([float(capacity) if capacity else np.nan for capacity in board.capacity])
    return KindArrays(boards, most, shell, size, 1e-6 / board.clock_mhz)
