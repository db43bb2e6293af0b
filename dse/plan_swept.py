"""A network's chain for the planner, from what a sweep built and measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dse.errors import InputError
from dse.plan.chain import PLAN_RESOURCES, Block, Boundary, Chain, Converters, Counts, FoldingOption
from dse.plan.design_points import DesignPoints
from dse.plan_chains import network_chain, option_name
from dse.sweep_file import read_sweep_file
from finn_flows.cut import Cut, cut_tensor, legal_cuts
from finn_flows.folding import Folding, LayerFolding
from finn_flows.folding_table import layer_groups
from finn_flows.network import Network
from finn_flows.stream_times import drain_cycles, fill_cycles
from reports.sweep_record import LayerRecord, PartName, SweepRecord
from reports.utilization import Source, Utilization

_Parts = dict[tuple[int | None, PartName], SweepRecord]


def swept_chain(sweep: Path, network: Network, source: str, folding: Folding) -> Chain:
    """``network`` with what ``source`` counted of each layer in the sweep in folder ``sweep``.

    One option a block: ``folding``, told by its name as a sweep's records tell it. A layer counts
    with its FIFO, and a part's packer and what else it has beside its layers with its last block.
    The network can be cut where both parts were built (with the pool before the cut). The sums are
    those of the records of all these parts.

    Raises InputError, naming what there is, where nothing of the kind was swept, where the source
    does not tell layers apart (Vivado counts parts), or where its layers differ from part to part
    (FINN's estimates, which :func:`~dse.plan_chains.estimated_chain` has).
    """
    parts = _parts(sweep, network, source, folding)
    whole = parts[None, PartName.WHOLE]
    groups = layer_groups(network)
    labels = [tuple(network.label(at) for at in positions) for positions in groups]
    inside = {label for group in labels for label in group}
    blocks = [
        Block(
            group[0],
            (_option(network, positions, layer, _of(whole.layers, group)),),
            group,
        )
        for positions, group, layer in zip(groups, labels, folding.layers, strict=True)
    ]
    # What is before the layers of a part, and what is behind or beside them.
    before, behind = _ends(whole, inside)
    blocks[0] = _with(blocks[0], before)
    blocks[-1] = _with(blocks[-1], behind)
    boundaries = tuple(
        _boundary(network, cut, parts, inside, source) for cut in legal_cuts(network)[:-1]
    )
    chain = network_chain(network, Source(source), tuple(blocks), boundaries)
    _check_sums(chain, parts, sweep)
    return chain


def _parts(sweep: Path, network: Network, source: str, folding: Folding) -> _Parts:
    """The records of the parts, by split and which part. There is one of the whole network."""
    records: Sequence[SweepRecord] = read_sweep_file(sweep)
    own = [record for record in records if record.network_sha256 == network.sha256]
    if not own:
        raise InputError(
            f"{network.name} was not swept",
            where=sweep,
            choices=sorted({record.network for record in records}),
        )
    whole = [record for record in own if record.part is PartName.WHOLE]
    told_apart = sorted({record.source.value for record in whole if _tells_layers(record)})
    if source == Source.FINN_ESTIMATE:
        raise InputError(
            f"the layers of {source} are not the same in every part, and need no sweep",
            where=sweep,
            choices=told_apart,
        )
    of_source = [record for record in own if record.source == source]
    if not of_source:
        raise InputError(f"{source} counted nothing", where=sweep, choices=told_apart)
    of_folding = [record for record in of_source if record.folding == folding.name]
    if not of_folding:
        raise InputError(
            f"{source} counted nothing with folding {folding.name!r}",
            where=sweep,
            choices=sorted({record.folding for record in of_source}),
        )
    if len(devices := sorted({record.device for record in of_folding})) > 1:
        raise InputError(
            f"{source} counted for several devices: {', '.join(devices)}",
            where=sweep,
            expected="a sweep for one",
        )
    found = {
        (record.split, record.part): record
        for record in of_folding
        if record.pool in (None, "before") and not record.empty
    }
    built = found.get((None, PartName.WHOLE))
    if built is None or built.error is not None or built.utilization is None:
        why = "was not built" if built is None else f"failed: {built.error}"
        raise InputError(f"{source}: the whole network {why}", where=sweep, choices=told_apart)
    if not _tells_layers(built):
        raise InputError(
            f"{source} does not say what each layer takes",
            where=sweep,
            expected=f"`dse choose --source {source}`, which goes by whole parts, or a source here",
            choices=told_apart,
        )
    return found


def _tells_layers(record: SweepRecord) -> bool:
    return bool(record.layers) and all(layer.utilization.lut is not None for layer in record.layers)


def _option(
    network: Network, positions: range, folding: LayerFolding, layers: list[LayerRecord]
) -> FoldingOption:
    cycles = np.array([max((layer.cycles or 0 for layer in layers), default=0)])
    if not cycles[0]:
        raise InputError(f"the cycles of {network.label(positions.start)} are unknown")
    return FoldingOption(
        name=option_name(folding),
        use=_sum(layers),
        cycles=int(cycles[0]),
        fill=int(fill_cycles(network, positions, cycles)[0]),
        drain=int(drain_cycles(network, positions, cycles)[0]),
        folding=((folding.simd, folding.pe, folding.weight_memory),),
    )


def _boundary(network: Network, cut: Cut, parts: _Parts, inside: set[str], source: str) -> Boundary:
    first, second = (parts.get((cut.layer, name)) for name in (PartName.FIRST, PartName.SECOND))
    boundary = Boundary(str(cut), None, split=cut.layer, pool=cut.pool)
    for record in (first, second):
        if record is None or record.utilization is None:
            why = "not swept" if record is None else f"failed: {record.error}"
            return replace(boundary, why_not=f"{cut}: {why} ({source})")
    assert first is not None
    assert second is not None
    before, behind = _ends(second, inside)[0], _ends(first, inside)[1]
    return replace(
        boundary,
        bytes_per_image=cut_tensor(network, cut).bytes_per_image,
        converters=Converters(leave=(_sum(behind),), enter=(_sum(before),)),
    )


def _of(layers: Iterable[LayerRecord], labels: tuple[str, ...]) -> list[LayerRecord]:
    return [layer for layer in layers if layer.layer in labels]


def _ends(record: SweepRecord, inside: set[str]) -> tuple[list[LayerRecord], list[LayerRecord]]:
    """What stands before the first layer of a part, and what comes after it and is of no layer."""
    start = next(k for k, layer in enumerate(record.layers) if layer.layer in inside)
    behind = [layer for layer in record.layers[start:] if layer.layer not in inside]
    return list(record.layers[:start]), behind


def _with(block: Block, more: list[LayerRecord]) -> Block:
    (option,) = block.options
    return replace(block, options=(replace(option, use=_add(option.use, _sum(more))),))


def _sum(layers: list[LayerRecord]) -> Counts:
    total: Counts = (0.0,) * len(PLAN_RESOURCES)
    for layer in layers:
        total = _add(total, counts_of(layer.utilization))
    return total


def counts_of(utilization: Utilization) -> Counts:
    """A record's counts by :data:`~dse.plan.chain.PLAN_RESOURCES`."""
    return tuple(getattr(utilization, name) for name in PLAN_RESOURCES)


def _add(one: Counts, other: Counts) -> Counts:
    pairs = zip(one, other, strict=True)
    return tuple(None if a is None or b is None else a + b for a, b in pairs)


def _check_sums(chain: Chain, parts: _Parts, sweep: Path) -> None:
    """InputError unless every part that the chain can be cut into is the sum of its blocks."""
    count = len(chain.blocks)
    ranges: dict[tuple[int | None, PartName], tuple[int, int]] = {
        (None, PartName.WHOLE): (0, count)
    }
    for position in chain.cuts:
        split = chain.boundaries[position - 1].split
        ranges[split, PartName.FIRST] = 0, position
        ranges[split, PartName.SECOND] = position, count
    for (split, name), (start, stop) in ranges.items():
        (use,) = DesignPoints(chain, start, stop).figures(np.zeros((1, stop - start), int)).use
        added = tuple(None if np.isnan(one) else one for one in use)
        utilization = parts[split, name].utilization
        assert utilization is not None
        if added != counts_of(utilization):
            raise InputError(
                f"{chain.source}: the {name.value} part of split {split} is not the sum of the "
                "layers of the whole network",
                where=sweep,
            )
