"""Why no plan is within the limits, and which plan comes nearest.

Each limit is relaxed alone, all others kept, until a plan is within them: those for which that
helps are the binding ones. The nearest plan is that of the relaxation that is the least growth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace

from dse.errors import PlanError
from dse.plan.chain import PLAN_RESOURCES
from dse.plan.feasibility import broken_limits
from dse.plan.plan import PlannedPart, evaluate
from dse.plan.problem import Limits, Objective, Problem
from dse.plan.query import Query
from dse.plan.search import best
from dse.plan.solution import Solution
from dse.plan.undominated import TooManyLabels

Parts = tuple[PlannedPart, ...]

#: By how much at most a found growth of a resource is above the least that suffices.
_CLOSE = 1.005
#: A board that is so much bigger has room for whatever is planned.
_BOUNDLESS = 1e6

_OBJECTIVE_OF = {
    "interval": Objective.THROUGHPUT,
    "latency": Objective.LATENCY,
    "batch": Objective.BATCH,
    "boards": Objective.BOARDS,
    "traffic": Objective.TRAFFIC,
    "balance": Objective.BALANCE,
    "scarcest": Objective.SCARCEST,
}


@dataclass(frozen=True)
class Relaxation:
    """One limit relaxed as far as it takes. ``growth``: what is needed by what is allowed."""

    limit: str
    said: str
    growth: float
    parts: Parts


def plan_error(problem: Problem, objective: Objective) -> PlanError:
    """Of a ``problem`` that allows no plan."""
    found = sorted(_relaxations(problem), key=lambda one: one.growth)
    if small := _too_big_block(problem):
        limits = (small[0],)
        found = [one for one in found if one.limit == small[0]] or found
        nearest = _nearest(problem, objective, found)
        return PlanError(small[1] + _cuts(problem, nearest), binding=limits, nearest=nearest)
    if found:
        reasons = ", or ".join(one.said for one in found)
        nearest = _nearest(problem, objective, found)
        return PlanError(
            f"no plan is within the limits; it would take {reasons}{_cuts(problem, nearest)}",
            binding=tuple(one.limit for one in found),
            nearest=nearest,
        )
    return _several(problem, objective)


def _nearest(problem: Problem, objective: Objective, found: list[Relaxation]) -> Solution | None:
    if not found:
        return None
    parts = found[0].parts
    # On a board more than there is: there is no plan of this problem to show.
    if any(board >= len(problem.fleet.boards) for part in parts for board in part.boards):
        return None
    return Solution(parts, evaluate(problem, parts), objective, None, "labels")


def _cuts(problem: Problem, nearest: Solution | None) -> str:
    """What the nearest plan is, as the end of a sentence."""
    if nearest is None:
        return ""
    boundaries = problem.chain.boundaries
    labels = [boundaries[part.last - 1].label for part in nearest.parts[:-1]]
    return f"; nearest plan: {', '.join(labels) or 'not cut'}"


def _several(problem: Problem, objective: Objective) -> PlanError:
    """No limit alone is in the way: all are dropped. Of plans that are each best by one of the
    limits, the nearest is that which breaks the others the least; what it breaks is named."""
    free = replace(
        problem, limits=Limits(), use_all=False, must_cut=frozenset(), must_not_cut=frozenset()
    )
    parts = _any(free)
    if parts is None:
        free = _grown(free, range(len(PLAN_RESOURCES)), _BOUNDLESS)
        parts = _any(free)
    if parts is None:
        return PlanError("no plan is possible, whatever the limits", binding=("boards",))
    limited = [name for name in _OBJECTIVE_OF if getattr(problem.limits, name) is not None]
    by_one = [_best(free, _OBJECTIVE_OF[name]) for name in limited]
    parts = min([parts, *(own for own in by_one if own)], key=lambda own: _excess(problem, own))
    names = tuple(dict.fromkeys(one.limit for one in broken_limits(problem, parts)))
    plan = Solution(parts, evaluate(problem, parts), objective, None, "labels")
    return PlanError(
        "no plan is within the limits, whichever one alone is dropped; the nearest found breaks "
        f"{', '.join(names)}{_cuts(problem, plan)}",
        binding=names,
        nearest=plan,
    )


def _excess(problem: Problem, parts: Parts) -> float:
    """By how much a plan breaks the limit that it breaks the most."""
    broken = broken_limits(problem, parts)
    return max(
        (one.value / one.allowed if one.allowed else _BOUNDLESS for one in broken), default=0
    )


def _relaxations(problem: Problem) -> Iterator[Relaxation]:
    for find in (_limits, _cuts_and_boards, _resources, _more_boards):
        yield from find(problem)


def _limits(problem: Problem) -> Iterator[Relaxation]:
    for name in (field.name for field in fields(Limits)):
        allowed = getattr(problem.limits, name)
        if allowed is None:
            continue
        relaxed = replace(problem, limits=replace(problem.limits, **{name: None}))
        if name == "hop_bytes":
            parts, needed = _least_hop(relaxed)
        else:
            parts = _best(relaxed, _OBJECTIVE_OF[name])
            needed = 0.0 if parts is None else evaluate(problem, parts).of(_OBJECTIVE_OF[name])
        if parts is not None:
            growth = needed / allowed if allowed else _BOUNDLESS
            yield Relaxation(name, _said(name, needed, allowed), growth, parts)


def _said(name: str, needed: float, allowed: float) -> str:
    if name == "interval":
        most, wanted = _rates(1 / needed, 1 / allowed)
        return f"{most} images/s at most, not {wanted} (interval)"
    if name in ("latency", "batch"):
        return f"a {name} of {needed * 1e3:.4g} ms, not {allowed * 1e3:.4g} ms"
    if name in ("balance", "scarcest"):
        return f"a {name} of {needed:.2%}, not {allowed:.2%}"
    unit = "boards" if name == "boards" else f"bytes ({name})"
    return f"{needed:.0f} {unit}, not {allowed:.0f}"


def _rates(*values: float) -> list[str]:
    """With as many decimals as tell them apart."""
    said = [f"{value:.5g}" if value < 1e4 else f"{value:,.0f}" for value in values]
    for decimals in range(2, 12):
        if len(set(said)) == len(values):
            break
        said = [f"{value:,.{decimals}f}" for value in values]
    return said


def _least_hop(relaxed: Problem) -> tuple[Parts | None, float]:
    sizes = sorted({b.bytes_per_image or 0 for b in relaxed.chain.boundaries})
    for size in sizes:
        limited = replace(relaxed, limits=replace(relaxed.limits, hop_bytes=size))
        if (parts := _any(limited)) is not None:
            return parts, float(size)
    return None, 0.0


def _cuts_and_boards(problem: Problem) -> Iterator[Relaxation]:
    if problem.must_cut:
        parts = _any(replace(problem, must_cut=frozenset()))
        if parts is not None:
            yield Relaxation("must_cut", "no cut that is wanted (must_cut)", 1.0, parts)
    if problem.must_not_cut:
        parts = _any(replace(problem, must_not_cut=frozenset()))
        if parts is not None:
            yield Relaxation("must_not_cut", "a cut that is forbidden (must_not_cut)", 1.0, parts)
    if problem.use_all:
        parts = _any(replace(problem, use_all=False))
        if parts is not None:
            used = evaluate(problem, parts).boards
            all_boards = len(problem.fleet.boards)
            said = f"boards left unused (use_all: {used} of {all_boards} would do)"
            yield Relaxation("use_all", said, all_boards / used, parts)


def _resources(problem: Problem) -> Iterator[Relaxation]:
    for k, name in enumerate(PLAN_RESOURCES):
        if all(board.capacity[k] is None for board in problem.fleet.boards):
            continue
        parts = _any(_grown(problem, [k], _BOUNDLESS))
        if parts is None:
            continue
        low, high = 1.0, _growth(problem, parts, k)
        while high / low > _CLOSE:
            middle = (low * high) ** 0.5
            better = _any(_grown(problem, [k], middle))
            if better is None:
                low = middle
            else:
                parts, high = better, min(middle, _growth(problem, better, k))
        broken = [one for one in broken_limits(problem, parts) if one.limit == name]
        if not broken:
            continue
        worst = max(broken, key=lambda one: one.value / one.allowed if one.allowed else _BOUNDLESS)
        board = problem.fleet.boards[parts[worst.part or 0].boards[0]].name
        said = f"{worst.value:g} {name.upper()} on {board}, not {worst.allowed:g}"
        yield Relaxation(name, said, high, parts)


def _grown(problem: Problem, resources: range | list[int], factor: float) -> Problem:
    """With ``factor`` of the usable share of ``resources``, and more than none of each."""

    def of(values: tuple[float | None, ...], change: Callable[[float], float]) -> tuple:
        return tuple(
            change(value) if k in resources and value is not None else value
            for k, value in enumerate(values)
        )

    boards = tuple(
        replace(
            board,
            usable=of(board.usable, lambda share: share * factor),
            capacity=of(board.capacity, lambda size: size or 1e-3),
        )
        for board in problem.fleet.boards
    )
    return replace(problem, fleet=replace(problem.fleet, boards=boards))


def _growth(problem: Problem, parts: Parts, resource: int) -> float:
    """What a plan needs of a resource by what is allowed, on the board where it is most."""
    name = PLAN_RESOURCES[resource]
    broken = [one for one in broken_limits(problem, parts) if one.limit == name]
    return max(
        (one.value / one.allowed if one.allowed else _BOUNDLESS for one in broken), default=1.0
    )


def _more_boards(problem: Problem) -> Iterator[Relaxation]:
    """The fewest boards that do, more of the last kind put behind those given."""
    given = len(problem.fleet.boards)
    most = len(problem.chain.cuts) + 1
    low, high = given, max(2 * given, given + 1)
    found: tuple[Parts, int] | None = None
    while found is None and low < most * problem.most_replicas:
        parts = _any(_with_boards(problem, high))
        if parts is not None:
            found = parts, high
        else:
            low, high = high, high * 2
    if found is None:
        return
    while high - low > 1:
        middle = (low + high) // 2
        parts = _any(_with_boards(problem, middle))
        if parts is None:
            low = middle
        else:
            high, found = middle, (parts, middle)
    said = f"{high} boards ({problem.fleet.boards[-1].name} added), not {given}"
    yield Relaxation("boards", said, high / given, found[0])


def _with_boards(problem: Problem, count: int) -> Problem:
    fleet = problem.fleet
    more = count - len(fleet.boards)
    boards = (*fleet.boards, *[fleet.boards[-1]] * more)
    links = fleet.links if len(fleet.links) == 1 else (*fleet.links, *[fleet.links[-1]] * more)
    return replace(problem, fleet=replace(fleet, boards=boards, links=links))


def _too_big_block(problem: Problem) -> tuple[str, str] | None:
    """(resource, what to say) of a block that no board has room for, however it is folded."""
    for block in problem.chain.blocks:
        for k, name in enumerate(PLAN_RESOURCES):
            counts = [option.use[k] for option in block.options]
            rooms = [
                None
                if capacity is None
                else max(0.0, capacity * board.usable[k] - (board.shell[k] or 0.0))
                for board in problem.fleet.boards
                for capacity in [board.capacity[k]]
            ]
            known = [room for room in rooms if room is not None]
            if any(count is None for count in counts) or len(known) < len(rooms):
                continue
            least, room = min(count for count in counts if count is not None), max(known)
            if least > room * (1 + 1e-9):
                said = (
                    f"block {block.name} needs at least {least:g} {name.upper()}, and no board "
                    f"has more than {room:g} for it"
                )
                return name, said
    return None


def _any(problem: Problem) -> Parts | None:
    return _best(problem, None)


def _best(problem: Problem, objective: Objective | None) -> Parts | None:
    try:
        found = best(Query.of(problem, objective))
    except TooManyLabels:
        return None
    return None if found is None else found.parts
