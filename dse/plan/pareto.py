"""Plans of which none is better in every objective."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from dse.errors import InputError
from dse.plan.infeasible import plan_error
from dse.plan.plan import evaluate
from dse.plan.problem import Objective, Problem
from dse.plan.query import Most, Query
from dse.plan.search import Found, best
from dse.plan.solution import Solution

#: How much less counts as less: sums in another order differ by less.
_LESS = 1e-9


def pareto(problem: Problem, objectives: Sequence[Objective]) -> tuple[Solution, ...]:
    """One plan of each value that is not dominated, ascending in the first of ``objectives``.

    Two or three objectives that differ; InputError for others. Where not every answer on the way
    was proved (the MILP ran out of time), no plan of the set has a bound. Raises PlanError where
    no plan is within the limits.
    """
    if len(objectives) not in (2, 3) or len(set(objectives)) != len(objectives):
        raise InputError("a Pareto set is over two or three objectives that differ")
    query = Query.of(problem, objectives[0])
    answers = _Answers(query)
    found = _set(answers, query.most, list(objectives))
    if not found:
        raise plan_error(problem, objectives[0])
    metrics = [evaluate(problem, one.parts) for one in found]
    points = [tuple(own.of(one) for one in objectives) for own in metrics]
    kept: list[int] = []
    for k in sorted(range(len(found)), key=lambda k: points[k]):
        # Slices overlap: the same value is found in several of them.
        seen = any(_alike(points[k], points[other]) for other in kept)
        if not seen and not any(_better(other, points[k]) for other in points):
            kept.append(k)
    return tuple(
        Solution(
            found[k].parts,
            metrics[k],
            objectives[0],
            points[k][0] if answers.all_proved else None,
            found[k].method,
        )
        for k in kept
    )


@dataclass
class _Answers:
    """Answers to questions that differ in the objective and what is allowed, each asked once.

    A best plan within ``most`` is also the best within anything tighter that it keeps to, and where
    there is none, there is none within anything tighter.
    """

    query: Query
    all_proved: bool = True
    given: dict[Objective, list[tuple[Most, Found | None]]] = field(default_factory=dict)

    def best(self, objective: Objective, most: Most) -> Found | None:
        given = self.given.setdefault(objective, [])
        for wider, found in given:
            if _is_within(most, wider) and (found is None or self._keeps(found, most)):
                return found
        found = best(self.query.ask(objective, most))
        self.all_proved &= found is None or found.bound is None
        given.append((most, found))
        return found

    def value(self, found: Found, objective: Objective) -> float:
        return evaluate(self.query.problem, found.parts).of(objective)

    def _keeps(self, found: Found, most: Most) -> bool:
        metrics = evaluate(self.query.problem, found.parts)
        # The bytes of a hop are limited by the problem alone, alike in every question.
        names = [one.name for one in fields(Most) if one.name != "hop_bytes"]
        return all(getattr(metrics, name) <= getattr(most, name) for name in names)


def _is_within(most: Most, wider: Most) -> bool:
    return all(getattr(most, one.name) <= getattr(wider, one.name) for one in fields(Most))


def _set(answers: _Answers, most: Most, objectives: list[Objective]) -> list[Found]:
    """Plans that have every undominated value within ``most``, some dominated ones among them."""
    if len(objectives) == 2:
        return _of_two(answers, most, objectives[0], objectives[1])
    # Slices: within each value of the last objective, the set over the first two; then that
    # objective must be less than the greatest in the slice.
    found: list[Found] = []
    *others, last = objectives
    while slice_ := _of_two(answers, most, *others):
        settled = []
        for one in slice_:
            kept = most
            for objective in others:
                kept = kept.keeping(objective, answers.value(one, objective))
            settled.append(answers.best(last, kept) or one)
        found += settled
        worst = max(answers.value(one, last) for one in settled)
        if worst <= 0:
            break
        most = _below(most, last, worst)
    return found


def _of_two(answers: _Answers, most: Most, first: Objective, second: Objective) -> list[Found]:
    """From the least of ``first`` on, each time the least that has less of ``second``."""
    found: list[Found] = []
    while (one := answers.best(first, most)) is not None:
        kept = most.keeping(first, answers.value(one, first))
        one = answers.best(second, kept) or one
        found.append(one)
        least = answers.value(one, second)
        if least <= 0:
            break
        most = _below(most, second, least)
    return found


def _below(most: Most, objective: Objective, value: float) -> Most:
    name = "interval" if objective is Objective.THROUGHPUT else objective.value
    return most.to(name, value * (1 - _LESS))


def _alike(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Equal but for rounding."""
    return all(abs(a - b) <= _LESS * max(a, b) for a, b in zip(one, other, strict=True))


def _better(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """As small in every objective, and less in one, by more than rounding."""
    pairs = list(zip(one, other, strict=True))
    return all(a <= b * (1 + _LESS) for a, b in pairs) and any(
        a < b * (1 - _LESS) for a, b in pairs
    )
