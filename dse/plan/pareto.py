"""Plans of which none is better in every objective."""

from __future__ import annotations

from collections.abc import Sequence

from dse.errors import InputError
from dse.plan.infeasible import plan_error
from dse.plan.plan import PlannedPart, evaluate
from dse.plan.problem import Objective, Problem
from dse.plan.query import Most, Query
from dse.plan.search import best
from dse.plan.solution import Solution

#: How much less counts as less: sums in another order differ by less.
_LESS = 1e-9


def pareto(problem: Problem, objectives: Sequence[Objective]) -> tuple[Solution, ...]:
    """One plan of each value that is not dominated, ascending in the first of ``objectives``.

    Two or three objectives that differ; InputError for others. Raises PlanError where no plan is
    within the limits.
    """
    if len(objectives) not in (2, 3) or len(set(objectives)) != len(objectives):
        raise InputError("a Pareto set is over two or three objectives that differ")
    query = Query.of(problem, objectives[0])
    found = _set(query, query.most, list(objectives))
    if not found:
        raise plan_error(problem, objectives[0])
    metrics = [evaluate(problem, parts) for parts in found]
    points = [tuple(own.of(one) for one in objectives) for own in metrics]
    kept = [k for k in range(len(found)) if not any(_better(other, points[k]) for other in points)]
    kept.sort(key=lambda k: points[k])
    return tuple(
        Solution(found[k], metrics[k], objectives[0], points[k][0], "labels") for k in kept
    )


def _set(query: Query, most: Most, objectives: list[Objective]) -> list[tuple[PlannedPart, ...]]:
    """Plans that have every undominated value within ``most``, some dominated ones among them."""
    first, *others = objectives
    if not others:
        parts = _best(query.ask(first, most))
        return [] if parts is None else [parts]
    if len(others) == 1:
        return _of_two(query, most, first, others[0])
    # Slices: within each value of the last objective, the set over the first two; then that
    # objective must be less than the greatest in the slice.
    found: list[tuple[PlannedPart, ...]] = []
    last = objectives[-1]
    while slice_ := _of_two(query, most, *objectives[:-1]):
        settled = []
        for parts in slice_:
            own = evaluate(query.problem, parts)
            kept = most
            for one in objectives[:-1]:
                kept = kept.keeping(one, own.of(one))
            better = _best(query.ask(last, kept))
            settled.append(parts if better is None else better)
        found += settled
        worst = max(evaluate(query.problem, parts).of(last) for parts in settled)
        if worst <= 0:
            break
        most = _below(most, last, worst)
    return found


def _of_two(
    query: Query, most: Most, first: Objective, second: Objective
) -> list[tuple[PlannedPart, ...]]:
    """From the least of ``first`` on, each time the least that has less of ``second``."""
    found: list[tuple[PlannedPart, ...]] = []
    while (parts := _best(query.ask(first, most))) is not None:
        value = evaluate(query.problem, parts).of(first)
        better = _best(query.ask(second, most.keeping(first, value)))
        parts = parts if better is None else better
        found.append(parts)
        least = evaluate(query.problem, parts).of(second)
        if least <= 0:
            break
        most = _below(most, second, least)
    return found


def _below(most: Most, objective: Objective, value: float) -> Most:
    name = "interval" if objective is Objective.THROUGHPUT else objective.value
    return most.to(name, value * (1 - _LESS))


def _best(query: Query) -> tuple[PlannedPart, ...] | None:
    found = best(query)
    return None if found is None else found.parts


def _better(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """As small in every objective, and less in one, by more than rounding."""
    pairs = list(zip(one, other, strict=True))
    return all(a <= b * (1 + _LESS) for a, b in pairs) and any(
        a < b * (1 - _LESS) for a, b in pairs
    )
