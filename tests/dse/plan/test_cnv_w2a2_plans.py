"""CnvW2A2 on two PYNQ-Z1: where the objectives cut it, and what refolding wins, simulated.

All counts are FINN's estimates, so FF and LUTRAM are unknown and no shell is counted.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dse.part_simulation import choose_images, simulate_part
from dse.plan.chain import Chain
from dse.plan.feasibility import broken_limits
from dse.plan.fleet import Fleet
from dse.plan.milp import solve_milp
from dse.plan.problem import Objective, Problem
from dse.plan.solve import Solution, solve
from dse.plan_chains import estimated_chain, planned_folding
from dse.plan_fleet import fleet
from finn_flows.backends.interface import Part
from finn_flows.cache_directory import CACHE_VARIABLE
from finn_flows.cut import Cut
from finn_flows.folding import published_folding
from finn_flows.network import Network
from finn_flows.weights import load_weights
from reports.sweep_record import PartName

DEVICE = "xc7z020clg400-1"
PUBLISHED_CYCLES = 115_200
#: The paper and BNNsplit cut after layer 5: after six blocks.
PAPER = 6

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def network() -> Network:
    return load_weights("digits").network


@pytest.fixture(scope="module")
def boards() -> Fleet:
    return fleet(["Pynq-Z1", "Pynq-Z1"])


@pytest.fixture(scope="module")
def published(network: Network) -> Chain:
    return estimated_chain(network, DEVICE, published_folding(network))


@pytest.fixture(scope="module")
def fast(network: Network, boards: Fleet) -> tuple[Problem, Solution]:
    """The plan by throughput, free to fold."""
    problem = Problem(estimated_chain(network, DEVICE), boards)
    return problem, solve(problem, Objective.THROUGHPUT, (Objective.TRAFFIC,))


def test_the_plan_by_traffic_is_bnnsplits_cut(published: Chain, boards: Fleet) -> None:
    plan = solve(Problem(published, boards, use_all=True), Objective.TRAFFIC)
    assert plan.is_optimal
    assert [part.last for part in plan.parts] == [PAPER, 9]
    boundary = published.boundaries[plan.parts[0].last - 1]
    assert (boundary.split, boundary.bytes_per_image) == (5, 64)
    assert plan.metrics.traffic == 64


def test_the_plan_by_balance_is_more_even_than_the_papers_cut(
    published: Chain, boards: Fleet
) -> None:
    even = solve(Problem(published, boards, use_all=True), Objective.BALANCE)
    paper = solve(
        Problem(published, boards, use_all=True, must_cut=frozenset({PAPER})), Objective.BALANCE
    )
    boundary = published.boundaries[even.parts[0].last - 1]
    assert (boundary.split, boundary.bytes_per_image) == (4, 576)
    # The greatest difference of the boards' shares is BRAM's at the paper's cut (77.5 of 140
    # against 24.5), and LUT's where the plan cuts.
    assert paper.metrics.balance == pytest.approx((77.5 - 24.5) / 140)
    assert even.metrics.balance == pytest.approx(0.247, abs=0.001)
    assert even.metrics.traffic == 9 * paper.metrics.traffic


def test_the_plan_by_throughput_fits_and_is_at_least_twice_as_fast(
    fast: tuple[Problem, Solution], published: Chain
) -> None:
    problem, plan = fast
    assert plan.is_optimal
    assert not broken_limits(problem, plan.parts)
    assert plan.metrics.boards == 2
    assert max(block.options[0].cycles for block in published.blocks) == PUBLISHED_CYCLES
    assert plan.metrics.interval * 100e6 <= PUBLISHED_CYCLES / 2


def test_simulation_confirms_the_interval_of_the_plan_by_throughput(
    fast: tuple[Problem, Solution], network: Network
) -> None:
    problem, plan = fast
    folding = planned_folding(problem.chain, plan.parts)
    split = problem.chain.boundaries[plan.parts[0].last - 1].split
    assert split is not None
    images = choose_images(network, [], 4)
    measured = []
    for name, planned in zip(
        (PartName.FIRST, PartName.SECOND), plan.metrics.part_intervals, strict=True
    ):
        part = Part(network, name, Cut(split), folding, DEVICE, 100.0)
        found = simulate_part(part, images)
        assert found.difference is None
        interval = found.result.steady_state_interval
        assert interval is not None
        assert interval == pytest.approx(planned * 100e6, rel=0.02)
        measured.append(interval)
    assert max(measured) == pytest.approx(plan.metrics.interval * 100e6, rel=0.02)


@pytest.mark.parametrize("objective", [Objective.LATENCY, Objective.BATCH])
def test_the_quickest_plan_of_all_foldings_is_the_milps(
    network: Network, boards: Fleet, objective: Objective
) -> None:
    problem = Problem(estimated_chain(network, DEVICE), boards)
    ours, theirs = solve(problem, objective), solve_milp(problem, objective)
    assert (ours.method, ours.is_optimal, theirs.is_optimal) == ("labels", True, True)
    assert ours.value == pytest.approx(theirs.value, rel=1e-5)
