"""Plans of chains with one folding a block, beside the solver for any chain and every plan."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.errors import InputError
from dse.plan.chain import Block, Boundary, Chain, Converters, Counts, FoldingOption
from dse.plan.feasibility import broken_limits
from dse.plan.fleet import Fleet, Link, PlanBoard
from dse.plan.plan import PlannedPart, evaluate
from dse.plan.problem import Limits, Objective, Problem
from dse.plan.settled_parts import settled_parts
from dse.plan.settled_plan import is_settled, settled_plan
from dse.plan.solve import solve

OBJECTIVES = (Objective.THROUGHPUT, Objective.BOARDS, Objective.TRAFFIC, Objective.SCARCEST)


def random_counts(random: np.random.Generator, most: int) -> Counts:
    counts: list[float | None] = [float(random.integers(0, most + 1)) for _ in range(6)]
    if random.random() < 0.3:
        counts[int(random.integers(6))] = None
    return tuple(counts)


def random_chain(random: np.random.Generator, blocks: int) -> Chain:
    def converters() -> Converters:
        if random.random() < 0.4:
            return Converters()
        joint = tuple(tuple(random_counts(random, 3) for _ in range(2)) for _ in range(2))
        leave, enter = (tuple(random_counts(random, 3) for _ in range(2)) for _ in range(2))
        return Converters(joint, leave, enter)

    return Chain(
        "random",
        "drawn",
        tuple(
            Block(
                str(k),
                (
                    FoldingOption(
                        "only",
                        random_counts(random, 30),
                        int(random.integers(1, 20)),
                        stream_in=int(random.integers(2)),
                        stream_out=int(random.integers(2)),
                    ),
                ),
            )
            for k in range(blocks)
        ),
        tuple(
            Boundary(
                str(k),
                None if random.random() < 0.15 else int(random.integers(1, 9)) * 8,
                converters=converters(),
            )
            for k in range(blocks - 1)
        ),
        input_bytes=int(random.integers(0, 50)),
    )


def random_problem(random: np.random.Generator) -> Problem:
    chain = random_chain(random, int(random.integers(1, 7)))
    kinds = [
        PlanBoard(
            name,
            name,
            float(random.integers(1, 4)),
            tuple(
                None if random.random() < 0.1 else float(random.integers(0, 120)) for _ in range(6)
            ),
            shell=random_counts(random, 10),
            usable=tuple(float(random.uniform(0.7, 1)) for _ in range(6)),
        )
        for name in "ab"
    ]
    boards = tuple(kinds[int(random.integers(2))] for _ in range(int(random.integers(1, 5))))
    link = Link("link", float(random.integers(0, 3)) * 1e-6, 1e-7, 0.5)
    limits = Limits(
        interval=10e-6 if random.random() < 0.2 else None,
        hop_bytes=40 if random.random() < 0.2 else None,
        scarcest=0.9 if random.random() < 0.2 else None,
    )
    cuts = [cut for cut in chain.cuts if random.random() < 0.15]
    return Problem(
        chain,
        Fleet(boards, (link,), link),
        limits,
        use_all=bool(random.random() < 0.2),
        must_cut=frozenset(cuts[:1]),
        must_not_cut=frozenset(cuts[1:]),
    )


def every_plan(problem: Problem) -> list[tuple[PlannedPart, ...]]:
    blocks, boards = len(problem.chain.blocks), len(problem.fleet.boards)
    plans = []
    for count in range(boards):
        for cuts in combinations(problem.chain.cuts, count):
            ends = [0, *cuts, blocks]
            for chosen in combinations(range(boards), count + 1):
                plan = tuple(
                    PlannedPart(first, last, (0,) * (last - first), (board,))
                    for first, last, board in zip(ends, ends[1:], chosen, strict=False)
                )
                if not broken_limits(problem, plan):
                    plans.append(plan)
    return plans


@given(seed=st.integers(0, 2**32 - 1), order=st.permutations(OBJECTIVES))
def test_no_plan_is_better(seed: int, order: list[Objective]) -> None:
    problem = random_problem(np.random.default_rng(seed))
    assert is_settled(problem, order)
    found = settled_plan(problem, order)
    plans = every_plan(problem)
    if not plans:
        assert found is None
        return
    assert found is not None
    assert not broken_limits(problem, found)
    values = [[evaluate(problem, plan).of(one) for one in order] for plan in plans]
    assert [evaluate(problem, found).of(one) for one in order] == pytest.approx(
        min(values), rel=1e-9
    )


def test_the_solver_takes_this_way_where_it_can() -> None:
    one = FoldingOption("one", (1.0,) * 6, 1)
    chain = Chain("two", "drawn", (Block("0", (one,)), Block("1", (one,))), (Boundary("0", 8),))
    fleet = Fleet((PlanBoard("a", "a", 100.0, (1.0,) * 6),) * 2)
    plan = solve(Problem(chain, fleet), Objective.BOARDS, (Objective.TRAFFIC,))
    assert plan.method == "segments"
    assert plan.is_optimal
    assert [part.boards for part in plan.parts] == [(0,), (1,)]


def test_a_chain_with_two_foldings_of_a_block_is_not_settled() -> None:
    one = FoldingOption("one", (0.0,) * 6, 1)
    chain = Chain("two", "drawn", (Block("0", (one, one)),), ())
    problem = Problem(chain, Fleet((PlanBoard("a", "a", 100.0, (1.0,) * 6),)))
    assert not is_settled(problem, OBJECTIVES)
    with pytest.raises(InputError, match="several foldings"):
        settled_parts(problem)


@pytest.mark.parametrize("objective", [Objective.BALANCE, Objective.LATENCY, Objective.BATCH])
def test_what_parts_do_not_decide_alone_is_not_settled(objective: Objective) -> None:
    problem = random_problem(np.random.default_rng(0))
    assert not is_settled(problem, [objective])
