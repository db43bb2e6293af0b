"""Every figure of an explanation is that of a plan, and true of all plans of a small problem."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from dse.errors import PlanError
from dse.plan.chain import Block, Boundary, Chain, FoldingOption
from dse.plan.explain import (
    ErrorBand,
    Explanation,
    explain,
    scarcest_resource,
    value_range,
    within_error,
)
from dse.plan.feasibility import broken_limits
from dse.plan.fleet import Fleet, Link, PlanBoard
from dse.plan.plan import PlannedPart, evaluate
from dse.plan.problem import Limits, Objective, Problem
from dse.plan.solve import Solution, solve
from dse.plan.undominated import TooManyLabels
from tests.dse.plan.brute_force import all_values
from tests.dse.plan.random_problems import random_problem

NOTHING = (0.0,) * 6
ORDER = list(Objective)


def least(problem: Problem, objective: Objective) -> float | None:
    """Of all plans; None where none is allowed."""
    values = all_values(problem)[:, ORDER.index(objective)]
    return float(np.min(values)) if len(values) else None


def solved(problem: Problem, objective: Objective) -> Solution | None:
    try:
        return solve(problem, objective)
    except PlanError:
        return None


@pytest.mark.parametrize("objective", list(Objective))
def test_every_other_cut_is_told_by_the_best_plan_that_has_it(objective: Objective) -> None:
    draw = random.Random(objective.value)
    seen, refused = 0, 0
    while seen < 4 or refused < 1:
        problem = random_problem(draw, 5, 3, 2)
        solution = solved(problem, objective)
        if solution is None:
            continue
        found = explain(problem, solution)
        used = {part.last for part in solution.parts[:-1]}
        others = set(problem.chain.cuts) - used
        assert [one.position for one in found.alternatives] == sorted(others)
        for one in found.alternatives:
            if one.position in problem.must_not_cut:
                assert (one.plan, one.broken) == (None, ("must_not_cut",))
                continue
            forced = replace(problem, must_cut=problem.must_cut | {one.position})
            best = least(forced, objective)
            if one.plan is None:
                assert best is None
                refused += 1
                continue
            assert best is not None
            assert not broken_limits(forced, one.plan.parts)
            assert one.plan.metrics.of(objective) == pytest.approx(best)
            assert one.loss == pytest.approx(best - solution.value)
            seen += 1


def test_more_hardware_is_told_by_the_best_plan_with_it() -> None:
    draw = random.Random(7)
    kinds: set[str] = set()
    for _ in range(12):
        problem = random_problem(draw, 4, 2, 2)
        solution = solved(problem, Objective.THROUGHPUT)
        if solution is None:
            continue
        for one in explain(problem, solution).purchases:
            kinds.add(one.what)
            if one.plan is None:
                continue
            assert one.gain == pytest.approx(solution.value - one.plan.value)
            if not problem.use_all:
                assert one.plan.value <= solution.value * (1 + 1e-9)
            if one.what == "resource":
                assert one.resource == scarcest_resource(solution.metrics)
    assert kinds == {"board", "link", "resource"}


def three_blocks(first: int, second: int, third: int) -> Problem:
    """Three blocks on two boards without limits, of so many cycles; LUT 10, 20 and 40 of 100."""
    blocks = tuple(
        Block(f"b{k}", (FoldingOption("only", (lut, *NOTHING[1:]), cycles),))
        for k, (lut, cycles) in enumerate([(10.0, first), (20.0, second), (40.0, third)])
    )
    boundaries = (Boundary("cut 1", 8), Boundary("cut 2", 80))
    board = PlanBoard("x", "part", 100.0, (100.0,) * 6)
    chain = Chain("three", "finn-estimate", blocks, boundaries)
    return Problem(chain, Fleet((board, replace(board, name="y")), (Link(byte_s=1e-6),)))


def explained(problem: Problem, objective: Objective, band: ErrorBand) -> Explanation:
    return explain(problem, solve(problem, objective), band=band)


def test_each_question_is_told_before_it_is_answered() -> None:
    problem = three_blocks(1, 1, 1)
    told: list[tuple[str, int, int]] = []
    solution = solve(problem, Objective.TRAFFIC)  # on one board
    explain(problem, solution, on_step=lambda *step: told.append(step))
    assert [step[0] for step in told[:2]] == ["what cut 1 would cost", "what cut 2 would cost"]
    # A board, faster links, and more of the scarcest resource.
    assert [step[1:] for step in told] == [(k, 5) for k in range(5)]


def test_two_plans_closer_than_the_band_are_undecided() -> None:
    problem = replace(three_blocks(1, 1, 1), use_all=True)
    # Greatest LUT share: cut 1 60 %, cut 2 40 %.
    exact, narrow, wide = (
        explained(problem, Objective.SCARCEST, ErrorBand(counts=(error, *NOTHING[1:])))
        for error in (0.0, 0.19, 0.21)
    )
    verdicts = [found.alternatives[0].undecided for found in (exact, narrow, wide)]
    assert verdicts == [False, False, True]
    assert exact.alternatives[0].loss == pytest.approx(0.2)


def test_an_unknown_band_decides_nothing() -> None:
    problem = replace(three_blocks(1, 1, 1), use_all=True)
    assert explained(problem, Objective.SCARCEST, ErrorBand()).alternatives[0].undecided is None
    # Bytes are exact, whatever the source.
    found = explained(problem, Objective.TRAFFIC, ErrorBand())
    assert (found.alternatives[0].loss, found.alternatives[0].undecided) == (72, False)


def test_a_limit_in_the_way_is_named() -> None:
    problem = replace(three_blocks(1, 1, 1), use_all=True, limits=Limits(traffic=8))
    found = explained(problem, Objective.TRAFFIC, ErrorBand())
    assert found.alternatives[0].plan is None
    assert "traffic" in found.alternatives[0].broken


def test_times_are_off_by_the_band_of_cycles_and_links_are_not() -> None:
    problem = three_blocks(100, 200, 400)
    parts = (PlannedPart(0, 2, (0, 0), (0,)), PlannedPart(2, 3, (0,), (1,)))
    metrics = evaluate(problem, parts)
    band = ErrorBand(cycles=0.5, latency=0.5)
    # The link takes 80 µs, the slowest block 4 µs: no error of cycles is felt.
    assert value_range(problem, metrics, Objective.THROUGHPUT, band) == pytest.approx(
        (80e-6, 80e-6)
    )
    low, high = value_range(problem, metrics, Objective.LATENCY, band) or (0, 0)
    assert (low, high) == pytest.approx((80e-6 + 3e-6, 80e-6 + 9e-6))
    quick = replace(problem, fleet=replace(problem.fleet, links=(Link(),)))
    interval = value_range(quick, evaluate(quick, parts), Objective.THROUGHPUT, band)
    assert interval == pytest.approx((2e-6, 6e-6))


def test_what_fits_by_less_than_the_band_may_not_fit() -> None:
    problem = replace(three_blocks(1, 1, 1), use_all=True)
    solution = solve(problem, Objective.SCARCEST)  # LUT 30 and 40 of 100
    error = (1.0, *NOTHING[1:])
    assert within_error(problem, solution, ErrorBand(counts=error)) == ()
    error = (1.6, *NOTHING[1:])
    found = within_error(problem, solution, ErrorBand(counts=error))
    assert [(position, name) for position, name, _ in found] == [(1, "lut")]
    assert found[0][2] == pytest.approx(1.04)
    assert within_error(problem, solution, ErrorBand()) == ()


def test_what_no_solver_finds_out_is_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = replace(three_blocks(1, 1, 1), use_all=True)
    solution = solve(problem, Objective.TRAFFIC)

    def beyond(*_: object) -> Solution:
        raise TooManyLabels("too many")

    monkeypatch.setattr("dse.plan.explain.solve", beyond)
    found = explain(problem, solution)
    assert [(one.plan, one.broken) for one in found.alternatives] == [(None, ())]
    assert [one.plan for one in found.purchases] == [None] * len(found.purchases)


def test_a_plan_that_beats_one_not_proved_is_not_its_equal() -> None:
    problem = replace(three_blocks(1, 1, 1), use_all=True)
    worse = solve(replace(problem, must_cut=frozenset({2})), Objective.TRAFFIC)
    found = explain(problem, replace(worse, bound=0.0))
    assert [one.loss for one in found.alternatives] == [-72]
