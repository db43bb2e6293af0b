"""The least interval: a search over the values that it can have."""

from __future__ import annotations

from dse.plan.in_time import by_labels
from dse.plan.plan import PlannedPart
from dse.plan.query import SAME, Query
from dse.plan.reach import Reach, can_reach


def least_interval(query: Query) -> tuple[PlannedPart, ...] | None:
    """A plan of the least interval; None: none is allowed.

    The interval of any plan is that of a folding, a hop or the host, and whatever is allowed with
    one interval is allowed with a greater: so bisection finds the least.
    """
    values = query.intervals
    found = None
    low, high = 0, len(values)
    while low < high:
        # The greatest first: most problems that allow no plan do not allow one however slow.
        middle = (low + high) // 2 if found is not None else high - 1
        most = query.most.to("interval", values[middle] * (1 + SAME))
        plan = _within(query.ask(None, most))
        if plan is None:
            low = middle + 1
        else:
            found, high = plan, middle
    return found


def _within(query: Query) -> tuple[PlannedPart, ...] | None:
    return Reach(query).plan() if can_reach(query) else by_labels(query)
