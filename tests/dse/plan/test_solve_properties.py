"""What holds of the best plan whatever the problem."""

from __future__ import annotations

import random
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dse.errors import PlanError
from dse.plan.chain import Block, Boundary, Chain, FoldingOption
from dse.plan.feasibility import broken_limits
from dse.plan.fleet import Fleet, Link, PlanBoard
from dse.plan.problem import Limits, Objective, Problem
from dse.plan.solution import Solution
from dse.plan.solve import solve
from tests.dse.plan.random_problems import random_problem

SEEDS = st.integers(0, 2**32 - 1)
OBJECTIVES = st.sampled_from(list(Objective))


def plan_of(problem: Problem, objective: Objective) -> Solution | None:
    """None where no plan is allowed; a plan is within the limits."""
    try:
        solution = solve(problem, objective)
    except PlanError:
        return None
    assert broken_limits(problem, solution.parts) == []
    return solution


def assert_no_worse(better: Solution | None, worse: Solution | None) -> None:
    if worse is not None:
        assert better is not None
        assert better.value <= worse.value * (1 + 1e-9) + 1e-15


@given(SEEDS, OBJECTIVES)
@settings(max_examples=20)
def test_one_more_board_never_hurts(seed: int, objective: Objective) -> None:
    problem = replace(random_problem(random.Random(seed), 5, 3, 3), use_all=False)
    fleet = problem.fleet
    links = fleet.links if len(fleet.links) == 1 else (*fleet.links, fleet.links[-1])
    more = replace(fleet, boards=(*fleet.boards, fleet.boards[-1]), links=links)
    bigger = replace(problem, fleet=more)
    assert_no_worse(plan_of(bigger, objective), plan_of(problem, objective))


@given(SEEDS, OBJECTIVES)
@settings(max_examples=20)
def test_a_looser_limit_never_hurts(seed: int, objective: Objective) -> None:
    problem = random_problem(random.Random(seed), 5, 3, 3)
    values = {one.name: getattr(problem.limits, one.name) for one in fields(Limits)}
    looser = Limits(**{name: value and value * 2 for name, value in values.items()})
    assert_no_worse(
        plan_of(replace(problem, limits=looser), objective), plan_of(problem, objective)
    )


@given(SEEDS, OBJECTIVES)
@settings(max_examples=20)
def test_any_order_is_no_worse_than_a_fixed_one(seed: int, objective: Objective) -> None:
    problem = random_problem(random.Random(seed), 5, 3, 3)
    fixed = replace(problem.fleet, links=problem.fleet.links[:1], any_order=False)
    free = replace(fixed, any_order=True)
    assert_no_worse(
        plan_of(replace(problem, fleet=free), objective),
        plan_of(replace(problem, fleet=fixed), objective),
    )


def test_a_part_is_on_no_more_boards_than_there_are() -> None:
    problem = replace(long_chain(4, 3), most_replicas=3)
    assert solve(replace(problem, most_replicas=10**9), Objective.THROUGHPUT) == solve(
        problem, Objective.THROUGHPUT
    )


def long_chain(blocks: int, boards: int) -> Problem:
    """Of which brute force sees nothing; every block alike, so that the best is known."""
    options = tuple(
        FoldingOption(f"{k}", (10.0 * 2**k, None, None, float(k + 1), None, None), 1024 >> k)
        for k in range(4)
    )
    chain = Chain(
        "long",
        "test",
        tuple(Block(f"block {k}", options) for k in range(blocks)),
        tuple(Boundary(f"cut {k}", 64) for k in range(1, blocks)),
    )
    board = PlanBoard("board", "part", 100.0, (400.0, None, None, 140.0, None, None))
    return Problem(chain, Fleet((board,) * boards, (Link(),)))


@pytest.mark.parametrize(
    ("blocks", "boards", "cycles"),
    # Of the fastest folding 5 blocks fit on a board, of the next ones 10, 20 and 40.
    [
        (320, 64, 128),
        (321, 64, 256),
        (640, 64, 256),
        (1000, 64, 512),
        (1000, 50, 512),
        (1000, 25, 1024),
    ],
)
def test_a_thousand_blocks_on_many_boards_have_the_interval_that_is_known(
    blocks: int, boards: int, cycles: int
) -> None:
    solution = solve(long_chain(blocks, boards), Objective.THROUGHPUT)
    assert solution.value == pytest.approx(cycles * 1e-8)
    assert solution.is_optimal
