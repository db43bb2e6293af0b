"""Where no plan is allowed, what is in the way is named, with the nearest plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dse.errors import PlanError
from dse.plan.chain import Block, Boundary, Chain, FoldingOption
from dse.plan.feasibility import broken_limits
from dse.plan.fleet import Fleet, Link, PlanBoard
from dse.plan.plan import evaluate
from dse.plan.problem import Limits, Objective, Problem
from dse.plan.solution import Solution
from dse.plan.solve import solve


def problem_of(*, lut: float = 100.0, boards: int = 2, limits: Limits | None = None) -> Problem:
    """Three blocks of 60 LUT (1000 cycles) or 90 LUT (500 cycles), at 100 MHz."""
    options = (
        FoldingOption("small", (60.0, None, None, 1.0, None, None), 1000),
        FoldingOption("quick", (90.0, None, None, 1.0, None, None), 500),
    )
    chain = Chain(
        "three",
        "test",
        tuple(Block(f"layer {k}", options) for k in range(3)),
        (Boundary("split 0", 64), Boundary("split 1", 128)),
    )
    board = PlanBoard("board", "part", 100.0, (lut, None, None, 10.0, None, None))
    fleet = Fleet(
        tuple(replace(board, name=f"board {k}") for k in range(boards)), (Link("link", 1e-6),)
    )
    return Problem(chain, fleet, limits or Limits())


def refusal(problem: Problem) -> PlanError:
    with pytest.raises(PlanError) as error:
        solve(problem, Objective.THROUGHPUT)
    assert "\n" not in str(error.value)
    return error.value


def nearest(error: PlanError) -> Solution:
    assert isinstance(error.nearest, Solution)
    return error.nearest


def test_a_block_that_no_board_has_room_for_is_named_with_what_it_needs() -> None:
    problem = problem_of(lut=50.0, boards=3)
    error = refusal(problem)
    assert "layer 0 needs at least 60 LUT" in str(error)
    assert "50" in str(error)
    assert error.binding == ("lut",)
    assert {one.limit for one in broken_limits(problem, nearest(error).parts)} == {"lut"}


def test_a_network_that_needs_more_boards_says_how_many() -> None:
    error = refusal(problem_of(boards=2))
    assert "3 boards" in str(error)
    assert "boards" in error.binding
    # Two blocks on one board need 120 LUT, which is the other way out.
    assert "lut" in error.binding
    assert "120 LUT" in str(error)


def test_an_unreachable_rate_says_the_greatest_there_is() -> None:
    problem = problem_of(boards=3, limits=Limits(interval=1 / 1e6))
    error = refusal(problem)
    assert "200,000 images/s at most, not 1,000,000" in str(error)
    parts = nearest(error).parts
    labels = [problem.chain.boundaries[part.last - 1].label for part in parts[:-1]]
    assert str(error).endswith(f"; nearest plan: {', '.join(labels)}")
    assert error.binding == ("interval",)
    assert nearest(error).metrics.interval == pytest.approx(5e-6)


def test_a_rate_missed_by_little_is_told_from_what_there_is() -> None:
    error = refusal(problem_of(boards=3, limits=Limits(interval=1 / 200_000.004)))
    assert "200,000.000 images/s at most, not 200,000.004" in str(error)


def test_limits_that_contradict_each_other_are_all_named() -> None:
    limits = Limits(boards=2, interval=6e-6)
    problem = problem_of(lut=130.0, boards=3, limits=limits)
    error = refusal(problem)
    assert set(error.binding) >= {"boards", "interval"}
    broken = broken_limits(problem, nearest(error).parts)
    assert len(broken) == 1
    assert solve(replace(problem, limits=Limits(boards=2)), Objective.THROUGHPUT).value > 6e-6
    assert solve(replace(problem, limits=Limits(interval=6e-6)), Objective.BOARDS).value == 3


def test_limits_of_which_none_alone_is_in_the_way_are_named_too() -> None:
    limits = Limits(latency=1e-9, traffic=0, interval=1e-9)
    error = refusal(problem_of(boards=3, limits=limits))
    assert {"latency", "interval"} <= set(error.binding)
    assert "whichever one alone is dropped" in str(error)


def test_the_nearest_of_limits_that_contradict_is_near_in_each() -> None:
    # Far slower than what the boards reach: a plan that merely fits would do worse by far.
    problem = problem_of(boards=3, limits=Limits(latency=1e-9, interval=4.9e-6, boards=1))
    free = replace(problem, limits=Limits())
    broken = {
        one.limit: one.value for one in broken_limits(problem, nearest(refusal(problem)).parts)
    }
    least = solve(free, Objective.LATENCY)
    assert broken["latency"] == pytest.approx(least.value)


def test_a_link_that_is_too_slow_is_seen_as_the_interval_that_it_allows() -> None:
    problem = problem_of(boards=3, limits=Limits(interval=6e-6))
    slow = replace(problem, fleet=replace(problem.fleet, links=(Link("slow", 1e-3),)))
    error = refusal(slow)
    assert "interval" in error.binding
    assert "1000 images/s at most" in str(error)


def test_the_nearest_plan_is_a_plan_of_the_problem() -> None:
    problem = problem_of(boards=3, limits=Limits(latency=2e-6))
    plan = nearest(refusal(problem))
    assert evaluate(problem, plan.parts) == plan.metrics
    assert not plan.is_optimal
    assert [one.limit for one in broken_limits(problem, plan.parts)] == ["latency"]


def test_a_board_to_be_added_is_on_no_plan_of_the_boards_there_are() -> None:
    # Two big boards would do, as the only two used; there is one, behind a small one.
    problem = problem_of(lut=120.0, limits=Limits(boards=2))
    chain = replace(
        problem.chain,
        blocks=(*problem.chain.blocks, problem.chain.blocks[0]),
        boundaries=(*problem.chain.boundaries, Boundary("split 2", 64)),
    )
    small, big = problem.fleet.boards
    small = replace(small, capacity=(10.0, None, None, 10.0, None, None))
    fleet = replace(problem.fleet, boards=(small, big))
    error = refusal(replace(problem, chain=chain, fleet=fleet))
    assert "3 boards (board 1 added), not 2" in str(error)
    assert error.binding[0] == "boards"
    assert error.nearest is None
