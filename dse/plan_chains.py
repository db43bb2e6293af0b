"""A network's chain for the planner, from FINN's estimates of every legal folding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dse.errors import BuildError
from dse.plan.chain import (
    PLAN_RESOURCES,
    Block,
    Boundary,
    Chain,
    Converters,
    Counts,
    FoldingOption,
)
from dse.plan.needless_options import without_dominated
from dse.plan.plan import PlannedPart
from finn_flows.cut import Cut, cut_tensor
from finn_flows.folding import Folding, LayerFolding, check_folding
from finn_flows.folding_table import (
    COUNTED,
    BoundaryTable,
    FoldingTable,
    GroupTable,
    layer_groups,
)
from finn_flows.folding_table_file import folding_table
from finn_flows.network import Network
from finn_flows.stream_times import drain_cycles, fill_cycles
from finn_flows.wire_packing import bytes_per_image
from reports.utilization import Source


def estimated_chain(
    network: Network, device: str, folding: Folding | None = None, *, every_option: bool = False
) -> Chain:
    """``network`` with FINN's estimates for ``device`` of every folding that FINN builds.

    Blocks are compute layers with the pools behind them, so that it can be cut where ``dse sweep``
    does with ``--pool before``. ``folding``: with this one alone. Foldings that another is as good
    as in everything are left out, unless ``every_option``. FF and LUTRAM are unknown to FINN.

    Raises FoldingError for a ``folding`` that does not divide, BuildError naming a layer that FINN
    does not build.
    """
    if folding is not None:
        check_folding(network, folding)
    table = folding_table(network, device)
    rows = _rows(network, table, folding)
    blocks = [
        Block(
            group.layers[0],
            folding_options(network, positions, group, kept, stream_classes(table, k)),
            group.layers,
        )
        for k, (positions, group, kept) in enumerate(
            zip(layer_groups(network), table.groups, rows, strict=True)
        )
    ]
    numbers = [number for number, _ in network.numbered()]
    boundaries = [
        _boundary(network, Cut(number), boundary)
        for number, boundary in zip(numbers, table.boundaries, strict=False)
    ]
    chain = network_chain(
        network, Source.FINN_ESTIMATE, tuple(blocks), tuple(boundaries), table.uncounted
    )
    return chain if every_option else without_dominated(chain)


def network_chain(
    network: Network,
    source: Source,
    blocks: tuple[Block, ...],
    boundaries: tuple[Boundary, ...],
    uncounted: tuple[str, ...] = (),
) -> Chain:
    """``blocks`` and ``boundaries`` with what is known of ``network`` itself."""
    return Chain(
        network=network.name,
        source=source.value,
        blocks=blocks,
        boundaries=boundaries,
        input_bytes=bytes_per_image(int(np.prod(network.input_shape)), network.input_type.bits),
        output_bytes=bytes_per_image(int(np.prod(network.output_shape)), network.output_type.bits),
        network_sha256=network.sha256,
        uncounted=uncounted,
    )


def planned_folding(chain: Chain, parts: Sequence[PlannedPart]) -> Folding:
    """The folding of the whole network that a plan chose, named after its slowest block's cycles.

    ``parts``: those of the plan, of all blocks in order.
    """
    options = [
        chain.blocks[part.first + k].options[option]
        for part in parts
        for k, option in enumerate(part.options)
    ]
    layers = [
        LayerFolding(simd, pe, memory)  # type: ignore[arg-type]
        for option in options
        for simd, pe, memory in option.folding
    ]
    return Folding(f"planned-{max(option.cycles for option in options)}", tuple(layers))


def _rows(
    network: Network, table: FoldingTable, folding: Folding | None
) -> list[NDArray[np.int64]]:
    if folding is not None:
        chosen = zip(table.groups, folding.layers, strict=True)
        return [np.array([group.row(layer)]) for group, layer in chosen]
    rows = [np.flatnonzero(group.accepted) for group in table.groups]
    for group, kept in zip(table.groups, rows, strict=True):
        if not len(kept):
            raise BuildError(f"{network.name}: FINN builds {group.layers[0]} with no folding")
    return rows


def folding_options(
    network: Network,
    positions: range,
    group: GroupTable,
    rows: NDArray[np.int64],
    streams: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> tuple[FoldingOption, ...]:
    """The foldings in ``rows`` of ``group``: the layers ``positions`` of ``network``.

    ``streams``: of :func:`stream_classes`.
    """
    into, out = streams
    fill = fill_cycles(network, positions, group.cycles)
    drain = drain_cycles(network, positions, group.cycles)
    options = []
    for row in rows:
        fold = group.folding(row)
        options.append(
            FoldingOption(
                name=option_name(fold),
                use=counts_used(group.counts[row]),
                cycles=int(group.cycles[row]),
                fill=int(fill[row]),
                drain=int(drain[row]),
                stream_in=int(into[row]),
                stream_out=int(out[row]),
                folding=((fold.simd, fold.pe, fold.weight_memory),),
            )
        )
    return tuple(options)


def option_name(folding: LayerFolding) -> str:
    """``SIMD 16 PE 8``, with the memory of the weights where it is not left to the tool."""
    memory = "" if folding.weight_memory == "auto" else f" {folding.weight_memory}"
    return f"SIMD {folding.simd} PE {folding.pe}{memory}"


def stream_classes(
    table: FoldingTable, position: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each row of a group, the indices of its widths in the boundaries beside it.

    0 at the ends of the network, where nothing converts.
    """
    group = table.groups[position]
    into, out = np.zeros_like(group.width_in), np.zeros_like(group.width_out)
    if position > 0:
        into = np.searchsorted(table.boundaries[position - 1].widths_in, group.width_in)
    if position < len(table.boundaries):
        out = np.searchsorted(table.boundaries[position].widths_out, group.width_out)
    return into, out


def _boundary(network: Network, cut: Cut, table: BoundaryTable) -> Boundary:
    return Boundary(
        label=str(cut),
        bytes_per_image=cut_tensor(network, cut).bytes_per_image,
        converters=table_converters(table),
        split=cut.layer,
        pool=cut.pool,
    )


def table_converters(table: BoundaryTable) -> Converters:
    """The converters of a boundary, as the planner counts them."""
    return Converters(
        joint=tuple(tuple(counts_used(counts) for counts in row) for row in table.joint),
        leave=tuple(counts_used(counts) for counts in table.leave),
        enter=tuple(counts_used(counts) for counts in table.enter),
    )


def counts_used(counts: NDArray[np.float64]) -> Counts:
    """A row of a table's counts in the planner's order; what FINN does not estimate is unknown."""
    known = dict(zip(COUNTED, counts.tolist(), strict=True))
    return tuple(known.get(name) for name in PLAN_RESOURCES)
