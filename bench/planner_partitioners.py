"""The planner against both partitioners of FINN+: the same graphs, devices and limits.

Each side's plan is scored by both sides' objectives with one function
(:func:`bench.partition_scores.scores`): theirs, and the bytes per image between the boards. Ours
makes theirs as small as can be, and among such plans the bytes, so that it should be as good by
each. Seconds are from the numbers of the nodes to the placement on both sides: theirs to build
the solver's model and to solve it, ours from the problem to the plan. FINN's estimates are in
neither, nor are reports.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.finn_partitioners import (
    FinnDevice,
    Placement,
    elastic_df_placement,
    finn_device,
    finn_plus_placement,
)
from bench.partition_scores import NodeGraph, Scores, node_graph, scores
from dse.plan.chain import PLAN_RESOURCES
from dse.plan.chains_on_chains import PartCost, Segment, best_segments
from dse.plan.fleet import Fleet, PlanBoard
from dse.plan.problem import Objective, Problem
from dse.plan.settled_parts import settled_parts
from dse.plan.solve import solve

if TYPE_CHECKING:
    from qonnx.core.modelwrapper import ModelWrapper

    from finn_flows.folding import Folding
    from finn_flows.network import Network

#: How many times faster ours is to be.
TARGET = 20.0
ROUNDS = 5
#: Where FINN_RESOURCES are among PLAN_RESOURCES.
_PLACE = [PLAN_RESOURCES.index(name) for name in ("lut", "ff", "dsp", "bram")]


@dataclass(frozen=True)
class PartitionerComparison:
    """``nodes``, ``count`` and ``limit``: the instance. Scores are (theirs, bytes), None where a
    side has no plan; seconds are medians of interleaved rounds, ``ratio`` of a round's."""

    graph: str
    nodes: int
    count: int
    limit: float
    partitioner: str
    their_scores: tuple[float, float] | None
    our_scores: tuple[float, float] | None
    their_seconds: float
    their_solving: float
    our_seconds: float
    ratio: float
    least: float
    most: float

    @property
    def as_good(self) -> bool:
        """Whether our plan is at least as good by each objective."""
        if self.their_scores is None:
            return True
        return self.our_scores is not None and all(
            ours <= theirs * (1 + 1e-9) + 1e-9
            for ours, theirs in zip(self.our_scores, self.their_scores, strict=True)
        )

    @property
    def is_met(self) -> bool:
        return self.as_good and self.ratio >= TARGET


@dataclass(frozen=True)
class _Contest:
    """A partitioner of theirs, what ours minimises against it, and its objective."""

    name: str
    theirs: Callable[[ModelWrapper, FinnDevice, int], Placement]
    ours: Callable[[NodeGraph, FinnDevice, int], tuple[int, ...] | None]
    objective: Callable[[Scores], float]
    keeps_limits: bool = True


def partitioner_comparisons() -> list[PartitionerComparison]:
    """CnvW2A2 as published on 2, 3 and 4 PYNQ-Z1, a CNV of twice the width on 4 and 8 Ultra96.

    Elastic-DF's is given less of each device the more there are: with FINN+'s 80 % of each, the
    estimates of CnvW2A2 fit one, and there is nothing to cut.
    """
    return [
        _compared(contest, name, model, finn_device(board, limit), count)
        for name, model, board, counts in _graphs()
        for count, tight in counts
        for contest, limit in (
            (_UTILIZATION, FinnDevice.limit),
            (_LAYERS, FinnDevice.limit),
            (_ELASTIC_DF, tight),
        )
    ]


def _graphs() -> Iterator[tuple[str, ModelWrapper, str, tuple[tuple[int, float], ...]]]:
    """FINN's graphs, each with a board, numbers of it, and what share Elastic-DF's is given."""
    from finn_flows.folding import balanced_folding, published_folding
    from finn_flows.larger_networks import larger_network_file
    from finn_flows.weights import load_weights

    network = load_weights("digits").network
    yield (
        "CnvW2A2, published folding",
        _folded(network, published_folding(network), "Pynq-Z1"),
        "Pynq-Z1",
        ((2, 0.45), (3, 0.30), (4, 0.26)),
    )
    wide = load_weights(None, larger_network_file("cnv-wide-w2a2")).network
    yield (
        "CNV of twice the width, 200,000 cycles",
        _folded(wide, balanced_folding(wide, 200_000), "Ultra96"),
        "Ultra96",
        ((4, 0.80), (8, 0.80)),
    )


