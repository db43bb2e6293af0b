"""What a plan and its explanation say, in words and figures for a person."""

from __future__ import annotations

from collections.abc import Sequence

from dse.counted import counted
from dse.plan.chain import PLAN_RESOURCES, Chain
from dse.plan.explain import FASTER_LINK, MORE_RESOURCE, Alternative, Explanation, Purchase
from dse.plan.fleet import PlanBoard
from dse.plan.plan import PlannedPart
from dse.plan.problem import Objective, Problem
from dse.plan.solve import Solution
from dse.plan_bands import MeasuredBand
from reports.resource_text import RESOURCE_TITLES

#: What each objective makes best.
AIMS = {
    Objective.THROUGHPUT: "most images per second",
    Objective.LATENCY: "shortest time of one image",
    Objective.BATCH: "shortest time of a batch",
    Objective.BOARDS: "fewest boards",
    Objective.TRAFFIC: "fewest bytes between boards",
    Objective.BALANCE: "most even use of the boards",
    Objective.SCARCEST: "least use of the scarcest resource",
}

#: What breaks a limit, by the names of BrokenLimit.
_LIMITS = {
    "interval": "the images per second asked for",
    "latency": "the limit on the time of one image",
    "batch": "the limit on the time of a batch",
    "boards": "the number of boards",
    "traffic": "the limit on bytes between boards",
    "hop_bytes": "the limit on bytes over one link",
    "balance": "the limit on uneven use",
    "scarcest": "the limit on the scarcest resource",
    "use_all": "that every board is used",
    "replicas": "how often a part may be repeated",
    "must_cut": "the cuts that are asked for",
    "must_not_cut": "the cuts that are ruled out",
}


