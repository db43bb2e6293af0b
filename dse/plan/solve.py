"""The best plan of a problem, and proof that it is."""

from __future__ import annotations

from collections.abc import Sequence

from dse.plan.infeasible import plan_error
from dse.plan.plan import evaluate
from dse.plan.problem import Objective, Problem
from dse.plan.query import Query
from dse.plan.search import best_parts
from dse.plan.settled_plan import is_settled, settled_plan
from dse.plan.solution import Solution

__all__ = ["Solution", "solve"]


def solve(problem: Problem, objective: Objective, then: Sequence[Objective] = ()) -> Solution:
    """The plan with the least ``objective``; among such, the least of each of ``then`` in turn.

    Raises PlanError where no plan is within the limits.
    """
    objectives = (objective, *then)
    if is_settled(problem, objectives):
        settled = settled_plan(problem, objectives)
        if settled is not None:
            metrics = evaluate(problem, settled)
            return Solution(settled, metrics, objective, metrics.of(objective), "segments")
    query = Query.of(problem, objective)
    parts = best_parts(query)
    if parts is None:
        raise plan_error(problem, objective)
    value = evaluate(problem, parts).of(objective)
    most = query.most.keeping(objective, value)
    for following in then:
        better = best_parts(query.ask(following, most))
        if better is None:
            break
        parts = better
        most = most.keeping(following, evaluate(problem, parts).of(following))
    method = "search" if objective is Objective.THROUGHPUT else "labels"
    return Solution(parts, evaluate(problem, parts), objective, value, method)
