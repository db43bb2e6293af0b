"""One query, answered by the solver that suits it."""

from __future__ import annotations

from dse.plan.plan import PlannedPart
from dse.plan.plan_labels import PlanLabels
from dse.plan.problem import Objective
from dse.plan.query import Query
from dse.plan.throughput import least_interval


def best_parts(query: Query) -> tuple[PlannedPart, ...] | None:
    """The best plan of a query; None: none is allowed. Raises TooManyLabels."""
    if query.objective is Objective.THROUGHPUT:
        return least_interval(query)
    return PlanLabels(query).best()
