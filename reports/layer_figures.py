"""Layer by layer: cycles and logic depth as each source has them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from reports.sweep_record import LayerRecord, PartName, SweepRecord
from reports.utilization import Source


@dataclass(frozen=True)
class LayerFigures:
    """What one source says of one layer of the network.

    ``cycles``: per image, of its slowest node; ``cycles_measured``: whether these were counted in a
    simulation of the circuit. ``logic_depth``: LUTs on the longest path between registers in any of
    its nodes, ``carry_depth`` the CARRY4s on that path. None is unknown.
    """

    layer: str
    source: Source
    cycles: int | None
    cycles_measured: bool
    logic_depth: int | None
    carry_depth: int | None


def layer_figures(records: Sequence[SweepRecord]) -> tuple[LayerFigures, ...]:
    """Of every layer that any record has, in the order of the network, each source beside others.

    A layer is taken from the whole network; where that was not built, from the part with the most
    layers of those that have it.
    """
    by_source: dict[Source, dict[str, list[LayerRecord]]] = {}
    for record in sorted(records, key=_whole_first):
        known = by_source.setdefault(record.source, {})
        for label, nodes in _nodes(record).items():
            known.setdefault(label, nodes)
    sources = [source for source in Source if source in by_source]
    # Of two labels with the same place, the one that was met first.
    met = dict.fromkeys(label for source in sources for label in by_source[source])
    labels = sorted(met, key=_place)
    return tuple(
        _figures(label, source, by_source[source][label])
        for label in labels
        for source in sources
        if label in by_source[source]
    )


def _whole_first(record: SweepRecord) -> tuple[bool, int, int, str, str]:
    # To the end, so that the order of the records decides nothing.
    place = (record.split or 0, record.pool or "", record.part.value)
    return (record.part is not PartName.WHOLE, -len(record.layers), *place)


def _nodes(record: SweepRecord) -> dict[str, list[LayerRecord]]:
    nodes: dict[str, list[LayerRecord]] = {}
    for node in record.layers:
        nodes.setdefault(node.layer, []).append(node)
    return nodes


def _place(label: str) -> tuple[bool, int, bool]:
    """Sorts ``conv3``, ``pool3``, ``conv4``; what belongs to no layer (``wire``) comes last."""
    number = re.search(r"\d+", label)
    return (number is None, int(number[0]) if number else 0, label.startswith("pool"))


def _figures(label: str, source: Source, nodes: Sequence[LayerRecord]) -> LayerFigures:
    cycles = max((node.cycles for node in nodes if node.cycles is not None), default=None)
    slowest = [node for node in nodes if node.cycles is not None and node.cycles == cycles]
    depth = max(
        ((node.logic_depth, node.carry_depth) for node in nodes if node.logic_depth is not None),
        key=lambda one: (one[0], -1 if one[1] is None else one[1]),
        default=(None, None),
    )
    return LayerFigures(
        layer=label,
        source=source,
        cycles=cycles,
        cycles_measured=bool(slowest) and all(node.cycles_measured for node in slowest),
        logic_depth=depth[0],
        carry_depth=depth[1],
    )
