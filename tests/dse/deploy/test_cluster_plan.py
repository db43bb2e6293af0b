"""How a cluster is made of the stages that are known."""

from __future__ import annotations

import numpy as np
import pytest

from dse.deploy.cluster_plan import plan_cluster
from dse.deploy.pipeline_model import Hop
from dse.errors import InputError

SERVICE = [np.array([700]), np.array([300])]
TURNAROUND = [np.array([5]), np.array([6])]
HOPS = [Hop(3072), Hop(64), Hop(16)]


def sizes(hops: tuple[Hop, ...]) -> list[int]:
    return [hop.bytes_per_image for hop in hops]


def test_the_known_pipeline_as_often_as_there_are_boards_for() -> None:
    plan = plan_cluster(SERVICE, HOPS, 7, turnaround_ns=TURNAROUND)
    assert (plan.replicas, plan.idle, plan.repeated) == (3, 1, False)
    assert [int(times[0]) for times in plan.service_ns] == [700, 300]
    assert [int(times[0]) for times in plan.turnaround_ns] == [5, 6]
    assert sizes(plan.hops) == [3072, 64, 16]
    assert "1 board idle" in plan.how


@pytest.mark.parametrize(
    ("boards", "replicas", "service", "hops", "idle"),
    [
        (2, 1, [700, 300], [3072, 64, 16], 0),
        (3, 1, [700, 300, 700], [3072, 64, 3072, 64], 0),
        (4, 1, [700, 300, 700, 300], [3072, 64, 3072, 64, 16], 0),
        (7, 2, [700, 300, 700], [3072, 64, 3072, 64], 1),
    ],
)
def test_repeated_stages_take_in_and_give_out_what_they_did(
    boards: int, replicas: int, service: list[int], hops: list[int], idle: int
) -> None:
    plan = plan_cluster(SERVICE, HOPS, boards, replicas, turnaround_ns=TURNAROUND)
    assert [int(times[0]) for times in plan.service_ns] == service
    assert len(plan.turnaround_ns) == len(service)
    assert sizes(plan.hops) == hops
    assert (plan.replicas, plan.idle, plan.repeated) == (replicas, idle, len(service) > 2)
    assert ("of no network known" in plan.how) == plan.repeated
    assert plan_cluster(SERVICE, HOPS, boards, replicas).turnaround_ns == ()


def test_too_few_boards_are_refused() -> None:
    for boards, replicas in ((1, None), (1, 1), (5, 3)):
        with pytest.raises(InputError, match="boards or more"):
            plan_cluster(SERVICE, HOPS, boards, replicas)
