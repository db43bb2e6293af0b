"""The best plan where only the cuts are to be chosen: one folding a block, boards in order.

What the label solver finds, too, at a tenth of the time: a part is then known by where it begins
and ends (:mod:`dse.plan.chains_on_chains`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from dse.plan.chains_on_chains import PartCost, best_segments
from dse.plan.plan import PlannedPart
from dse.plan.problem import Limits, Objective, Problem
from dse.plan.query import Most
from dse.plan.settled_parts import SettledParts, of_boards, settled_parts

#: Greatest or sum, over the parts, of what a part alone decides.
_OBJECTIVES = {Objective.THROUGHPUT, Objective.BOARDS, Objective.TRAFFIC, Objective.SCARCEST}
_LIMITS = {"interval", "hop_bytes", "scarcest"}


def is_settled(problem: Problem, objectives: Sequence[Objective]) -> bool:
    """Whether :func:`settled_plan` can be asked for these."""
    fleet = problem.fleet
    return (
        set(objectives) <= _OBJECTIVES
        and all(len(block.options) == 1 for block in problem.chain.blocks)
        and problem.most_replicas == 1
        and len(fleet.links) == 1
        and (not fleet.any_order or len({board.kind for board in fleet.boards}) == 1)
        and all(
            getattr(problem.limits, field.name) is None
            for field in fields(Limits)
            if field.name not in _LIMITS
        )
    )


def settled_plan(
    problem: Problem, objectives: Sequence[Objective]
) -> tuple[PlannedPart, ...] | None:
    """The least in ``objectives[0]``, of those in the next one, and so on; None: none is allowed.

    For what :func:`is_settled` says yes to.
    """
    parts = settled_parts(problem)
    most = Most.of(problem.limits)
    fits = parts.fits(problem) & (parts.leaves <= most.hop_bytes)
    for objective, limit in (
        (Objective.THROUGHPUT, most.interval),
        (Objective.SCARCEST, most.scarcest),
    ):
        if limit < np.inf:
            fits &= part_cost(problem, parts, objective).table <= limit
    costs = [part_cost(problem, parts, objective) for objective in objectives]
    found = best_segments(fits, len(problem.fleet.boards), costs, use_all=problem.use_all)
    if found is None:
        return None
    return tuple(
        PlannedPart(one.first, one.last, (0,) * (one.last - one.first), (one.board,))
        for one in found[0]
    )


def part_cost(problem: Problem, parts: SettledParts, objective: Objective) -> PartCost:
    """Of each part by itself and the hop behind it, so that the parts' come to the plan's."""
    if objective is Objective.BOARDS:
        return PartCost(np.ones(parts.leaves.shape), is_sum=True)
    if objective is Objective.TRAFFIC:
        return PartCost(parts.leaves, is_sum=True)
    if objective is Objective.SCARCEST:
        return PartCost(parts.shares(problem).max(axis=-1))
    chain, fleet = problem.chain, problem.fleet
    link = fleet.links[0]
    ends = [fleet.host.seconds(size) for size in (chain.input_bytes, chain.output_bytes)]
    sizes = [boundary.bytes_per_image or 0 for boundary in chain.boundaries]
    hops = np.array([0.0, *(link.seconds(size) / link.usable for size in sizes), 0.0])
    least = np.maximum(hops, max(ends) / fleet.host.usable)
    return PartCost(of_boards(problem, lambda kind: np.maximum(parts.cycles * kind.seconds, least)))
