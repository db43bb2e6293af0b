"""The planner's best is the best of all plans, looked at one by one."""

from __future__ import annotations

import random

import numpy as np
import pytest

from dse.errors import PlanError
from dse.plan.feasibility import broken_limits
from dse.plan.problem import Objective, Problem
from dse.plan.solve import solve
from tests.dse.plan.brute_force import ORDER, all_values, count
from tests.dse.plan.random_problems import random_problem

#: Plans that are looked at one by one, at most, of one problem.
MOST_PLANS = 300_000


def small_problem(draw: random.Random, most_plans: int = MOST_PLANS) -> Problem:
    """Up to 9 blocks, 4 boards, 4 foldings, of which brute force sees every plan."""
    while True:
        problem = random_problem(draw)
        if count(problem) <= most_plans:
            return problem


def assert_best_of_all(problem: Problem, told: str) -> int:
    """How many plans there are. Every objective is the least of all plans', and real."""
    values = all_values(problem)
    for k, objective in enumerate(ORDER):
        if len(values) == 0:
            with pytest.raises(PlanError):
                solve(problem, objective)
            continue
        then = ORDER[(k + 3) % len(ORDER)]
        solution = solve(problem, objective, (then,))
        assert broken_limits(problem, solution.parts) == [], told
        assert solution.is_optimal, told
        least = values[:, k].min()
        assert solution.value == pytest.approx(least, rel=1e-9, abs=1e-15), (told, objective)
        ties = values[values[:, k] <= least * (1 + 1e-9) + 1e-15]
        of_ties = ties[:, ORDER.index(then)].min()
        assert solution.metrics.of(then) == pytest.approx(of_ties, rel=1e-8, abs=1e-15), (
            told,
            objective,
            then,
        )
    return len(values)


@pytest.mark.parametrize("seed", range(30))
def test_every_objective_is_the_best_of_all_plans(seed: int) -> None:
    draw = random.Random(seed)
    assert_best_of_all(small_problem(draw, 5_000), f"seed {seed}")


@pytest.mark.slow
def test_two_thousand_random_chains_equal_brute_force_on_every_objective() -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    plans = [
        # Most are smaller, so that 2,000 take minutes; some have as many plans as there can be.
        assert_best_of_all(
            small_problem(random.Random(seed + k), MOST_PLANS if k % 50 == 0 else 10_000),
            f"seed {seed + k}",
        )
        for k in range(2_000)
    ]
    assert np.count_nonzero(plans) > 1_000
    assert set(Objective) == set(ORDER)
