"""Why a plan is as it is, in numbers: every other cut, and what more hardware would buy.

Each figure is that of a plan solved for the purpose; the words are in :mod:`dse.plan_words`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from dse.errors import InputError, PlanError
from dse.plan.chain import PLAN_RESOURCES, Counts
from dse.plan.fleet import Link
from dse.plan.plan import Metrics
from dse.plan.problem import Objective, Problem
from dse.plan.solve import Solution, solve
from dse.plan.undominated import TooManyLabels

#: What a faster link is: so many times as fast.
FASTER_LINK = 10.0
#: What more of a resource is: so many times as much.
MORE_RESOURCE = 1.1

#: Told what is looked for next, how many questions are answered, and of how many.
OnStep = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ErrorBand:
    """How far a source's numbers may be off, as a share of each (0.1 is 10 % either way).

    ``cycles``: of the slowest layer; ``latency``: of one image through a part. ``counts``: by
    :data:`~dse.plan.chain.PLAN_RESOURCES`. None is unknown.
    """

    cycles: float | None = None
    latency: float | None = None
    counts: Counts = (None,) * len(PLAN_RESOURCES)


@dataclass(frozen=True)
class Alternative:
    """The best plan that cuts after ``position`` blocks.

    ``plan`` is None where there is none: then ``broken`` names the limits in the way (see
    :class:`~dse.plan.feasibility.BrokenLimit`), or nothing where no solver found out. ``loss``: of
    the objective; below 0 only where the explained plan is not proved best, and this one is better.
    ``undecided``: whether the two differ by less than the source's error band; None where the
    band is unknown.
    """

    position: int
    plan: Solution | None = None
    broken: tuple[str, ...] = ()
    loss: float | None = None
    undecided: bool | None = None


@dataclass(frozen=True)
class Purchase:
    """The best plan with more hardware. ``what``: one more board of the last kind, every link
    :data:`FASTER_LINK` times as fast, or :data:`MORE_RESOURCE` times as much of ``resource`` (the
    scarcest one) on every board. ``gain``: of the objective; None where no plan was found."""

    what: Literal["board", "link", "resource"]
    resource: str | None = None
    plan: Solution | None = None
    gain: float | None = None


@dataclass(frozen=True)
class Explanation:
    """``alternatives``: one for each legal cut that the plan does not use, ascending."""

    alternatives: tuple[Alternative, ...]
    purchases: tuple[Purchase, ...]


def explain(
    problem: Problem,
    solution: Solution,
    then: Sequence[Objective] = (),
    band: ErrorBand | None = None,
    on_step: OnStep | None = None,
) -> Explanation:
    """Solves once for each other cut and each purchase. ``then``: as of :func:`solve`."""
    band = band or ErrorBand()
    used = {part.last for part in solution.parts[:-1]}
    others = [position for position in problem.chain.cuts if position not in used]
    bought = _purchases(problem, solution)
    alternatives: list[Alternative] = []
    purchases: list[Purchase] = []
    for position in others:
        if on_step is not None:
            label = problem.chain.boundaries[position - 1].label
            on_step(f"what {label} would cost", len(alternatives), len(others) + len(bought))
        alternatives.append(_alternative(problem, solution, then, band, position))
    for purchase in bought:
        if on_step is not None:
            done = len(others) + len(purchases)
            on_step("what more hardware would buy", done, len(others) + len(bought))
        purchases.append(_purchase(problem, solution, then, purchase))
    return Explanation(tuple(alternatives), tuple(purchases))


def within_error(
    problem: Problem, solution: Solution, band: ErrorBand
) -> tuple[tuple[int, str, float], ...]:
    """What may not fit though the numbers say that it does: (part, resource, the share of the
    device that it may come to), where that is more than is allowed."""
    found = []
    for position, part in enumerate(solution.parts):
        board = problem.fleet.boards[part.boards[0]]
        for k, name in enumerate(PLAN_RESOURCES):
            count, size = solution.metrics.use[position][k], board.capacity[k]
            error = band.counts[k]
            if not count or not size or error is None:
                continue
            share = (count * (1 + error) + (board.shell[k] or 0.0)) / size
            if share > board.usable[k]:
                found.append((position, name, share))
    return tuple(found)


def value_range(
    problem: Problem, metrics: Metrics, objective: Objective, band: ErrorBand
) -> tuple[float, float] | None:
    """Between what the objective may lie, with numbers off by ``band``; None where that is unknown.

    Bytes and boards are exact; so is a link's time.
    """
    value = metrics.of(objective)
    if objective in (Objective.TRAFFIC, Objective.BOARDS):
        return value, value
    if objective in (Objective.BALANCE, Objective.SCARCEST):
        return _share_range(metrics, objective, band)
    if band.cycles is None or (band.latency is None and objective is not Objective.THROUGHPUT):
        return None
    slowest = max(metrics.part_intervals)
    links = metrics.interval if metrics.interval > slowest else 0.0
    low, high = (max(slowest * (1 + sign * band.cycles), links) for sign in (-1, 1))
    if objective is Objective.THROUGHPUT:
        return low, high
    off = sum(metrics.part_latencies) * (band.latency or 0.0)
    images = 0 if objective is Objective.LATENCY else problem.batch - 1
    return metrics.latency - off + images * low, metrics.latency + off + images * high


def _share_range(
    metrics: Metrics, objective: Objective, band: ErrorBand
) -> tuple[float, float] | None:
    lows, highs = [0.0], [0.0]
    for k, error in enumerate(band.counts):
        shares = [share[k] for share in metrics.shares]
        known = [share for share in shares if share is not None]
        if not known or not any(known):
            continue
        if error is None:
            return None
        most, least = max(known), min(known)
        value = most if objective is Objective.SCARCEST else most - least
        off = error * (most if objective is Objective.SCARCEST else most + least)
        lows.append(value - off)
        highs.append(value + off)
    return max(lows), max(highs)


def _alternative(
    problem: Problem,
    solution: Solution,
    then: Sequence[Objective],
    band: ErrorBand,
    position: int,
) -> Alternative:
    if position in problem.must_not_cut:
        return Alternative(position, broken=("must_not_cut",))
    forced = replace(problem, must_cut=problem.must_cut | {position})
    try:
        found = solve(forced, solution.objective, then)
    except PlanError as error:
        return Alternative(position, broken=error.binding)
    except TooManyLabels:
        return Alternative(position)
    best = value_range(problem, solution.metrics, solution.objective, band)
    other = value_range(problem, found.metrics, solution.objective, band)
    loss = found.metrics.of(solution.objective) - solution.metrics.of(solution.objective)
    undecided = None if best is None or other is None else loss > 0 and other[0] <= best[1]
    if solution.is_optimal:
        loss = max(loss, 0.0)
    return Alternative(position, found, loss=loss, undecided=undecided)


def _purchases(problem: Problem, solution: Solution) -> list[tuple[Purchase, Problem]]:
    fleet = problem.fleet
    last = fleet.boards[-1]
    names = {board.name for board in fleet.boards}
    number = next(n for n in range(2, len(names) + 3) if f"{last.name} +{n}" not in names)
    links = fleet.links if len(fleet.links) == 1 else (*fleet.links, fleet.links[-1])
    more = replace(last, name=f"{last.name} +{number}")
    bought = [
        (Purchase("board"), replace(fleet, boards=(*fleet.boards, more), links=links)),
    ]
    if not all(link.is_ideal for link in (*fleet.links, fleet.host)):
        faster = replace(fleet, links=tuple(map(_faster, fleet.links)), host=_faster(fleet.host))
        bought.append((Purchase("link"), faster))
    scarcest = scarcest_resource(solution.metrics)
    if scarcest is not None:
        grown = tuple(
            replace(
                board,
                capacity=tuple(
                    size * MORE_RESOURCE if name == scarcest and size is not None else size
                    for name, size in zip(PLAN_RESOURCES, board.capacity, strict=True)
                ),
            )
            for board in fleet.boards
        )
        bought.append((Purchase("resource", scarcest), replace(fleet, boards=grown)))
    return [(purchase, replace(problem, fleet=with_it)) for purchase, with_it in bought]


def scarcest_resource(metrics: Metrics) -> str | None:
    """The resource of which a board uses the greatest share; None where no share is known."""
    shares = [
        (share, name)
        for board in metrics.shares
        for name, share in zip(PLAN_RESOURCES, board, strict=True)
        if share
    ]
    return max(shares)[1] if shares else None


def _purchase(
    problem: Problem,
    solution: Solution,
    then: Sequence[Objective],
    bought: tuple[Purchase, Problem],
) -> Purchase:
    purchase, with_it = bought
    try:
        found = solve(with_it, solution.objective, then)
    except (PlanError, InputError, TooManyLabels):
        return purchase
    gain = solution.metrics.of(solution.objective) - found.metrics.of(solution.objective)
    return replace(purchase, plan=found, gain=gain)


def _faster(link: Link) -> Link:
    return replace(
        link,
        name=f"{link.name}, {FASTER_LINK:g} times as fast",
        message_s=link.message_s / FASTER_LINK,
        byte_s=link.byte_s / FASTER_LINK,
        delay_s=link.delay_s / FASTER_LINK,
    )
