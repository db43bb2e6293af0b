"""How the planner's time grows with blocks and boards: random chains, four foldings a block.

A block is slow or four times as fast for almost three times the resources, and its weights are in
LUTs or in BRAM, give or take some by chance: no folding is as good as another in everything. Known
of a block is what FINN's estimates tell: LUT, BRAM and DSP (of which there are none). The
blocks are sized so that the boards, all PYNQ-Z1, have room for a middling folding of each; so cuts,
foldings and the limits of the boards all matter. Objective: throughput, links of 1 Gbit/s; the plan
found is checked against the problem's limits.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import product

import numpy as np

from dse.plan.chain import Block, Boundary, Chain, FoldingOption
from dse.plan.feasibility import broken_limits
from dse.plan.fleet import Fleet, Link, PlanBoard
from dse.plan.problem import Objective, Problem
from dse.plan.solve import solve

BLOCKS = (10, 100, 1_000)
BOARDS = (2, 8, 64)
#: Seconds that the largest may take.
TARGET = 10.0
#: Of a PYNQ-Z1, and by PLAN_RESOURCES.
_LUT, _BRAM = 53200.0, 140.0
_CAPACITY = (_LUT, 17400.0, 106400.0, _BRAM, 220.0, 0.0)
#: What a block takes of LUT and BRAM with its weights there, over the mean.
_MEMORIES = {
    "LUT": (1.4, 0.3),
    "BRAM": (0.7, 1.3),
}
_GIGABIT = Link("1 Gbit/s", 20e-6, 8e-9)


@dataclass(frozen=True)
class PlanningTime:
    """``seconds`` to plan ``blocks`` for ``boards``; ``used``: boards of the plan."""

    blocks: int
    boards: int
    objective: str
    seconds: float
    images_per_second: float
    used: int
    proved: bool

    @property
    def target(self) -> float | None:
        return TARGET if (self.blocks, self.boards) == (BLOCKS[-1], BOARDS[-1]) else None


def planner_growth(seed: int = 0) -> list[PlanningTime]:
    """One row for each number of blocks and of boards.

    AssertionError where a plan breaks a limit.
    """
    return [_planned(blocks, boards, seed) for blocks in BLOCKS for boards in BOARDS]


def _planned(blocks: int, boards: int, seed: int) -> PlanningTime:
    problem = random_problem(blocks, boards, seed)
    start = time.perf_counter()
    plan = solve(problem, Objective.THROUGHPUT)
    seconds = time.perf_counter() - start
    if broken := broken_limits(problem, plan.parts):
        raise AssertionError(f"{blocks} blocks on {boards} boards: the plan breaks {broken}")
    return PlanningTime(
        blocks,
        boards,
        Objective.THROUGHPUT.value,
        seconds,
        1 / plan.metrics.interval,
        plan.metrics.boards,
        plan.is_optimal,
    )


def random_problem(blocks: int, boards: int, seed: int) -> Problem:
    """The same for the same numbers."""
    random = np.random.default_rng([seed, blocks, boards])
    # Of a board, for a middling folding of a block.
    middling = min(1.1 * boards / blocks, 0.2)
    chain = Chain(
        f"{blocks} random blocks",
        "drawn",
        tuple(_block(random, str(position), middling) for position in range(blocks)),
        tuple(
            Boundary(f"after block {position}", int(2 ** random.uniform(6, 14)) // 8 * 8)
            for position in range(blocks - 1)
        ),
        input_bytes=3072,
        output_bytes=16,
    )
    fleet = Fleet(
        tuple(PlanBoard(f"board {n}", "xc7z020", 100.0, _CAPACITY) for n in range(boards)),
        (_GIGABIT,),
        _GIGABIT,
    )
    return Problem(chain, fleet)


def _block(random: np.random.Generator, name: str, middling: float) -> Block:
    shares = middling * random.uniform(0.2, 1.8, 2)
    slowest = int(random.uniform(50_000, 400_000))
    options = []
    for fast, memory in product((False, True), _MEMORIES):
        grown = shares * 2.0 ** (1.5 * fast - 0.75) * random.uniform(0.7, 1.0, 2)
        lut, bram = (grown * _MEMORIES[memory] * (_LUT, _BRAM)).tolist()
        cycles = slowest // 4 if fast else slowest
        speed = "fast" if fast else "slow"
        use = (lut, None, None, bram, 0.0, 0.0)
        options.append(FoldingOption(f"{speed}, {memory}", use, cycles, fill=cycles // 20))
    return Block(name, tuple(options))
