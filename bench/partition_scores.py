"""What a placement of FINN's nodes on devices comes to, by both sides' objectives.

One function scores every side's placement, from the numbers alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from bench.finn_partitioners import (
    CROSSING,
    FINN_RESOURCES,
    FinnDevice,
    node_estimates,
)
from dse.plan.chain import Block, Boundary, Chain, FoldingOption

if TYPE_CHECKING:
    from qonnx.core.modelwrapper import ModelWrapper


@dataclass(frozen=True)
class NodeGraph:
    """A chain of FINN's nodes. ``use``: of each, by FINN_RESOURCES; ``cycles``: per image;
    ``bytes_after``: of the tensor behind each node but the last, per image."""

    name: str
    use: tuple[tuple[int, ...], ...]
    cycles: tuple[int, ...]
    bytes_after: tuple[int, ...]

    @cached_property
    def chain(self) -> Chain:
        """As the planner takes it: a node is a block, and may be cut off on either side.

        What FINN does not estimate (FF here, too) is 0 as FINN+ has it, so that both sides have
        the same numbers.
        """
        blocks = []
        for position, (use, cycles) in enumerate(zip(self.use, self.cycles, strict=True)):
            lut, ff, dsp, bram = use
            counts = (float(lut), 0.0, float(ff), bram / 2, float(dsp), 0.0)
            blocks.append(Block(str(position), (FoldingOption("given", counts, cycles),)))
        boundaries = tuple(
            Boundary(f"after node {position}", size)
            for position, size in enumerate(self.bytes_after)
        )
        return Chain(self.name, "finn-estimate", tuple(blocks), boundaries)


@dataclass(frozen=True)
class Scores:
    """``crossings``: Elastic-DF's objective. ``spread``, ``layers``: FINN+'s, by shares and by
    number of nodes. ``traffic`` (bytes per image), ``balance``, ``scarcest``: ours."""

    crossings: int
    spread: float
    layers: float
    traffic: int
    balance: float
    scarcest: float


def node_graph(model: ModelWrapper, name: str, part: str) -> NodeGraph:
    """Of a specialised, folded chain. ValueError for a graph that is no chain."""
    from finn.util.basic import getHWCustomOp

    nodes = list(model.graph.node)
    for node, following in pairwise(nodes):
        if list(model.find_direct_successors(node) or ()) != [following]:
            raise ValueError(f"{node.name} is not followed by {following.name} alone")
    estimates = node_estimates(model, part)
    custom = [getHWCustomOp(node) for node in nodes]
    return NodeGraph(
        name,
        tuple(tuple(counts[resource] for resource in FINN_RESOURCES) for counts in estimates),
        tuple(max(1, int(one.get_exp_cycles())) for one in custom),
        tuple(
            math.ceil(
                math.prod(one.get_normal_output_shape()) * one.get_output_datatype().bitwidth() / 8
            )
            for one in custom[:-1]
        ),
    )


def scores(
    graph: NodeGraph,
    device: FinnDevice,
    devices: Sequence[int],
    count: int,
    *,
    keeps_limits: bool = True,
) -> Scores:
    """Of ``devices[node]`` among ``count`` equal ones.

    Raises AssertionError for a placement beyond the limit on any resource, if it ``keeps_limits``.
    """
    used = sorted(set(devices))
    shares = {
        at: tuple(
            sum(use[k] for use, on in zip(graph.use, devices, strict=True) if on == at)
            / device.capacity[k]
            for k in range(len(FINN_RESOURCES))
        )
        for at in used
    }
    if keeps_limits and any(
        share > device.limit + 1e-9 for own in shares.values() for share in own
    ):
        raise AssertionError(f"a placement of {graph.name} is beyond its limits: {devices}")
    nodes = [sum(on == at for on in devices) for at in range(count)]
    nothing = (0.0,) * len(FINN_RESOURCES)
    over_all = [shares.get(at, nothing) for at in range(count)]
    return Scores(
        crossings=sum(CROSSING * abs(a - b) for a, b in pairwise(devices)),
        spread=max(sum(abs(share - device.ideal) for share in own) for own in over_all),
        layers=max(abs(number - len(devices) / count) for number in nodes),
        traffic=sum(
            size
            for size, (a, b) in zip(graph.bytes_after, pairwise(devices), strict=True)
            if a != b
        ),
        balance=max(max(own) - min(own) for own in zip(*shares.values(), strict=True)),
        scarcest=max(share for own in shares.values() for share in own),
    )
