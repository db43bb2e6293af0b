"""Every legal folding of a network's layers with FINN's estimates of it, as arrays.

FINN is asked once for each layer and folding, which takes it about a millisecond, and the answers
are kept on disk (:mod:`finn_flows.folding_table_file`): a design point is then a sum, with nothing
of FINN imported. Layers are taken in groups that no planned cut divides: a compute layer with the
pools behind it, which are folded as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product
from typing import TYPE_CHECKING, get_args

import numpy as np
from numpy.typing import NDArray

from finn_flows.folding import LayerFolding, WeightMemory, divisors, simd_limit
from finn_flows.network import MaxPoolLayer, Network

if TYPE_CHECKING:
    from collections.abc import Iterable

    from finn_flows.layer_estimates import LayerEstimate, LayerEstimates
    from finn_flows.node_estimates import NodeEstimate
    from finn_flows.specialise import Stream

WEIGHT_MEMORIES: tuple[WeightMemory, ...] = get_args(WeightMemory)
#: The last axis of every array of counts: what FINN estimates, fields of NodeEstimate.
COUNTED = ("lut", "bram", "dsp", "uram")

Counts = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GroupTable:
    """The foldings of a compute layer and of the pools behind it; a row each.

    ``layers``: labels. ``simd``, ``pe``, ``memory`` (an index of :data:`WEIGHT_MEMORIES`),
    ``cycles`` per image of the slowest node, ``width_in``, ``width_out`` of its streams in bits
    (0: the host does what follows): int64 (rows,). ``counts``: float64 (rows, 4), by
    :data:`COUNTED`. ``accepted``: whether FINN also generates code for it, which it refuses for
    some foldings that it estimates; bool (rows,).
    """

    layers: tuple[str, ...]
    simd: NDArray[np.int64]
    pe: NDArray[np.int64]
    memory: NDArray[np.int64]
    cycles: NDArray[np.int64]
    width_in: NDArray[np.int64]
    width_out: NDArray[np.int64]
    counts: Counts
    accepted: NDArray[np.bool_]

    def row(self, folding: LayerFolding) -> int:
        """Where ``folding`` is. It must be legal."""
        memory = WEIGHT_MEMORIES.index(folding.weight_memory)
        same = (self.simd == folding.simd) & (self.pe == folding.pe) & (self.memory == memory)
        return int(np.flatnonzero(same)[0])

    def folding(self, row: int) -> LayerFolding:
        """The folding in ``row``."""
        memory = WEIGHT_MEMORIES[self.memory[row]]
        return LayerFolding(int(self.simd[row]), int(self.pe[row]), memory)


@dataclass(frozen=True, eq=False)
class BoundaryTable:
    """Width converters between a group and the next, by the widths of both streams.

    ``widths_out``, ``widths_in``: ascending, int64. ``joint``: float64 (out, in, 4), between the
    two. ``leave``: (out, 4), ``enter``: (in, 4), to and from 64-bit words at a cut.
    """

    widths_out: NDArray[np.int64]
    widths_in: NDArray[np.int64]
    joint: Counts
    leave: Counts
    enter: Counts


@dataclass(frozen=True, eq=False)
class FoldingTable:
    """``boundaries`` are one fewer than ``groups``. ``uncounted``: kinds of nodes that FINN counts
    as nothing, ascending."""

    groups: tuple[GroupTable, ...]
    boundaries: tuple[BoundaryTable, ...]
    uncounted: tuple[str, ...]


def layer_groups(network: Network) -> list[range]:
    """Positions in ``network.layers`` of each compute layer and the pools behind it.

    Pools before every compute layer go with the first.
    """
    starts = [network.position_of(number) for number, _ in network.numbered()]
    edges = [0, *starts[1:], len(network.layers)]
    return [range(start, stop) for start, stop in pairwise(edges)]


def legal_foldings(network: Network, number: int) -> list[LayerFolding]:
    """Every folding that divides compute layer ``number``: by SIMD, then PE, then memory."""
    layer = dict(network.numbered())[number]
    choices = product(divisors(simd_limit(layer)), divisors(layer.output_channels), WEIGHT_MEMORIES)
    return [LayerFolding(simd, pe, memory) for simd, pe, memory in choices]


def ask_finn(network: Network, device: str) -> FoldingTable:
    """The table, asked of FINN afresh: seconds. Raises BuildError naming a layer FINN refuses."""
    from finn_flows.hardware_network import hardware_network
    from finn_flows.layer_estimates import LayerEstimates

    estimates = LayerEstimates(hardware_network(network), device)
    groups, sources, results = [], [], []
    nodes: list[NodeEstimate] = []
    for (number, _), positions in zip(network.numbered(), layer_groups(network), strict=True):
        foldings = legal_foldings(network, number)
        asked = [[estimates.layer(at, folding) for at in positions] for folding in foldings]
        within = [_nodes_within(estimates, layers) for layers in asked]
        nodes += (node for found in within for node in found)
        groups.append(_group(network, positions, foldings, asked, within))
        sources.append({one[0].source.width: one[0].source for one in asked})
        ends = [one[-1].result for one in asked]
        results.append({end.width: end for end in ends if end is not None})
    boundaries = [
        _boundary(estimates, result, source)
        for result, source in zip(results, sources[1:], strict=False)
    ]
    counted = {node.kind for node in nodes if any(counts_of([node]))}
    uncounted = {node.kind for node in nodes} - counted
    return FoldingTable(tuple(groups), tuple(boundaries), tuple(sorted(uncounted)))


def _nodes_within(
    estimates: LayerEstimates, layers: list[LayerEstimate]
) -> tuple[NodeEstimate, ...]:
    found = [*layers[0].nodes]
    for layer, following in pairwise(layers):
        if layer.result is not None:
            found += estimates.between(layer.result, following.source, layer.nodes[-1].layer)
        found += following.nodes
    return tuple(found)


def _group(
    network: Network,
    positions: range,
    foldings: list[LayerFolding],
    asked: list[list[LayerEstimate]],
    within: list[tuple[NodeEstimate, ...]],
) -> GroupTable:
    ends = [layers[-1].result for layers in asked]
    pools = [isinstance(network.layers[at], MaxPoolLayer) for at in positions]
    assert pools.count(False) == 1
    return GroupTable(
        layers=tuple(network.label(at) for at in positions),
        simd=_integers(folding.simd for folding in foldings),
        pe=_integers(folding.pe for folding in foldings),
        memory=_integers(WEIGHT_MEMORIES.index(folding.weight_memory) for folding in foldings),
        cycles=_integers(max(node.cycles or 0 for node in nodes) for nodes in within),
        width_in=_integers(layers[0].source.width for layers in asked),
        width_out=_integers(0 if end is None else end.width for end in ends),
        counts=np.array([counts_of(nodes) for nodes in within]),
        accepted=np.array([all(not layer.refused for layer in layers) for layers in asked]),
    )


def _boundary(
    estimates: LayerEstimates, results: dict[int, Stream], sources: dict[int, Stream]
) -> BoundaryTable:
    out, into = sorted(results), sorted(sources)
    return BoundaryTable(
        widths_out=_integers(out),
        widths_in=_integers(into),
        joint=np.array(
            [
                [counts_of(estimates.between(results[one], sources[other], "")) for other in into]
                for one in out
            ]
        ),
        leave=np.array([counts_of(estimates.to_wire(results[width])) for width in out]),
        enter=np.array([counts_of(estimates.from_wire(sources[width])) for width in into]),
    )


def counts_of(nodes: Iterable[NodeEstimate]) -> list[float]:
    """Their sums, by :data:`COUNTED`."""
    kept = list(nodes)
    return [float(sum(getattr(node, name) for node in kept)) for name in COUNTED]


def _integers(values: Iterable[int]) -> NDArray[np.int64]:
    return np.fromiter(values, dtype=np.int64)
