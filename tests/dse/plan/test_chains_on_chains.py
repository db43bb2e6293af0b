"""The best cuts for costs given as tables, beside every way to cut."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.plan.chains_on_chains import PartCost, Segment, best_segments

TABLES = st.integers(0, 2**32 - 1)


def every_plan(blocks: int, boards: int, use_all: bool) -> Iterator[tuple[Segment, ...]]:
    for parts in range(1, min(blocks, boards) + 1):
        if use_all and parts != boards:
            continue
        for cuts in combinations(range(1, blocks), parts - 1):
            ends = [0, *cuts, blocks]
            for chosen in combinations(range(boards), parts):
                yield tuple(
                    Segment(first, last, board)
                    for first, last, board in zip(ends, ends[1:], chosen, strict=False)
                )


def values(plan: tuple[Segment, ...], costs: list[PartCost], boards: int) -> tuple[float, ...]:
    found = []
    for cost in costs:
        table = np.broadcast_to(cost.table, (boards, *cost.table.shape[-2:]))
        parts = [float(table[one.board, one.first, one.last]) for one in plan]
        found.append(sum(parts) if cost.is_sum else max(parts))
    return tuple(found)


@given(
    blocks=st.integers(1, 6),
    boards=st.integers(1, 4),
    alike=st.booleans(),
    use_all=st.booleans(),
    sums=st.lists(st.booleans(), min_size=1, max_size=3),
    seed=TABLES,
)
def test_each_cost_is_least_among_those_least_in_the_costs_before(
    blocks: int, boards: int, alike: bool, use_all: bool, sums: list[bool], seed: int
) -> None:
    random = np.random.default_rng(seed)
    shape = (blocks, blocks + 1) if alike else (boards, blocks, blocks + 1)
    # Few values, so that there are ties; some are negative.
    costs = [PartCost(random.integers(-2, 4, shape).astype(float), one) for one in sums]
    fits = random.random(shape) < 0.8
    allowed = np.broadcast_to(fits, (boards, blocks, blocks + 1))
    plans = [
        plan
        for plan in every_plan(blocks, boards, use_all)
        if all(allowed[one.board, one.first, one.last] for one in plan)
    ]
    found = best_segments(fits, boards, costs, use_all=use_all)
    if not plans:
        assert found is None
        return
    assert found is not None
    plan, claimed = found
    assert plan in plans
    assert claimed == values(plan, costs, boards)
    assert claimed == min(values(one, costs, boards) for one in plans)


def test_without_a_cost_there_is_nothing_to_plan_by() -> None:
    with pytest.raises(ValueError, match="no cost"):
        best_segments(np.ones((2, 3), dtype=bool), 1, [])
