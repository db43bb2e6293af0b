"""The planner's chain of a network that is none, from FINN's estimates of every legal folding."""

from __future__ import annotations

import numpy as np

from dse.errors import BuildError
from dse.plan.chain import Block, Boundary, Chain, FoldingOption
from dse.plan.needless_options import without_dominated
from dse.plan_chains import counts_used, folding_options, stream_classes, table_converters
from finn_flows.folding_table import BoundaryTable, FoldingTable, layer_groups
from finn_flows.graph_estimates import graph_table
from finn_flows.graph_order import GraphRow, Stage, graph_row
from finn_flows.network_graph import Addition, Branch, NetworkGraph
from reports.utilization import Source


def graph_chain(graph: NetworkGraph, device: str, *, cut_residual: bool = False) -> Chain:
    """``graph`` in a row, with FINN's estimates for ``device`` of every folding that FINN builds.

    It may be cut where one tensor crosses; with ``cut_residual`` anywhere, at the cost of every
    tensor that crosses. Blocks are compute layers with the pools behind them, and additions. A
    converter of a tensor that skips stages is counted as the most that it may take
    (:func:`~finn_flows.graph_estimates.graph_table`). Raises BuildError naming a layer that FINN
    does not build.
    """
    row = graph_row(graph)
    table = graph_table(graph, row, device)
    blocks = [
        Block(
            stage.layers[0],
            _options(graph.steps[stage.step], stage, table, position),
            stage.layers,
        )
        for position, stage in enumerate(row.stages)
    ]
    source, result = graph.tensors[graph.source], graph.tensors[graph.result]
    return without_dominated(
        Chain(
            network=graph.name,
            source=Source.FINN_ESTIMATE.value,
            blocks=tuple(blocks),
            boundaries=tuple(
                _boundary(row, position, boundary, cut_residual)
                for position, boundary in enumerate(table.boundaries, start=1)
            ),
            input_bytes=source.bytes_per_image,
            output_bytes=result.bytes_per_image,
            uncounted=table.uncounted,
        )
    )


def _options(
    step: Branch | Addition, stage: Stage, table: FoldingTable, position: int
) -> tuple[FoldingOption, ...]:
    group, streams = table.groups[position], stream_classes(table, position)
    rows = np.flatnonzero(group.accepted)
    if isinstance(step, Branch):
        if not len(rows):
            raise BuildError(f"FINN builds {stage.layers[0]} with no folding")
        layers = layer_groups(step.network)[stage.group]
        return folding_options(step.network, layers, group, rows, streams)
    return tuple(
        FoldingOption(
            name=f"PE {group.pe[at]}",
            use=counts_used(group.counts[at]),
            cycles=int(group.cycles[at]),
            stream_in=int(streams[0][at]),
            stream_out=int(streams[1][at]),
        )
        for at in rows
    )


def _boundary(row: GraphRow, position: int, table: BoundaryTable, cut_residual: bool) -> Boundary:
    crossing = row.crossing(position)
    names = tuple(tensor.name for tensor in crossing)
    size = sum(tensor.bytes_per_image for tensor in crossing)
    whole = len(crossing) > 1 and not cut_residual
    return Boundary(
        label=f"after {row.stages[position - 1].layers[-1]}",
        bytes_per_image=None if whole else size,
        why_not=f"within a residual block: {len(names)} tensors cross, {size} bytes together"
        if whole
        else "",
        converters=table_converters(table),
        tensors=names,
    )
