"""Plans for the small network, made by hand: no estimate is asked for."""

from __future__ import annotations

from dataclasses import replace

from dse.plan.chain import Block, Boundary, Chain, FoldingOption
from dse.plan.fleet import Fleet, Link, PlanBoard
from dse.plan.problem import Objective, Problem
from dse.plan.solve import solve
from dse.plan_file import PlanFile, plan_file
from tests.dse.small_network import small_folding, small_network

#: Bytes per image behind layers 0 and 1.
BYTES = (16, 8)
PARTS = ("xc7z020clg400-1", "xczu3eg-sbva484-1-e")


def small_chain() -> Chain:
    """Three blocks, the small network's layers, with made-up counts and its own folding."""
    network = small_network()
    blocks = tuple(
        Block(
            f"layer{number}",
            (
                FoldingOption(
                    "only",
                    (100.0 * (number + 1), None, None, 2.5, 0.0, 0.0),
                    1000 * (number + 1),
                    folding=((fold.simd, fold.pe, fold.weight_memory),),
                ),
            ),
            (f"layer{number}",),
        )
        for number, fold in enumerate(small_folding().layers)
    )
    boundaries = tuple(
        Boundary(f"split {split}", size, split=split) for split, size in enumerate(BYTES)
    )
    return Chain(
        network.name,
        "finn-estimate",
        blocks,
        boundaries,
        input_bytes=304,
        output_bytes=24,
        network_sha256=network.sha256,
        uncounted=("Pool_hls",),
    )


def small_fleet(boards: int = 2, alike: bool = False) -> Fleet:
    """Boards of two parts in turn, or of one."""
    capacity = (1000.0, 400.0, 2000.0, 20.0, 10.0, 0.0)
    of_part = (
        PlanBoard("left", PARTS[0], 100.0, capacity),
        PlanBoard("right", PARTS[1], 200.0, capacity, usable=(0.7, 1.0, 1.0, 1.0, 1.0, 1.0)),
    )
    return Fleet(
        tuple(
            replace(of_part[0 if alike else number % 2], name=f"board{number}")
            for number in range(boards)
        ),
        (Link("cable", 1e-4, 1e-8),),
    )


def small_plan(
    boards: int = 2, alike: bool = False, objective: Objective = Objective.TRAFFIC
) -> PlanFile:
    """The best plan that uses so many boards."""
    problem = Problem(small_chain(), small_fleet(boards, alike), use_all=True)
    return plan_file(problem, solve(problem, objective), folding=small_folding())
