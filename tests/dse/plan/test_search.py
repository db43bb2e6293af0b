"""What is said to be proved is, whichever solver answers."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from dse.plan.plan import evaluate
from dse.plan.problem import Limits, Objective
from dse.plan.query import Query
from dse.plan.search import Found
from dse.plan.solution import Solution
from dse.plan.solve import solve
from dse.plan.undominated import TooManyLabels
from tests.dse.plan.test_milp import larger_problem

PROBLEM = replace(larger_problem(random.Random(4), 4, 6), limits=Limits(), use_all=True)


def test_a_plan_of_the_milp_without_a_bound_is_not_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    best = solve(PROBLEM, Objective.BALANCE)
    assert best.is_optimal

    def too_many(_: Query) -> None:
        raise TooManyLabels("too many")

    def stopped(*_: object) -> Solution:
        return replace(best, bound=None, method="milp")

    monkeypatch.setattr("dse.plan.search.by_labels", too_many)
    monkeypatch.setattr("dse.plan.search.milp_of_query", stopped)
    found = solve(PROBLEM, Objective.BALANCE)
    assert (found.method, found.bound) == ("milp", 0.0)
    assert not found.is_optimal


def test_ties_that_are_beyond_every_solver_leave_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    best = solve(PROBLEM, Objective.BALANCE)

    def only_balance(query: Query) -> Found:
        if query.objective is not Objective.BALANCE:
            raise TooManyLabels("too many")
        return Found(best.parts, "labels")

    monkeypatch.setattr("dse.plan.solve.best", only_balance)
    monkeypatch.setattr("dse.plan.solve.is_settled", lambda *_: False)
    found = solve(PROBLEM, Objective.BALANCE, (Objective.TRAFFIC,))
    assert found.metrics == evaluate(PROBLEM, best.parts)
    assert found.is_optimal
