"""Plans by latency and by the time of a batch, where there are too many labels to keep them all.

A limit on the time of an image lets bounds (:mod:`dse.plan.time_bounds`) drop most labels. Where
there is none, one is guessed a little above what is proved, and raised until there is a plan.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np

from dse.plan.arrays import Floats
from dse.plan.part_bounds import ROUNDING
from dse.plan.plan import PlannedPart, evaluate
from dse.plan.plan_labels import PlanLabels
from dse.plan.problem import Objective
from dse.plan.query import SAME, Query
from dse.plan.time_bounds import TimeBounds
from dse.plan.undominated import Effort, TooManyLabels

#: Comparisons after which labels are held to be too many to do without bounds, and with them.
_FEW, _MANY = 3e6, 1e9
#: How far above what is proved the first guess is, and by what the distance then grows.
_FIRST, _GROWTH = 0.02, 1.5

_Plan = tuple[PlannedPart, ...]


def by_labels(query: Query) -> _Plan | None:
    """The best plan of a query; None: none is allowed. Raises TooManyLabels."""
    if not query.counts_latency:
        return PlanLabels(query).best()
    try:
        return PlanLabels(query, Effort(_FEW)).best()
    except TooManyLabels:
        return InTime(query).best()


class InTime:
    """A query that counts latency, answered with bounds."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self._images = query.problem.batch - 1
        self._bounds: dict[float, TimeBounds] = {}

    def best(self) -> _Plan | None:
        """The best plan; None: none is allowed. Raises TooManyLabels."""
        query, objective = self._query, self._query.objective
        if objective is None:
            # Any plan will do: one that is quicker than it must be is found sooner.
            is_batch = not np.isfinite(query.most.latency)
        elif objective in (Objective.LATENCY, Objective.BATCH):
            is_batch = objective is Objective.BATCH
        else:
            return self._within(query)
        name = "batch" if is_batch else "latency"
        latency = least = self._bound(query).least
        if is_batch:
            least += self._images * float(self._intervals[:1].sum())
        greatest = min(getattr(query.most, name), self._greatest(is_batch))
        above = _FIRST
        while least < np.inf:
            limit = least + latency * above
            found = self._within(query.ask(objective, query.most.to(name, limit)))
            if found is not None or limit >= greatest:
                return found
            above *= _GROWTH
        return None

    @cached_property
    def _intervals(self) -> Floats:
        """Of plans, ascending, without those so short that surely no part fits."""
        query = self._query
        values = query.intervals
        low, high = 0, len(values)
        while low < high:
            middle = (low + high) // 2
            quicker = query.ask(None, query.most.to("interval", values[middle] * (1 + SAME)))
            if self._bound(quicker).least < np.inf:
                high = middle
            else:
                low = middle + 1
        return values[low:]

    def _greatest(self, is_batch: bool) -> float:
        """No plan takes longer for an image, or a batch."""
        query, fleet = self._query, self._query.problem.fleet
        second = max(kind.seconds for kind in query.kinds)
        busy = sum(float(block.cycles.max()) for block in query.blocks) * second
        late = [
            max(link.late(query.bytes_at(cut)) for link in fleet.links) for cut in query.ends[:-1]
        ]
        latency = query.host[1] + busy + sum(late)
        return latency + (
            self._images * float(query.intervals.max(initial=0.0)) if is_batch else 0.0
        )

    def _within(self, query: Query) -> _Plan | None:
        """The best within the query's limits on times, of which there are some."""
        if not query.counts_interval:
            return self._labels(query)
        # For each interval a batch is limited as its first image is; the interval is no figure.
        objective = Objective.LATENCY if query.objective is Objective.BATCH else query.objective
        found: _Plan | None = None
        slack = self._bound(query).least
        for interval in self._intervals:
            rest = query.most.batch - self._images * interval
            if slack * (1 - ROUNDING) > rest + SAME * query.most.batch:
                break
            most = query.most.to("interval", interval * (1 + SAME))
            most = replace(most.to("latency", rest + SAME * query.most.batch), batch=np.inf)
            plan = self._labels(query.ask(objective, most))
            if plan is None:
                continue
            found = plan
            if query.objective is None:
                break
            # What follows must not be worse.
            value = evaluate(query.problem, plan).of(query.objective)
            query = query.ask(query.objective, query.most.keeping(query.objective, value))
        return found

    def _labels(self, query: Query) -> _Plan | None:
        bounds = self._bound(query)
        if bounds.least * (1 - ROUNDING) > query.most.latency:
            return None
        return PlanLabels(query, Effort(_MANY), bounds).best()

    def _bound(self, query: Query) -> TimeBounds:
        interval = query.most.interval
        if interval not in self._bounds:
            self._bounds[interval] = TimeBounds(query)
        return self._bounds[interval]
