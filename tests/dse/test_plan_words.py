"""What a plan's sentences say follows from its numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dse.plan.explain import Alternative, ErrorBand, explain
from dse.plan.pareto import pareto
from dse.plan.problem import Limits, Objective, Problem
from dse.plan.solve import solve
from dse.plan_json import pareto_plot
from dse.plan_record import plan_record
from dse.plan_result import PlanResult
from dse.plan_words import (
    headline,
    limits_text,
    paper_text,
    proof,
    reason,
    seconds_text,
    value_text,
    verdict,
)
from tests.dse.plan_of_small import small_chain, small_fleet

PROBLEM = Problem(small_chain(), small_fleet(3, alike=True), use_all=False)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0 ns"), (5e-9, "5 ns"), (1.5e-6, "1.500 µs"), (0.25, "250.000 ms"), (2.0, "2.000 s")],
)
def test_times_have_the_unit_that_suits_them(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


def test_every_objective_has_a_figure_with_its_unit() -> None:
    texts = {objective: value_text(objective, 0.5) for objective in Objective}
    assert texts[Objective.THROUGHPUT] == "2.000 images/s"
    assert value_text(Objective.THROUGHPUT, 1 / 868.06) == "868.1 images/s"
    assert value_text(Objective.THROUGHPUT, 24.576) == "0.04069 images/s"
    assert texts[Objective.BATCH] == "500.000 ms"
    assert texts[Objective.BALANCE] == "50.00 percentage points"
    assert texts[Objective.SCARCEST] == "50.00 %"


def test_the_proof_says_what_is_proved_and_no_more() -> None:
    solution = solve(PROBLEM, Objective.LATENCY)
    assert proof(solution).startswith("Proved optimal")
    assert headline(solution).endswith(value_text(Objective.LATENCY, solution.value))
    half = replace(solution, bound=solution.value / 2, method="milp")
    assert proof(half).startswith("Not proved optimal (milp): no plan is better than ")
    assert proof(half).endswith("a gap of 50.00 %.")
    assert "no bound is known" in proof(replace(solution, bound=None))


def test_a_trade_off_that_is_not_proved_says_so_on_page_and_plot() -> None:
    objectives = (Objective.LATENCY, Objective.TRAFFIC)
    plans = pareto(PROBLEM, objectives)
    unproved = tuple(replace(one, bound=None) for one in plans)
    solution = solve(PROBLEM, Objective.LATENCY)
    for found, is_proved in ((plans, True), (unproved, False)):
        record = plan_record(PROBLEM, solution, None, (objectives, found))
        assert any("trade-off is not proved" in note for note in record.notes) is not is_proved
        result = PlanResult(PROBLEM, solution, (), None, ErrorBand(), (), None, objectives, found)
        assert pareto_plot(result).proved is is_proved
        assert result.to_json()["pareto"]["proved"] is is_proved


def test_limits_in_the_way_are_one_phrase() -> None:
    assert limits_text(["lut"]) == "what a board has of LUT"
    assert limits_text(["lut", "bram", "boards", "interval"]) == (
        "what a board has of LUT and BRAM, the number of boards and the images per second asked for"
    )


def test_the_cut_that_is_looked_at_is_not_among_the_limits_in_its_way() -> None:
    problem = replace(PROBLEM, limits=Limits(traffic=8))
    solution = solve(replace(problem, must_cut=frozenset({2})), Objective.TRAFFIC)
    refused = Alternative(1, broken=("must_cut", "traffic"))
    said = reason(problem, solution, refused)
    assert said == "No plan that cuts here keeps the limit on bytes between boards."
    assert verdict(refused) == "not allowed"


def test_a_cut_as_good_as_the_plan_is_called_so() -> None:
    problem = replace(PROBLEM, fleet=replace(PROBLEM.fleet, links=(PROBLEM.fleet.host,)))
    solution = solve(problem, Objective.THROUGHPUT, (Objective.TRAFFIC,))
    found = explain(problem, solution).alternatives
    assert {verdict(one) for one in found} == {"equal"}
    assert all(reason(problem, solution, one).startswith("As good, but") for one in found)


@pytest.mark.parametrize("split", [0, 1])
def test_the_papers_cut_stands_beside_a_plan_by_balance(split: int) -> None:
    problem = replace(PROBLEM, fleet=small_fleet(2, alike=True), use_all=True)
    solution = solve(problem, Objective.BALANCE)
    (said,) = paper_text(problem, solution, explain(problem, solution), split)
    if solution.parts[0].last == split + 1:
        assert said == f"The paper cuts after layer {split}, too."
    else:
        assert f"{solution.metrics.balance * 100:.2f}, " in said
    other = solve(problem, Objective.TRAFFIC)
    assert paper_text(problem, other, explain(problem, other), split) == ()


def test_what_is_not_proved_of_another_cut_is_not_said() -> None:
    solution = solve(PROBLEM, Objective.LATENCY)
    [other, *_] = explain(PROBLEM, solution).alternatives
    assert other.plan is not None
    with_gap = replace(other, plan=replace(other.plan, bound=0.0))
    assert verdict(with_gap) == "not proved"
    assert "its solver stopped with a gap" in reason(PROBLEM, solution, with_gap)
    unknown = Alternative(other.position)
    assert verdict(unknown) == "unknown"
    assert reason(PROBLEM, solution, unknown).startswith("No solver found out")
    assert verdict(replace(other, loss=-1.0)) == "better"
    assert "this one is better" in reason(PROBLEM, solution, replace(other, loss=-1.0))
