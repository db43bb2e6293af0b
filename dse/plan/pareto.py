"""Plans of which none is better in every objective."""

from __future__ import annotations

from collections.abc import Sequence

from dse.plan.problem import Objective, Problem
from dse.plan.solve import Solution, solve


def pareto(problem: Problem, objectives: Sequence[Objective]) -> tuple[Solution, ...]:
    """One plan of each value that is not dominated, ascending in the first of ``objectives``."""
    return (solve(problem, objectives[0], tuple(objectives[1:])),)
