"""Plans of a residual network and of a chain that are larger than a board."""

from __future__ import annotations

import pytest

from dse.errors import PlanError
from dse.plan.chain import Chain
from dse.plan.feasibility import broken_limits
from dse.plan.fleet import Link
from dse.plan.problem import Objective, Problem
from dse.plan.solution import Solution
from dse.plan.solve import solve
from dse.plan_fleet import fleet
from dse.plan_networks import planning_chain

pytestmark = pytest.mark.usefixtures("in_simulation_cache")

GIGABIT = Link("1 Gbit/s", byte_s=8e-9)


def planned(chain: Chain, board: str, count: int) -> Solution:
    """By throughput, and within every limit."""
    problem = Problem(chain, fleet([board] * count, link=GIGABIT))
    plan = solve(problem, Objective.THROUGHPUT, (Objective.TRAFFIC,))
    assert broken_limits(problem, plan.parts) == []
    return plan


@pytest.mark.slow
def test_resnet_takes_three_boards_and_is_faster_where_its_blocks_may_be_cut() -> None:
    device = fleet(["ZCU104"]).boards[0].part
    whole = planning_chain("resnet18-w4a4", device)
    free = planning_chain("resnet18-w4a4", device, cut_residual=True)
    assert len(whole.blocks) == 21 + 1 + 8  # layers with weights, the average pool, additions
    # Behind the first layer, each of eight residual blocks, and the average pool.
    assert len(whole.cuts) == 1 + 8 + 1
    assert free.cuts == tuple(range(1, len(free.blocks)))
    with pytest.raises(PlanError, match="LUT"):
        planned(whole, "ZCU104", 2)
    intervals = {}
    for name, chain in (("whole", whole), ("free", free)):
        for count in (3, 4, 8):
            plan = planned(chain, "ZCU104", count)
            intervals[name, count] = plan.metrics.interval
            cuts = [part.last for part in plan.parts[:-1]]
            assert set(cuts) <= set(chain.cuts)
            crossing = [chain.boundaries[cut - 1] for cut in cuts]
            assert plan.metrics.traffic == sum(one.bytes_per_image or 0 for one in crossing)
    for count in (3, 4, 8):
        assert intervals["free", count] <= intervals["whole", count]
    assert intervals["free", 8] < intervals["whole", 8]


@pytest.mark.slow
def test_the_wide_network_takes_two_boards_and_is_faster_on_four() -> None:
    chain = planning_chain("cnv-wide-w2a2", fleet(["Pynq-Z1"]).boards[0].part)
    with pytest.raises(PlanError):
        planned(chain, "Pynq-Z1", 1)
    two, four = (planned(chain, "Pynq-Z1", count) for count in (2, 4))
    assert two.metrics.boards == 2
    assert four.metrics.interval < two.metrics.interval
