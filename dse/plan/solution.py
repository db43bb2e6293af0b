"""A plan that was found, and what is proved of it."""

from __future__ import annotations

from dataclasses import dataclass

from dse.plan.feasibility import TOLERANCE
from dse.plan.plan import Metrics, PlannedPart
from dse.plan.problem import Objective


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
        return self.bound is not None and self.value <= self.bound * (1 + TOLERANCE) + 1e-18
