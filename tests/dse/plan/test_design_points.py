"""Design points at once are what one at a time is; a needless folding is never needed."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dse.plan.chain import Block, Boundary, Chain, Converters, Counts, FoldingOption
from dse.plan.design_points import DesignPoints
from dse.plan.fleet import Fleet, PlanBoard
from dse.plan.needless_options import kept_options, without_dominated
from dse.plan.plan import PlannedPart, part_cycles, part_use
from dse.plan.problem import Problem

BOARD = PlanBoard("board", "part", 100.0, (1000.0,) * 6)


@st.composite
def chains(draw: st.DrawFn) -> Chain:
    """Few values, so that there are ties; LUTRAM unknown everywhere, FF of some options."""
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    blocks, streams = draw(st.integers(1, 4)), draw(st.integers(1, 3))

    def counts(most: int, ff_known: bool = True) -> Counts:
        lut, bram, ff = (float(one) for one in random.integers(0, most, 3))
        return (lut, None, ff if ff_known else None, bram / 2, 0.0, 0.0)

    def option(name: str) -> FoldingOption:
        cycles = int(random.integers(1, 6))
        fill, drain = (int(one) for one in random.integers(0, cycles + 1, 2))
        into, out = (int(one) for one in random.integers(0, streams, 2))
        known = bool(random.random() < 0.8)
        return FoldingOption(name, counts(4, known), cycles, fill, drain, into, out)

    def converters() -> Converters:
        if random.random() < 0.2:
            return Converters()
        rows = [tuple(counts(3) for _ in range(streams)) for _ in range(streams + 2)]
        return Converters(tuple(rows[:streams]), rows[-2], rows[-1])

    return Chain(
        "random",
        "made up",
        tuple(
            Block(f"b{k}", tuple(option(f"o{i}") for i in range(random.integers(1, 6))))
            for k in range(blocks)
        ),
        tuple(
            Boundary(f"split {k}", 8 if random.random() < 0.8 else None, converters=converters())
            for k in range(blocks - 1)
        ),
    )


def ranges(chain: Chain) -> list[tuple[int, int]]:
    """Every part that legal cuts make."""
    edges = [0, *chain.cuts, len(chain.blocks)]
    return [(first, last) for first in edges for last in edges if first < last]


def every_choice(chain: Chain, first: int, last: int) -> np.ndarray:
    return np.array(list(product(*(range(len(b.options)) for b in chain.blocks[first:last]))))


@given(chain=chains())
def test_points_at_once_are_what_each_is_by_itself(chain: Chain) -> None:
    problem = Problem(chain, Fleet((BOARD,)))
    for first, last in ranges(chain):
        choices = every_choice(chain, first, last)
        figures = DesignPoints(chain, first, last).figures(choices)
        for point, chosen in enumerate(choices):
            part = PlannedPart(first, last, tuple(int(one) for one in chosen), (0,))
            options = [chain.blocks[first + k].options[o] for k, o in enumerate(part.options)]
            known = [None if np.isnan(one) else one for one in figures.use[point]]
            assert tuple(known) == part_use(problem, part)
            assert figures.cycles[point] == max(option.cycles for option in options)
            assert figures.latency[point] == part_cycles(options)


@given(chain=chains())
def test_latency_is_the_longest_way_through_the_blocks(chain: Chain) -> None:
    for chosen in every_choice(chain, 0, len(chain.blocks)):
        options = [block.options[o] for block, o in zip(chain.blocks, chosen, strict=True)]
        ways = [
            sum(option.fill for option in options[:k])
            + options[k].cycles
            + sum(option.drain for option in options[k + 1 :])
            for k in range(len(options))
        ]
        assert part_cycles(options) == max(ways)


@given(chain=chains())
def test_for_every_choice_there_is_one_of_kept_foldings_as_good_in_everything(chain: Chain) -> None:
    """In each part that cuts make at the same time, so with the same foldings."""
    kept = [set(kept_options(chain, k)) for k in range(len(chain.blocks))]
    whole = every_choice(chain, 0, len(chain.blocks))
    figures = [
        DesignPoints(chain, first, last).figures(whole[:, first:last])
        for first, last in ranges(chain)
    ]
    columns = np.column_stack(
        [column for one in figures for column in (one.use, one.cycles, one.latency)]
    )
    unknown = np.isnan(columns)
    columns = np.nan_to_num(columns)
    good = np.array([all(o in kept[k] for k, o in enumerate(chosen)) for chosen in whole])
    for point in np.flatnonzero(~good):
        as_good = (columns[good] <= columns[point]).all(axis=1)
        as_good &= (unknown[good] == unknown[point]).all(axis=1)
        assert as_good.any(), whole[point]


@given(chain=chains())
def test_a_second_look_finds_nothing_more_but_by_what_neighbours_lost(chain: Chain) -> None:
    left = without_dominated(chain)
    for k, block in enumerate(left.blocks):
        names = [option.name for option in chain.blocks[k].options]
        assert [names.index(option.name) for option in block.options] == kept_options(chain, k)
        assert len(block.options) >= 1
