"""Random problems of every kind that the planner takes, by a seed."""

from __future__ import annotations

import random
from dataclasses import replace

from dse.errors import InputError
from dse.plan.chain import Block, Boundary, Chain, Converters, Counts, FoldingOption
from dse.plan.fleet import Fleet, Link, PlanBoard
from dse.plan.plan import PlannedPart, evaluate
from dse.plan.problem import Limits, Problem

#: Which of lut, lutram, ff, bram, dsp, uram a chain's source counts.
_COUNTED = [(0,), (0, 3), (0, 3, 4), (0, 1, 2, 3, 4)]


def random_problem(
    draw: random.Random,
    most_blocks: int = 9,
    most_boards: int = 4,
    most_options: int = 4,
    limited: bool = True,
) -> Problem:
    """Anything goes: converters, unknown counts, illegal cuts, limits, replicas, either order."""
    chain = random_chain(draw, draw.randint(1, most_blocks), draw.randint(1, most_options))
    fleet = random_fleet(draw, draw.randint(1, most_boards), chain)
    problem = Problem(
        chain,
        fleet,
        batch=draw.choice([1, 2, 20]),
        use_all=draw.random() < 0.15,
        most_replicas=draw.choice([1, 1, 2, 3]),
    )
    return with_limits(draw, problem) if limited else problem


def random_chain(draw: random.Random, blocks: int, options: int) -> Chain:
    """``options`` at most of each block."""
    counted = draw.choice(_COUNTED)
    unknown = draw.random() < 0.2
    classes = draw.choice([1, 1, 2, 3])
    has_fill = draw.random() < 0.7

    def counts(scale: float, may_miss: bool = True) -> Counts:
        return tuple(
            None
            if k not in counted or (may_miss and unknown and draw.random() < 0.1)
            else draw.randint(0, 20) * scale / 2
            for k in range(6)
        )

    def option(k: int) -> FoldingOption:
        faster = 2**k
        cycles = max(1, draw.randint(20, 200) // faster)
        return FoldingOption(
            f"{faster}",
            counts(faster),
            cycles,
            draw.randint(0, cycles) if has_fill else 0,
            draw.randint(0, cycles) if has_fill else 0,
            draw.randrange(classes),
            draw.randrange(classes),
        )

    def boundary(position: int) -> Boundary:
        converters = Converters()
        if classes > 1 and draw.random() < 0.8:
            few = [[counts(2.0, False) for _ in range(classes)] for _ in range(classes)]
            converters = Converters(
                tuple(tuple(row) for row in few) if draw.random() < 0.8 else (),
                tuple(counts(2.0) for _ in range(classes)) if draw.random() < 0.8 else (),
                tuple(counts(2.0) for _ in range(classes)) if draw.random() < 0.8 else (),
            )
        legal = draw.random() < 0.85
        size = draw.choice([0, 64, 128, 800, 3136]) if legal else None
        return Boundary(f"cut {position}", size, "" if legal else "a branch", converters)

    return Chain(
        "random",
        "random",
        tuple(
            Block(f"block {k}", tuple(option(m) for m in range(draw.randint(1, options))))
            for k in range(blocks)
        ),
        tuple(boundary(k) for k in range(1, blocks)),
        input_bytes=draw.choice([0, 3072]),
        output_bytes=draw.choice([0, 16]),
    )


def random_fleet(draw: random.Random, boards: int, chain: Chain) -> Fleet:
    """Boards on which about half of ``chain`` fits, of up to three kinds."""
    typical = [
        sum(min(o.use[k] or 0.0 for o in block.options) for block in chain.blocks) for k in range(6)
    ]

    def board(kind: int) -> PlanBoard:
        share = draw.uniform(0.4, 2.5)
        capacity = tuple(
            draw.choice([None, 0.0])
            if not one and draw.random() < 0.5
            else float(round(one * share) + draw.randint(5, 40))
            for one in typical
        )
        return PlanBoard(
            "",
            f"part {kind}",
            draw.choice([100.0, 125.0, 200.0]),
            capacity,
            tuple(draw.choice([0.0, 0.0, 2.0, None]) for _ in range(6)),
            tuple(draw.choice([1.0, 1.0, 0.8]) for _ in range(6)),
        )

    kinds = [board(kind) for kind in range(draw.randint(1, 3))]
    chosen = tuple(replace(draw.choice(kinds), name=f"board {k}") for k in range(boards))
    any_order = draw.random() < 0.4
    own_links = not any_order and boards > 1 and draw.random() < 0.4
    links = tuple(_link(draw) for _ in range(boards - 1 if own_links else 1))
    host = Link("host", draw.choice([0.0, 1e-7]), 1e-10, delay_s=draw.choice([0.0, 3e-7]))
    return Fleet(chosen, links, host, any_order)


def _link(draw: random.Random) -> Link:
    return Link(
        "link",
        draw.choice([0.0, 1e-7, 5e-7]),
        draw.choice([0.0, 1e-10, 1e-9]),
        draw.choice([1.0, 1.0, 0.5, 0.1]),
        draw.choice([0.0, 0.0, 1e-6]),
    )


def with_limits(draw: random.Random, problem: Problem) -> Problem:
    """Limits about as tight as what some plan comes to, so that some bind and few allow none."""
    if draw.random() < 0.5:
        return problem
    chosen: dict[str, float] = {}
    found = random_plan(draw, problem)
    if found is not None:
        metrics = evaluate(problem, found)
        for name in ("interval", "latency", "batch", "boards", "traffic", "balance", "scarcest"):
            if draw.random() < 0.2:
                chosen[name] = getattr(metrics, name) * draw.choice([0.7, 1.0, 1.0, 1.3])
    if draw.random() < 0.2:
        chosen["hop_bytes"] = draw.choice([64, 800, 3000])
    cuts = list(problem.chain.cuts)
    draw.shuffle(cuts)
    must = frozenset(cuts[:1]) if draw.random() < 0.2 else frozenset()
    must_not = frozenset(cuts[1:3]) if draw.random() < 0.3 else frozenset()
    limits = Limits(**chosen)  # type: ignore[arg-type]
    return replace(problem, limits=limits, must_cut=must, must_not_cut=must_not)


def random_plan(draw: random.Random, problem: Problem) -> tuple[PlannedPart, ...] | None:
    """Of the right form, whether within the limits or not."""
    chain, fleet = problem.chain, problem.fleet
    cuts = [cut for cut in chain.cuts if draw.random() < 0.5][: len(fleet.boards) - 1]
    boards = sorted(draw.sample(range(len(fleet.boards)), len(cuts) + 1))
    parts = tuple(
        PlannedPart(
            first,
            last,
            tuple(draw.randrange(len(block.options)) for block in chain.blocks[first:last]),
            (board,),
        )
        for first, last, board in zip([0, *cuts], [*cuts, len(chain.blocks)], boards, strict=True)
    )
    try:
        evaluate(problem, parts)
    except InputError:
        return None
    return parts
