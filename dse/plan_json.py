"""What ``dse plan`` gives to programs, and to the Pareto plot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dse.plan.plan import Metrics
from dse.plan.problem import Objective
from dse.plan_file import plan_file_data
from dse.plan_words import cut_label, cuts_text, purchase_name, reason, verdict
from reports.figure_pareto import ParetoPlan, ParetoPlot

if TYPE_CHECKING:
    from dse.plan.solve import Solution
    from dse.plan_result import PlanResult

#: Axis of each objective: its title, the factor from its figure, whether more is better.
_AXES: dict[Objective, tuple[str, float, bool]] = {
    Objective.THROUGHPUT: ("images per second", 1.0, True),
    Objective.LATENCY: ("time of one image, ms", 1e3, False),
    Objective.BATCH: ("time of a batch, ms", 1e3, False),
    Objective.BOARDS: ("boards", 1.0, False),
    Objective.TRAFFIC: ("bytes per image between boards", 1.0, False),
    Objective.BALANCE: ("greatest difference, percentage points", 100.0, False),
    Objective.SCARCEST: ("scarcest resource, percent", 100.0, False),
}


def plan_result_data(result: PlanResult) -> dict[str, Any]:
    """docs/formats.md lists the keys."""
    problem, solution, explanation = result.problem, result.solution, result.explanation
    chain = problem.chain
    return {
        "format": "split-dse/plan-result",
        "version": 1,
        "plan": plan_file_data(result.file),
        "alternatives": None
        if explanation is None
        else [
            {
                "cut": cut_label(chain, one.position),
                "after_blocks": one.position,
                "split": chain.boundaries[one.position - 1].split,
                "verdict": verdict(one),
                "broken": list(one.broken),
                "value": None if one.plan is None else one.plan.metrics.of(solution.objective),
                "loss": one.loss,
                "undecided": one.undecided,
                "plan": None if one.plan is None else _plan(result, one.plan),
                "reason": reason(problem, solution, one),
            }
            for one in explanation.alternatives
        ],
        "more": None
        if explanation is None
        else [
            {
                "what": one.what,
                "resource": one.resource,
                "name": purchase_name(problem, one),
                "gain": one.gain,
                "plan": None if one.plan is None else _plan(result, one.plan),
            }
            for one in explanation.purchases
        ],
        "pareto": {
            "objectives": [name.value for name in result.trade_off],
            "proved": all(plan.is_optimal for plan in result.pareto),
            "plans": [_plan(result, plan) for plan in result.pareto],
        }
        if result.pareto
        else None,
        "notes": list(result.record.notes),
    }


def pareto_plot(result: PlanResult) -> ParetoPlot:
    """The plans of the trade-off as the figure draws them."""
    chain = result.problem.chain
    chosen = _place(result, result.solution.metrics)
    places = [_place(result, plan.metrics) for plan in result.pareto]
    return ParetoPlot(
        chain.network,
        chain.source,
        tuple((_AXES[name][0], _AXES[name][2]) for name in result.trade_off),
        tuple(
            ParetoPlan(place, cuts_text(chain, plan.parts), place == chosen)
            for place, plan in zip(places, result.pareto, strict=True)
        ),
        all(plan.is_optimal for plan in result.pareto),
    )


def _place(result: PlanResult, metrics: Metrics) -> tuple[float, ...]:
    place = []
    for name in result.trade_off:
        _, factor, more_is_better = _AXES[name]
        value = metrics.of(name)
        place.append(1 / value if more_is_better else value * factor)
    return tuple(place)


def _plan(result: PlanResult, plan: Solution) -> dict[str, Any]:
    metrics, chain = plan.metrics, result.problem.chain
    return {
        "after_blocks": [part.last for part in plan.parts[:-1]],
        "splits": [chain.boundaries[part.last - 1].split for part in plan.parts[:-1]],
        "interval_s": metrics.interval,
        "latency_s": metrics.latency,
        "batch_s": metrics.batch,
        "boards": metrics.boards,
        "traffic_bytes": metrics.traffic,
        "balance": metrics.balance,
        "scarcest": metrics.scarcest,
    }
