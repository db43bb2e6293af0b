"""The Pareto set is that of all plans, looked at one by one."""

from __future__ import annotations

import random
from itertools import combinations

import numpy as np
import pytest

from dse.errors import InputError, PlanError
from dse.plan.feasibility import broken_limits
from dse.plan.pareto import pareto
from dse.plan.problem import Objective, Problem
from tests.dse.plan.brute_force import ORDER, all_values
from tests.dse.plan.test_solve_exact import small_problem

PAIRS = list(combinations(ORDER, 2))
TRIPLES = list(combinations(ORDER, 3))


def least_of_all(values: np.ndarray) -> np.ndarray:
    """Rows that no other is better than; rounding aside, each once."""
    rows = np.unique(values, axis=0)
    kept: list[np.ndarray] = []
    for row in rows:
        no_more = (rows <= row * (1 + 1e-9) + 1e-16).all(axis=1)
        less = (rows < row * (1 - 1e-9) - 1e-16).any(axis=1)
        alike = [one for one in kept if np.allclose(one, row, rtol=1e-9, atol=1e-16)]
        if not (no_more & less).any() and not alike:
            kept.append(row)
    return np.array(kept)


def assert_same_set(problem: Problem, objectives: tuple[Objective, ...], told: str) -> None:
    values = all_values(problem)[:, [ORDER.index(one) for one in objectives]]
    if len(values) == 0:
        with pytest.raises(PlanError):
            pareto(problem, objectives)
        return
    solutions = pareto(problem, objectives)
    found = np.array([[one.metrics.of(objective) for objective in objectives] for one in solutions])
    wanted = least_of_all(values)
    assert all(broken_limits(problem, one.parts) == [] for one in solutions), told
    assert found.shape == wanted.shape, (told, objectives)
    assert np.allclose(found, wanted, rtol=1e-8, atol=1e-15), (told, objectives)


@pytest.mark.parametrize("seed", range(21))
def test_the_pareto_set_of_two_or_three_objectives_is_that_of_all_plans(seed: int) -> None:
    problem = small_problem(random.Random(10_000 + seed), 2_000)
    assert_same_set(problem, PAIRS[seed % len(PAIRS)], f"seed {seed}")
    assert_same_set(problem, TRIPLES[(5 * seed) % len(TRIPLES)], f"seed {seed}")


@pytest.mark.slow
def test_a_hundred_more_pareto_sets_are_those_of_all_plans() -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    for k in range(100):
        problem = small_problem(random.Random(seed + k), 5_000)
        assert_same_set(problem, PAIRS[k % len(PAIRS)], f"seed {seed + k}")
        assert_same_set(problem, TRIPLES[k % len(TRIPLES)], f"seed {seed + k}")


def test_a_pareto_set_is_over_two_or_three_objectives_that_differ() -> None:
    problem = small_problem(random.Random(1), 100)
    for wrong in ([Objective.LATENCY], [Objective.LATENCY] * 2, ORDER[:4]):
        with pytest.raises(InputError, match="two or three"):
            pareto(problem, wrong)
