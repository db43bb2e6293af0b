"""Networks that are no chain: the MILP's plan is the best of all, and bad graphs are refused."""

from __future__ import annotations

import random
from itertools import product

import numpy as np
import pytest

from dse.errors import InputError, NetworkError, PlanError
from dse.plan.block_graph import BlockGraph, Tensor
from dse.plan.chain import Block, FoldingOption
from dse.plan.fleet import Fleet, Link, PlanBoard
from dse.plan.graph_milp import GRAPH_OBJECTIVES, solve_graph
from dse.plan.problem import Objective


def block(name: str, *luts: float) -> Block:
    """Twice as quick with each folding."""
    return Block(
        name,
        tuple(
            FoldingOption(f"{k}", (lut, None, None, lut / 10, None, None), 1000 >> k)
            for k, lut in enumerate(luts)
        ),
    )


def random_graph(draw: random.Random) -> BlockGraph:
    """Five blocks of two foldings, each taking from one or two before it."""
    blocks = tuple(block(f"b{k}", draw.randint(5, 20), draw.randint(20, 40)) for k in range(5))
    takes: dict[int, set[int]] = {}
    for k in range(1, 5):
        for source in {draw.randrange(k), draw.randrange(k)}:
            takes.setdefault(source, set()).add(k)
    return BlockGraph(
        "random",
        blocks,
        tuple(
            Tensor(source, tuple(sorted(targets)), draw.choice([64, 128, 800]))
            for source, targets in takes.items()
        ),
    )


def fleet_of(*luts: float) -> Fleet:
    boards = tuple(
        PlanBoard(
            f"board {k}", f"{lut}", 100.0, (lut, None, None, 140.0, None, None), (2.0,) + (0.0,) * 5
        )
        for k, lut in enumerate(luts)
    )
    return Fleet(boards, (Link("link", 1e-7, 1e-8, 0.5),))


def least_of_all(graph: BlockGraph, fleet: Fleet, objective: Objective) -> float | None:
    """By looking at every plan."""
    values = []
    for boards in product(range(len(fleet.boards)), repeat=len(graph.blocks)):
        if any(boards[t.source] > boards[one] for t in graph.tensors for one in t.targets):
            continue
        if set(boards) != set(range(max(boards) + 1)):
            continue
        hops = [
            sum(
                t.bytes_per_image
                for t in graph.tensors
                if boards[t.source] <= hop < max(boards[one] for one in t.targets)
            )
            for hop in range(max(boards))
        ]
        for options in product(range(2), repeat=len(graph.blocks)):
            chosen = [own.options[k] for own, k in zip(graph.blocks, options, strict=True)]
            lut = np.zeros(max(boards) + 1)
            bram = np.zeros(max(boards) + 1)
            for option, board in zip(chosen, boards, strict=True):
                lut[board] += option.use[0] or 0
                bram[board] += option.use[3] or 0
            sizes = np.array([board.capacity[0] for board in fleet.boards[: len(lut)]], dtype=float)
            if (lut + 2 > sizes).any() or (bram > 140).any():
                continue
            shares = np.array([(lut + 2) / sizes, bram / 140])
            values.append(
                {
                    Objective.BOARDS: len(lut),
                    Objective.TRAFFIC: sum(hops),
                    Objective.THROUGHPUT: max(
                        [option.cycles * 1e-8 for option in chosen]
                        + [(1e-7 + size * 1e-8) / 0.5 for size in hops]
                    ),
                    Objective.SCARCEST: shares.max(),
                    Objective.BALANCE: (shares.max(axis=1) - shares.min(axis=1)).max(),
                }[objective]
            )
    return min(values, default=None)


@pytest.mark.parametrize("objective", GRAPH_OBJECTIVES)
def test_a_graphs_plan_is_the_best_of_all(objective: Objective) -> None:
    for seed in range(2):
        draw = random.Random(seed)
        graph = random_graph(draw)
        fleet = fleet_of(draw.randint(40, 90), draw.randint(40, 90), draw.randint(40, 90))
        wanted = least_of_all(graph, fleet, objective)
        if wanted is None:
            with pytest.raises(PlanError):
                solve_graph(graph, fleet, objective)
            continue
        plan = solve_graph(graph, fleet, objective)
        assert plan.value == pytest.approx(wanted, rel=1e-6, abs=1e-9)
        assert plan.gap == pytest.approx(0, abs=1e-6)


def test_a_cycle_is_refused_by_the_names_of_its_blocks() -> None:
    blocks = (block("head", 5), block("left", 5), block("right", 5))
    tensors = (Tensor(0, (1,), 64), Tensor(1, (2,), 64), Tensor(2, (1,), 64))
    with pytest.raises(NetworkError, match=r"cycle: (left, right|right, left)"):
        BlockGraph("loop", blocks, tensors)


def test_several_inputs_are_refused_by_name() -> None:
    blocks = (block("image", 5), block("sound", 5), block("both", 5))
    with pytest.raises(NetworkError, match="2 inputs: image, sound"):
        BlockGraph("pair", blocks, (Tensor(0, (2,), 64), Tensor(1, (2,), 64)))


def test_what_is_not_planned_for_a_graph_is_refused_with_the_choices() -> None:
    graph = BlockGraph("one", (block("only", 5),), ())
    with pytest.raises(InputError, match="throughput"):
        solve_graph(graph, fleet_of(50.0), Objective.LATENCY)


def test_a_graph_that_fits_nowhere_says_so() -> None:
    graph = BlockGraph("big", (block("only", 500),), ())
    with pytest.raises(PlanError, match="no plan of big fits"):
        solve_graph(graph, fleet_of(50.0), Objective.BOARDS)
