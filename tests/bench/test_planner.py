"""The benchmark of the planner compares like with like, and says where ours falls short."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from bench import planner_growth, planner_partitioners
from bench.finn_partitioners import FinnDevice, Placement
from bench.partition_scores import NodeGraph, scores
from bench.planner import planner_tables
from bench.planner_growth import random_problem
from bench.planner_partitioners import PartitionerComparison
from dse.plan.feasibility import broken_limits
from dse.plan.plan import evaluate
from dse.plan.problem import Objective
from dse.plan.solve import solve

DEVICE = FinnDevice("Pynq-Z1", "xc7z020clg400-1", (100, 100, 100, 100), limit=0.8)
GRAPH = NodeGraph(
    "small",
    use=((40, 0, 0, 0), (30, 0, 0, 20), (10, 0, 0, 60), (5, 0, 0, 10)),
    cycles=(10, 20, 30, 40),
    bytes_after=(100, 50, 8),
)
ROW = PartitionerComparison(
    "g", 4, 2, 0.8, "Theirs", (1.0, 8.0), (1.0, 8.0), 1.0, 0.9, 0.01, 100.0, 90.0, 110.0
)


def test_a_placement_is_scored_by_both_sides_objectives() -> None:
    found = scores(GRAPH, DEVICE, (0, 0, 1, 1), 2)
    assert (found.crossings, found.layers, found.traffic) == (10, 0.0, 50)
    assert found.balance == pytest.approx(0.55)  # 70 LUT and 15
    # Of an ideal of 70 %: 0 + 0.7 + 0.7 + 0.5 of the first, 0.55 + 0.7 + 0.7 + 0 of the second.
    assert found.spread == pytest.approx(1.95)


def test_a_placement_beyond_the_limits_is_no_placement() -> None:
    with pytest.raises(AssertionError, match="beyond its limits"):
        scores(GRAPH, DEVICE, (0, 0, 0, 0), 2)


@pytest.mark.parametrize(
    "contest",
    [planner_partitioners._UTILIZATION, planner_partitioners._LAYERS],
    ids=lambda contest: contest.name,
)
def test_ours_is_no_worse_than_any_placement(contest: planner_partitioners._Contest) -> None:
    own = contest.ours(GRAPH, DEVICE, 2)
    assert own is not None

    def scored(devices: tuple[int, ...]) -> tuple[float, int]:
        found = scores(GRAPH, DEVICE, devices, 2, keeps_limits=contest.keeps_limits)
        return round(contest.objective(found), 9), found.traffic

    every = []
    for cut in (1, 2, 3):
        try:
            every.append(scored((0,) * cut + (1,) * (4 - cut)))
        except AssertionError:
            continue
    assert scored(own) == min(every)


def test_a_row_is_met_only_if_as_good_and_fast_enough() -> None:
    assert ROW.is_met
    assert not replace(ROW, ratio=19.0).is_met
    assert not replace(ROW, our_scores=(1.0, 9.0)).is_met
    assert not replace(ROW, our_scores=None).is_met
    assert replace(ROW, their_scores=None).is_met


def test_what_is_missed_is_said() -> None:
    console = Console(width=200, record=True)
    console.print(planner_tables([replace(ROW, ratio=2.0)]))
    assert "MISSED" in console.export_text()


def test_a_random_problem_is_the_same_each_time_and_its_limits_bind() -> None:
    problem = random_problem(100, 8, 0)
    assert problem == random_problem(100, 8, 0)
    plan = solve(problem, Objective.THROUGHPUT)
    assert not broken_limits(problem, plan.parts)
    # With every block fast the boards would not do.
    fastest = max(min(o.cycles for o in block.options) for block in problem.chain.blocks)
    assert evaluate(problem, plan.parts).interval > fastest * 1e-8
    assert planner_growth.TARGET > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "contest",
    [
        planner_partitioners._UTILIZATION,
        planner_partitioners._LAYERS,
        planner_partitioners._ELASTIC_DF,
    ],
    ids=lambda contest: contest.name,
)
def test_a_partitioner_of_finn_runs_and_ours_is_as_good(
    contest: planner_partitioners._Contest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner_partitioners, "ROUNDS", 1)
    name, model, board, counts = next(iter(planner_partitioners._graphs()))
    device = planner_partitioners.finn_device(board, 0.45 if "Elastic" in contest.name else 0.8)
    assert counts
    placement: Placement = contest.theirs(model, device, 2)
    assert placement.devices is not None
    assert set(placement.devices) == {0, 1}
    found = planner_partitioners._compared(contest, name, model, device, 2)
    assert found.as_good
    # The score by our function is what their solver says of itself.
    assert found.their_scores is not None
    assert found.their_scores[0] == pytest.approx(placement.value)