def seconds_text(seconds: float) -> str:
    """``1.152 ms``: three decimals of the unit that leaves a number from 1 to 1000."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:,.3f} {unit}"
    return f"{seconds * 1e9:,.0f} ns"


def rate_text(interval: float) -> str:
    """``868.1 images/s``; of few, four digits: ``0.04069 images/s``."""
    rate = 1 / interval
    return f"{rate:,.1f} images/s" if rate >= 100 else f"{rate:#.4g} images/s"


def percent_text(share: float) -> str:
    """``55.36 %``."""
    return f"{share * 100:.2f} %"


def value_text(objective: Objective, value: float) -> str:
    """The figure of an objective with its unit."""
    if objective is Objective.THROUGHPUT:
        return rate_text(value)
    if objective in (Objective.LATENCY, Objective.BATCH):
        return seconds_text(value)
    if objective is Objective.BOARDS:
        return counted(round(value), "board")
    if objective is Objective.TRAFFIC:
        return f"{value:,.0f} bytes per image"
    if objective is Objective.BALANCE:
        return f"{value * 100:.2f} percentage points"
    return percent_text(value)


def limits_text(names: Sequence[str]) -> str:
    """What names of :class:`~dse.plan.feasibility.BrokenLimit` stand for, in one phrase."""
    resources = [RESOURCE_TITLES[name] for name in names if name in RESOURCE_TITLES]
    said = [f"what a board has of {_listed(resources)}"] if resources else []
    return _listed(
        [*said, *(_LIMITS.get(name, name) for name in names if name not in PLAN_RESOURCES)]
    )


def _listed(words: Sequence[str]) -> str:
    *before, last = words or [""]
    return f"{', '.join(before)} and {last}" if before else last


def headline(solution: Solution) -> str:
    """What was made best, with its figure."""
    value = value_text(solution.objective, solution.metrics.of(solution.objective))
    return f"{AIMS[solution.objective]}: {value}"


def proof(solution: Solution) -> str:
    """What is proved of the plan."""
    if solution.is_optimal:
        return (
            f"Proved optimal ({solution.method}): by these numbers no allowed plan has a better "
            "figure."
        )
    if solution.bound is None:
        return f"Not proved to be the best ({solution.method}): no bound is known."
    value = solution.metrics.of(solution.objective)
    gap = f"{(value - solution.bound) / value * 100:.2f} %" if value else "unknown"
    bound = value_text(solution.objective, solution.bound)
    return (
        f"Not proved optimal ({solution.method}): no plan is better than {bound}, a gap of {gap}."
    )


def cut_label(chain: Chain, position: int) -> str:
    """``split 5``, as the boundary calls itself."""
    return chain.boundaries[position - 1].label or f"after {chain.blocks[position - 1].name}"


def cuts_text(chain: Chain, parts: tuple[PlannedPart, ...]) -> str:
    """All cuts of a plan."""
    cuts = [cut_label(chain, part.last) for part in parts[:-1]]
    return ", ".join(cuts) if cuts else "not cut"


def layers_text(chain: Chain, part: PlannedPart) -> str:
    """First and last block of a part, with how many there are."""
    blocks = chain.blocks[part.first : part.last]
    if len(blocks) == 1:
        return blocks[0].name
    return f"{blocks[0].name} to {blocks[-1].name} ({len(blocks)})"


def verdict(alternative: Alternative) -> str:
    """The outcome in a word."""
    if alternative.plan is None:
        return "not allowed" if alternative.broken else "unknown"
    if alternative.loss is not None and alternative.loss < 0:
        return "better"
    if not alternative.plan.is_optimal:
        return "not proved"
    if alternative.loss == 0:
        return "equal"
    if alternative.undecided is None:
        return "worse, band unknown"
    return "undecided" if alternative.undecided else "worse"


def reason(problem: Problem, solution: Solution, alternative: Alternative) -> str:
    """One sentence on why the plan does not cut there."""
    if alternative.plan is None:
        if alternative.broken == ("must_not_cut",):
            return "It is ruled out."
        if not alternative.broken:
            return "No solver found out whether a plan cuts here."
        # That it is cut here is asked of the alternative alone, unless other cuts are asked for.
        broken = [name for name in alternative.broken if name != "must_cut" or problem.must_cut]
        limits = limits_text(broken)
        return f"No plan that cuts here keeps {limits}." if limits else "No plan cuts here."
    objective = solution.objective
    own, best = alternative.plan.metrics.of(objective), solution.metrics.of(objective)
    figures = f"{value_text(objective, own)} against {value_text(objective, best)}"
    cuts = [part.last for part in alternative.plan.parts[:-1]]
    how = "" if len(cuts) == 1 else f"; cuts: {cuts_text(problem.chain, alternative.plan.parts)}"
    if not alternative.plan.is_optimal:
        return f"The best found, {figures}{how}; its solver stopped with a gap."
    if alternative.loss is not None and alternative.loss < 0:
        return f"{figures}{how}: the plan is not proved best, and this one is better."
    if alternative.loss == 0:
        return f"As good, but for what breaks ties: {value_text(objective, own)}{how}."
    said = f"{figures}{_lost(objective, own, best)}{how}."
    if alternative.undecided:
        return f"{said} Undecided: the numbers of {problem.chain.source} are no closer than that."
    return said[0].upper() + said[1:]


def _lost(objective: Objective, own: float, best: float) -> str:
    if objective is Objective.THROUGHPUT:
        return f" ({1 - best / own:.1%} fewer)"
    if objective in (Objective.BALANCE, Objective.SCARCEST, Objective.BOARDS) or not best:
        return ""  # differences of figures that one can take in one's head
    return f" ({own / best - 1:.1%} more)" if own < 2 * best else f" ({own / best:,.3g} times)"


def purchase_name(problem: Problem, purchase: Purchase) -> str:
    """What is bought."""
    if purchase.what == "board":
        return f"one more board ({problem.fleet.boards[-1].part})"
    if purchase.what == "link":
        return f"links {FASTER_LINK:g} times as fast"
    return f"{MORE_RESOURCE - 1:.0%} more {RESOURCE_TITLES[purchase.resource or '']} on every board"


def purchase_text(problem: Problem, solution: Solution, purchase: Purchase) -> str:
    """What it would buy."""
    if purchase.plan is None or purchase.gain is None:
        return "no plan was found that uses it as asked"
    objective = solution.objective
    value = value_text(objective, purchase.plan.metrics.of(objective))
    where = cuts_text(problem.chain, purchase.plan.parts)
    if not purchase.plan.is_optimal:
        return f"{value} ({where}) or better: its solver stopped with a gap"
    if purchase.gain > 0:
        return f"{value} ({where})"
    return f"nothing: if it had to be used, {value} ({where})" if purchase.gain < 0 else "nothing"


def paper_text(
    problem: Problem, solution: Solution, explanation: Explanation, split: int
) -> tuple[str, ...]:
    """The paper's choice beside the plan: a sentence, where balance is the objective."""
    boundaries = problem.chain.boundaries
    if solution.objective is not Objective.BALANCE:
        return ()
    papers = next(
        (
            one.plan
            for one in explanation.alternatives
            if one.plan is not None and boundaries[one.position - 1].split == split
        ),
        solution,
    )
    cuts = {boundaries[part.last - 1].split for part in papers.parts[:-1]}
    if split not in cuts:
        return (f"The paper cuts after layer {split}, which is not allowed here.",)
    if papers is solution:
        return (f"The paper cuts after layer {split}, too.",)
    own, other = papers.metrics, solution.metrics
    return (
        f"The paper cuts after layer {split}: by {problem.chain.source} the boards then differ by "
        f"up to {own.balance * 100:.2f} percentage points, the greatest share of a resource is "
        f"{percent_text(own.scarcest)} and {own.traffic:,} bytes cross; with the plan "
        f"{other.balance * 100:.2f}, {percent_text(other.scarcest)} and {other.traffic:,}.",
    )


def band_text(source: str, band: MeasuredBand | None) -> str:
    """How far the source's numbers have been off."""
    if band is None:
        return (
            f"How far {source} is off is unknown here: no sweep at hand (--sweep) has the same "
            "parts from a better source."
        )
    numbers = dict(zip(PLAN_RESOURCES, band.band.counts, strict=True)) | {
        "cycles": band.band.cycles,
        "latency": band.band.latency,
    }
    said = [f"{numbers[name]:.1%} in {RESOURCE_TITLES.get(name, name)}" for name in band.against]
    against = ", ".join(sorted({better.value for better in band.against.values()}))
    return (
        f"{source} was off by as much as {', '.join(said)} against {against}, on "
        f"{counted(band.parts, 'part')} of the sweep; what differs by less is undecided."
    )


def tight_text(problem: Problem, tight: Sequence[tuple[int, str, float]]) -> tuple[str, ...]:
    """What may not fit (:func:`~dse.plan.explain.within_error`): a sentence, or none."""
    if not tight:
        return ()
    said = [
        f"{RESOURCE_TITLES[name]} of part {position + 1} up to {share:.0%} of the device"
        for position, name, share in tight
    ]
    return (
        f"As far as {problem.chain.source} may be off, this may not fit: {', '.join(said)}. "
        "Leave room (--limit), or plan with better numbers (--source).",
    )


def device_text(board: PlanBoard) -> str:
    """Part and clock."""
    return f"{board.part}, {board.clock_mhz:g} MHz"
