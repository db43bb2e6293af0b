"""The least interval: a search over the values that it can have."""

from __future__ import annotations

import numpy as np

from dse.plan.plan import PlannedPart
from dse.plan.plan_labels import PlanLabels
from dse.plan.query import SAME, Query
from dse.plan.reach import Reach, can_reach


def least_interval(query: Query) -> tuple[PlannedPart, ...] | None:
    """A plan of the least interval; None: none is allowed.

    The interval of any plan is that of a folding, a hop or the host, and whatever is allowed with
    one interval is allowed with a greater: so bisection finds the least.
    """
    values = _candidates(query)
    values = values[values <= query.most.interval]
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
    return Reach(query).plan() if can_reach(query) else PlanLabels(query).best()


def _candidates(query: Query) -> np.ndarray:
    """Every interval that a plan can have, ascending."""
    problem = query.problem
    cycles = np.unique(np.concatenate([block.cycles for block in query.blocks]))
    values = [np.array([query.host[0]])]
    sizes = {query.bytes_at(end) for end in query.ends[:-1]}
    for replicas in range(1, problem.most_replicas + 1):
        values += [cycles * kind.seconds / replicas for kind in query.kinds]
        for link in problem.fleet.links:
            hops = [link.seconds(size) / link.usable / replicas for size in sizes]
            values.append(np.array(hops))
    found = np.unique(np.concatenate(values))
    return found[found >= query.host[0]]
