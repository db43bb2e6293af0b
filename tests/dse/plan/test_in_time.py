"""With bounds on time in place of most labels, the best plan is still found."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from dse.plan.arrays import RESOURCES, as_floats
from dse.plan.feasibility import broken_limits
from dse.plan.in_time import InTime
from dse.plan.part_bounds import PartBounds
from dse.plan.plan import PlannedPart, evaluate, part_cycles, part_use
from dse.plan.plan_labels import PlanLabels
from dse.plan.problem import Objective, Problem
from dse.plan.query import Query
from dse.plan.time_bounds import TimeBounds
from tests.dse.plan.brute_force import ORDER, all_values
from tests.dse.plan.random_problems import random_chain, random_fleet, random_problem
from tests.dse.plan.test_solve_exact import small_problem

TIMES = (Objective.LATENCY, Objective.BATCH)


def assert_best_of_all(problem: Problem, told: str) -> int:
    """How many plans there are. Latency, batch, and what is best within half as much more time."""
    values = all_values(problem)
    for objective in TIMES:
        own = values[:, ORDER.index(objective)]
        found = InTime(Query.of(problem, objective)).best()
        if len(values) == 0:
            assert found is None, (told, objective)
            continue
        assert found is not None, (told, objective)
        assert broken_limits(problem, found) == [], (told, objective)
        assert evaluate(problem, found).of(objective) == pytest.approx(own.min(), rel=1e-9), (
            told,
            objective,
        )
        # No looser than the problem's own limit, within which all of these are.
        most = min(own.min() * 1.5, own.max())
        limited = replace(problem, limits=replace(problem.limits, **{objective.value: most}))
        for other in (Objective.TRAFFIC, Objective.SCARCEST, Objective.BALANCE):
            found = InTime(Query.of(limited, other)).best()
            assert found is not None, (told, objective, other)
            assert broken_limits(limited, found) == [], (told, objective, other)
            least = values[own <= most * (1 + 1e-9) + 1e-18, ORDER.index(other)].min()
            assert evaluate(limited, found).of(other) == pytest.approx(least, rel=1e-9), (
                told,
                objective,
                other,
            )
    return len(values)


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4, 5, 6, 8])
def test_bounds_leave_the_best_of_all_plans(seed: int) -> None:
    assert_best_of_all(small_problem(random.Random(seed), 2_000), f"seed {seed}")


@pytest.mark.slow
def test_bounds_leave_the_best_of_all_plans_of_many_random_chains() -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    plans = [
        assert_best_of_all(small_problem(random.Random(seed + k), 5_000), f"seed {seed + k}")
        for k in range(150)
    ]
    assert np.count_nonzero(plans) > 50


@pytest.mark.parametrize("seed", range(4))
def test_bounds_leave_the_best_plan_of_many_foldings(seed: int) -> None:
    draw = random.Random(seed)
    chain = random_chain(draw, 6, 8)
    fleet = random_fleet(draw, draw.randint(1, 3), chain)
    for objective in TIMES:
        query = Query.of(Problem(chain, fleet), objective)
        found, expected = InTime(query).best(), PlanLabels(query).best()
        if expected is None or found is None:
            assert found is expected
            continue
        values = [evaluate(query.problem, one).of(objective) for one in (found, expected)]
        assert values[0] == pytest.approx(values[1], rel=1e-9)


def test_no_part_is_quicker_than_its_bound() -> None:
    draw = random.Random(5)
    close = 0
    for _ in range(100):
        problem = random_problem(draw, 6, 2, 5, limited=False)
        query = Query.of(problem, Objective.LATENCY)
        first = draw.choice([0, *query.ends[:-1]])
        last = draw.choice([end for end in query.ends if end > first])
        blocks = problem.chain.blocks[first:last]
        for kind in query.kinds:
            bounds = PartBounds(query, kind, np.inf)
            for _ in range(20):
                chosen = tuple(draw.randrange(len(block.options)) for block in blocks)
                part = PlannedPart(first, last, chosen, kind.boards[:1])
                use = np.array(as_floats(part_use(problem, part)))
                if (use > query.most_use(kind)).any():
                    continue
                options = [block.options[k] for block, k in zip(blocks, chosen, strict=True)]
                cycles = part_cycles(options)
                assert bounds.least[first, last] <= cycles * (1 + 1e-9)
                done = draw.randint(first + 1, last)
                least = _least_of_label(query, bounds, part, done)
                assert least <= cycles * (1 + 1e-9)
                close += done < last and least > cycles * 0.8
    # Most bounds are far below random foldings; where none was close, nothing was tested.
    assert close > 30


def _least_of_label(query: Query, bounds: PartBounds, part: PlannedPart, done: int) -> float:
    """What ``bounds`` says of the label of the part's blocks before ``done``."""
    use, into, filled, longest = np.zeros(RESOURCES), None, 0.0, 0.0
    for position in range(part.first, done):
        block, chosen = query.blocks[position], part.options[position - part.first]
        if position:
            converters = query.boundaries[position - 1]
            table = converters.enter if into is None else converters.joint
            if table is not None:
                own = block.stream_in[chosen]
                use = use + (table[own] if into is None else table[into, own])
        use = use + block.use[chosen]
        longest = max(longest + block.drain[chosen], filled + block.cycles[chosen])
        filled += block.fill[chosen]
        into = block.stream_out[chosen]
    told_apart = done < len(query.blocks) and query.boundaries[done - 1].told_apart
    stream = np.array([into if told_apart else 0])
    waits = np.array([[longest, filled]])
    found = bounds.least_of(
        part.first, part.last, done, use[None][:, bounds.resources], waits, stream
    )
    return float(found[0])


def test_no_plan_is_quicker_than_its_bound() -> None:
    close = 0
    for seed in range(220):
        # With one folding a block the bound is close, and nothing hides what is wrong in it.
        problem = random_problem(random.Random(seed), 4, 3, 1, limited=False)
        values = all_values(problem)
        if len(values):
            least = values[:, ORDER.index(Objective.LATENCY)].min()
            bound = TimeBounds(Query.of(problem, Objective.LATENCY)).least
            assert bound <= least * (1 + 1e-9), seed
            close += bound > least * 0.95
    assert close > 50
