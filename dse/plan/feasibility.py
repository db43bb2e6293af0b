"""Which limits a plan breaks, each by how much."""

from __future__ import annotations

from dataclasses import dataclass, fields

from dse.plan.chain import PLAN_RESOURCES
from dse.plan.plan import Metrics, PlannedPart, evaluate
from dse.plan.problem import Limits, Problem

#: Sums of floats in another order differ by less.
TOLERANCE = 1e-9


@dataclass(frozen=True)
class BrokenLimit:
    """``limit``: a field of Limits, a name of PLAN_RESOURCES, ``use_all``, ``replicas``,
    ``must_cut`` or ``must_not_cut``. ``part``: whose board, for a resource. ``value``: what it
    came to, ``allowed``: what it may."""

    limit: str
    value: float
    allowed: float
    part: int | None = None


def broken_limits(
    problem: Problem, parts: tuple[PlannedPart, ...], metrics: Metrics | None = None
) -> list[BrokenLimit]:
    """Empty for a plan that is allowed. InputError for what is no plan."""
    metrics = evaluate(problem, parts) if metrics is None else metrics
    broken = [one for k, part in enumerate(parts) for one in _of_board(problem, k, part, metrics)]
    for field in fields(Limits):
        allowed = getattr(problem.limits, field.name)
        if allowed is None:
            continue
        value = _value(problem, field.name, parts, metrics)
        if value > allowed * (1 + TOLERANCE) + TOLERANCE * 1e-9:
            broken.append(BrokenLimit(field.name, value, allowed))
    boards = len(problem.fleet.boards)
    if problem.use_all and metrics.boards != boards:
        broken.append(BrokenLimit("use_all", metrics.boards, boards))
    for part in parts:
        if len(part.boards) > problem.most_replicas:
            broken.append(BrokenLimit("replicas", len(part.boards), problem.most_replicas))
    cuts = {part.last for part in parts[:-1]}
    broken += [BrokenLimit("must_cut", at, at) for at in sorted(problem.must_cut - cuts)]
    broken += [BrokenLimit("must_not_cut", at, at) for at in sorted(problem.must_not_cut & cuts)]
    return broken


def _of_board(
    problem: Problem, position: int, part: PlannedPart, metrics: Metrics
) -> list[BrokenLimit]:
    board = problem.fleet.boards[part.boards[0]]
    broken = []
    for k, name in enumerate(PLAN_RESOURCES):
        count, capacity = metrics.use[position][k], board.capacity[k]
        if count is None or capacity is None:
            continue
        allowed = capacity * board.usable[k]
        value = count + (board.shell[k] or 0.0)
        # A shell that is too big alone is no fault of a part that needs nothing of it.
        if count and value > allowed * (1 + TOLERANCE):
            broken.append(BrokenLimit(name, value, allowed, position))
    return broken


def _value(problem: Problem, name: str, parts: tuple[PlannedPart, ...], metrics: Metrics) -> float:
    if name == "hop_bytes":
        boundaries = problem.chain.boundaries
        return max((boundaries[p.last - 1].bytes_per_image or 0 for p in parts[:-1]), default=0)
    return float(getattr(metrics, name))
