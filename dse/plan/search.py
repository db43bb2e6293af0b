"""One query, answered by the solver that suits it."""

from __future__ import annotations

from dataclasses import dataclass

from dse.errors import InputError
from dse.plan.in_time import by_labels
from dse.plan.milp import milp_of_query
from dse.plan.plan import PlannedPart
from dse.plan.problem import Objective
from dse.plan.query import Query
from dse.plan.reach import Reach, can_reach
from dse.plan.throughput import least_interval
from dse.plan.undominated import TooManyLabels

#: How long the MILP may look for a better plan, or for proof that there is none.
MILP_SECONDS = 30.0


@dataclass(frozen=True)
class Found:
    """A plan; ``bound``: proved of the objective, None where the plan is proved best."""

    parts: tuple[PlannedPart, ...]
    method: str
    bound: float | None = None


def best(query: Query) -> Found | None:
    """The best plan of a query; None: none is allowed.

    Where labels are too many, the MILP goes on. Raises TooManyLabels where it does not cover the
    problem, or finds no plan in time.
    """
    try:
        if query.objective is Objective.THROUGHPUT:
            parts, method = least_interval(query), "search"
        elif query.objective is None and can_reach(query):
            parts, method = Reach(query).plan(), "search"
        else:
            parts, method = by_labels(query), "labels"
    except TooManyLabels as too_many:
        return _by_milp(query, too_many)
    return None if parts is None else Found(parts, method)


def _by_milp(query: Query, too_many: TooManyLabels) -> Found | None:
    try:
        answer = milp_of_query(query, query.objective or Objective.BOARDS, MILP_SECONDS)
    except InputError as not_covered:
        raise TooManyLabels(f"{too_many.message}, and {not_covered.message}") from too_many
    if answer is None:
        return None
    is_proved = query.objective is None or answer.is_optimal
    # Where HiGHS has no bound yet, there is still that no figure is below 0.
    return Found(answer.parts, "milp", None if is_proved else max(0.0, answer.bound or 0.0))
