"""The best plan of a problem, and proof that it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dse.errors import PlanError
from dse.plan.plan import Metrics, PlannedPart, evaluate
from dse.plan.plan_labels import PlanLabels
from dse.plan.problem import Objective, Problem
from dse.plan.query import SAME, Query
from dse.plan.settled_plan import is_settled, settled_plan
from dse.plan.throughput import least_interval


@dataclass(frozen=True)
class Solution:
    """A plan and what it comes to.

    ``bound``: no plan has less of ``objective`` (None: nothing is proved); ``method``: what found
    it, ``segments``, ``labels``, ``search`` or ``milp`` (docs/planner.md).
    """

    parts: tuple[PlannedPart, ...]
    metrics: Metrics
    objective: Objective
    bound: float | None
    method: str

    @property
    def value(self) -> float:
        """Of the objective."""
        return self.metrics.of(self.objective)

    @property
    def is_optimal(self) -> bool:
        """Whether no plan is better."""
        return self.bound is not None and self.value <= self.bound * (1 + 1e-9) + SAME


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
        raise PlanError("no plan is within the limits")
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


def best_parts(query: Query) -> tuple[PlannedPart, ...] | None:
    """The best plan of a query; None: none is allowed."""
    if query.objective is Objective.THROUGHPUT:
        return least_interval(query)
    return PlanLabels(query).best()