def _folded(network: Network, folding: Folding, board: str) -> ModelWrapper:
    """As `dse sweep` has it estimated: specialised, folded, with width converters."""
    from finn_flows.fold_nodes import fold
    from finn_flows.hardware_network import hardware_network
    from finn_flows.specialise import insert_converters, specialise

    hardware, part = hardware_network(network), finn_device(board).part
    model = specialise(hardware.part(None), part)
    fold(hardware, model, folding)
    return insert_converters(model, part, wire_before=False, wire_after=False)


def _compared(
    contest: _Contest, name: str, model: ModelWrapper, device: FinnDevice, count: int
) -> PartitionerComparison:
    graph = node_graph(model, name, device.part)
    placements, seconds = [], []
    own: tuple[int, ...] | None = None
    contest.ours(graph, device, count)
    for _ in range(ROUNDS):
        placements.append(contest.theirs(model, device, count))
        start = time.perf_counter()
        own = contest.ours(graph, device, count)
        seconds.append(time.perf_counter() - start)
    theirs = placements[-1].devices

    def scored(devices: tuple[int, ...] | None) -> tuple[float, float] | None:
        if devices is None:
            return None
        found = scores(graph, device, devices, count, keeps_limits=contest.keeps_limits)
        return contest.objective(found), float(found.traffic)

    ratios = [
        (placement.building + placement.solving) / mine
        for placement, mine in zip(placements, seconds, strict=True)
    ]
    return PartitionerComparison(
        graph=name,
        nodes=len(graph.use),
        count=count,
        limit=device.limit,
        partitioner=contest.name,
        their_scores=scored(theirs),
        our_scores=scored(own),
        their_seconds=statistics.median(one.building + one.solving for one in placements),
        their_solving=statistics.median(one.solving for one in placements),
        our_seconds=statistics.median(seconds),
        ratio=statistics.median(ratios),
        least=min(ratios),
        most=max(ratios),
    )


def _problem(graph: NodeGraph, device: FinnDevice, count: int, *, use_all: bool) -> Problem:
    lut, ff, dsp, bram = map(float, device.capacity)
    board = PlanBoard(
        device.board,
        device.part,
        100.0,
        (lut, None, ff, bram / 2, dsp, None),
        usable=(device.limit,) * len(PLAN_RESOURCES),
    )
    return Problem(graph.chain, Fleet((board,) * count), use_all=use_all)


def _fewest_crossings(graph: NodeGraph, device: FinnDevice, count: int) -> tuple[int, ...] | None:
    """A chain crosses once for each further board."""
    problem = _problem(graph, device, count, use_all=False)
    parts = solve(problem, Objective.BOARDS, (Objective.TRAFFIC,)).parts
    return tuple(part.boards[0] for part in parts for _ in part.options)


def _nearest_to_ideal(graph: NodeGraph, device: FinnDevice, count: int) -> tuple[int, ...] | None:
    problem = _problem(graph, device, count, use_all=True)
    parts = settled_parts(problem)
    spread = np.abs(parts.shares(problem)[0][..., _PLACE] - device.ideal).sum(axis=-1)
    costs = [PartCost(spread), PartCost(parts.leaves, is_sum=True)]
    return _placed(best_segments(parts.fits(problem), count, costs, use_all=True))


def _alike_in_nodes(graph: NodeGraph, device: FinnDevice, count: int) -> tuple[int, ...] | None:
    problem = _problem(graph, device, count, use_all=True)
    parts = settled_parts(problem)
    nodes = len(graph.use)
    inside = np.arange(nodes + 1)[None, :] - np.arange(nodes)[:, None]
    costs = [PartCost(np.abs(inside - nodes / count)), PartCost(parts.leaves, is_sum=True)]
    return _placed(best_segments(parts.legal, count, costs, use_all=True))


def _placed(found: tuple[tuple[Segment, ...], tuple[float, ...]] | None) -> tuple[int, ...] | None:
    if found is None:
        return None
    return tuple(one.board for one in found[0] for _ in range(one.first, one.last))


_UTILIZATION = _Contest(
    "PartitionForMultiFPGA, RESOURCE_UTILIZATION",
    lambda model, device, count: finn_plus_placement(model, device, count, "RESOURCE_UTILIZATION"),
    _nearest_to_ideal,
    lambda found: found.spread,
)
#: It knows no limit, so neither side keeps to one.
_LAYERS = _Contest(
    "PartitionForMultiFPGA, LAYER_COUNT",
    lambda model, device, count: finn_plus_placement(model, device, count, "LAYER_COUNT"),
    _alike_in_nodes,
    lambda found: found.layers,
    keeps_limits=False,
)
_ELASTIC_DF = _Contest(
    "Elastic-DF", elastic_df_placement, _fewest_crossings, lambda found: float(found.crossings)
)
