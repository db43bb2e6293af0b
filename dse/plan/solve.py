"""The best plan of a problem, and proof that it is."""

from __future__ import annotations

from collections.abc import Sequence

from dse.plan.infeasible import plan_error
from dse.plan.plan import evaluate
from dse.plan.problem import Objective, Problem
from dse.plan.query import Query
from dse.plan.search import best
from dse.plan.settled_plan import is_settled, settled_plan
from dse.plan.solution import Solution
from dse.plan.undominated import TooManyLabels

__all__ = ["Solution", "solve"]


def solve(problem: Problem, objective: Objective, then: Sequence[Objective] = ()) -> Solution:
    """The plan with the least ``objective``; among such, the least of each of ``then`` in turn.

    ``then`` as far as the solvers go: a plan that is not proved best is not worth telling apart
    from its equals, and where that is beyond every solver the plan is kept as it is. Raises
    PlanError where no plan is within the limits, and TooManyLabels for a problem that is beyond
    every solver here.
    """
    # Quicker by far where only the cuts are to be chosen; FINN+'s partitioners are beaten by it.
    if is_settled(problem, (objective, *then)):
        settled = settled_plan(problem, (objective, *then))
        if settled is not None:
            metrics = evaluate(problem, settled)
            return Solution(settled, metrics, objective, metrics.of(objective), "segments")
    query = Query.of(problem, objective)
    found = best(query)
    if found is None:
        raise plan_error(problem, objective)
    value = evaluate(problem, found.parts).of(objective)
    parts, most = found.parts, query.most.keeping(objective, value)
    for following in then if found.bound is None else ():
        try:
            better = best(query.ask(following, most))
        except TooManyLabels:
            break
        if better is None:
            break
        parts = better.parts
        most = most.keeping(following, evaluate(problem, parts).of(following))
    bound = value if found.bound is None else found.bound
    return Solution(parts, evaluate(problem, parts), objective, bound, found.method)
