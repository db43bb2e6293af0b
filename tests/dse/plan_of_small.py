"""A plan for the small network, made by hand: no estimate is asked for."""

from __future__ import annotations

from dse.plan.chain import Block, Boundary, Chain, FoldingOption
from dse.plan.fleet import Fleet, Link, PlanBoard
from dse.plan.problem import Objective, Problem
from dse.plan.solve import solve
from dse.plan_file import PlanFile, plan_file
from tests.dse.small_network import small_folding, small_network

#: Bytes per image behind layers 0 and 1.
BYTES = (16, 8)


def small_problem() -> Problem:
    """Three blocks, the small network's, with made-up counts; a board of part ``one`` and another
    of part ``two``, both to be used."""
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
    chain = Chain(
        network.name,
        "finn-estimate",
        blocks,
        boundaries,
        input_bytes=304,
        output_bytes=24,
        network_sha256=network.sha256,
        uncounted=("Pool_hls",),
    )
    capacity = (1000.0, 400.0, 2000.0, 20.0, 10.0, 0.0)
    boards = (
        PlanBoard("left", "one", 100.0, capacity),
        PlanBoard("right", "two", 200.0, capacity, usable=(0.7, 1.0, 1.0, 1.0, 1.0, 1.0)),
    )
    fleet = Fleet(boards, (Link("cable", 1e-4, 1e-8),))
    return Problem(chain, fleet, use_all=True)


def small_plan(objective: Objective = Objective.TRAFFIC) -> PlanFile:
    """The best one."""
    problem = small_problem()
    return plan_file(problem, solve(problem, objective), folding=small_folding())
