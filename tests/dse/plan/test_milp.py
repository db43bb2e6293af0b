"""The MILP's optimum, by a solver that shares nothing with ours, is ours."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from dse.errors import InputError, PlanError
from dse.plan.chain import Chain
from dse.plan.feasibility import broken_limits
from dse.plan.milp import milp_of_query, solve_milp
from dse.plan.problem import Limits, Objective, Problem
from dse.plan.query import Query
from dse.plan.solve import solve
from tests.dse.plan.brute_force import ORDER
from tests.dse.plan.random_problems import random_chain, random_fleet, random_problem, with_limits


def larger_problem(draw: random.Random, fewest: int = 8, most: int = 14) -> Problem:
    """More plans than could be looked at one by one, of the kinds that the MILP covers."""
    while True:
        chain = random_chain(draw, draw.randint(fewest, most), draw.randint(2, 4))
        if not fully_known(chain):
            continue
        fleet = random_fleet(draw, draw.randint(2, 5), chain)
        problem = Problem(chain, replace(fleet, any_order=False), use_all=draw.random() < 0.15)
        return with_limits(draw, problem)


def fully_known(chain: Chain) -> bool:
    """Whether of each resource all counts are known, or none of any block."""
    tables = [[option.use for option in block.options] for block in chain.blocks]
    for boundary in chain.boundaries:
        own = boundary.converters
        tables += [list(row) for row in own.joint] + [list(own.leave), list(own.enter)]
    rows = [use for table in tables for use in table]
    blocks = [option.use for block in chain.blocks for option in block.options]
    return all(
        all(use[k] is not None for use in rows) or all(use[k] is None for use in blocks)
        for k in range(6)
    )


def assert_equal_to_milp(problem: Problem, objective: Objective, told: str) -> bool:
    """Whether there is a plan."""
    try:
        ours = solve(problem, objective)
    except PlanError:
        with pytest.raises(PlanError):
            solve_milp(problem, objective)
        return False
    theirs = solve_milp(problem, objective)
    assert theirs.is_optimal, (told, objective)
    assert [one.limit for one in broken_limits(problem, theirs.parts)] == [], (told, objective)
    # HiGHS allows itself 1e-6 of a unit in what it takes for an integer or a full board.
    assert ours.value == pytest.approx(theirs.value, rel=1e-5, abs=1e-9), (told, objective)
    return True


@pytest.mark.parametrize("seed", range(7))
def test_the_milp_has_the_same_optimum(seed: int) -> None:
    problem = larger_problem(random.Random(seed), 4, 6)
    assert_equal_to_milp(problem, ORDER[seed % len(ORDER)], f"seed {seed}")


@pytest.mark.slow
def test_two_hundred_larger_chains_equal_the_milp_optimum() -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    # Balance, of which the labels hold more, on somewhat smaller ones.
    found, k = 0, 0
    while found < 210:
        objective = ORDER[k % len(ORDER)]
        most = 9 if objective is Objective.BALANCE else 14
        problem = larger_problem(random.Random(seed + k), 8, most)
        found += assert_equal_to_milp(problem, objective, f"seed {seed + k}")
        k += 1


def test_what_the_milp_does_not_cover_is_refused() -> None:
    draw = random.Random(3)
    while True:
        problem = random_problem(draw, limited=False)
        if len({board.kind for board in problem.fleet.boards}) > 1:
            break
    free = replace(problem.fleet, links=problem.fleet.links[:1], any_order=True)
    with pytest.raises(InputError, match="fixed order"):
        solve_milp(replace(problem, fleet=free), Objective.TRAFFIC)
    fixed = replace(problem, fleet=replace(problem.fleet, any_order=False), most_replicas=2)
    with pytest.raises(InputError, match="repeats no part"):
        solve_milp(fixed, Objective.TRAFFIC)


@pytest.mark.parametrize(
    "objective", [Objective.TRAFFIC, Objective.BALANCE, Objective.SCARCEST, Objective.LATENCY]
)
def test_a_plan_over_a_limit_by_the_solvers_tolerance_is_not_taken(objective: Objective) -> None:
    # By less than HiGHS tells apart: a Pareto set asks for so much less of each plan's figure.
    problem = larger_problem(random.Random(4), 4, 6)
    problem = replace(problem, limits=Limits(), use_all=True, must_cut=frozenset())
    value = solve(problem, objective).value
    assert value > 0
    for share in (1e-9, 1e-7):
        query = Query.of(problem, objective)
        most = query.most.to(objective.value, value * (1 - share))
        for other in (objective, Objective.THROUGHPUT):
            found = milp_of_query(query.ask(other, most), other, None)
            assert found is None or found.metrics.of(objective) <= value * (1 - share)
