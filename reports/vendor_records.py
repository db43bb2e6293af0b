"""Builds by the vendor's tools as every table has them: synthesis and placement beside each other.

The store keeps one record for each build. Here it becomes one for each source that says anything of
it, so that whatever reads records (tables, figures, choices) knows one rule: a record, a source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reports.missed_goals import lacking_resources
from reports.sweep_record import Implementation, LayerRecord, SweepRecord
from reports.utilization import RESOURCES, Source, Stage, Utilization


def expanded(records: Sequence[SweepRecord]) -> tuple[SweepRecord, ...]:
    """``records`` with each build's vivado-synth record before its vivado-placed one.

    A design that was placed gives both. One that does not fit gives its counts after synthesis, and
    a placed record without counts that says what is lacking. An empty part is empty for both
    sources, if there are both. Any other record stays as it is.
    """
    both = any(_was_synthesised(record) for record in records)
    return tuple(one for record in records for one in _of(record, both))


def _was_synthesised(record: SweepRecord) -> bool:
    return record.synthesised is not None or _is_misfit(record)


def _is_misfit(record: SweepRecord) -> bool:
    return record.source is Source.VIVADO_SYNTH and bool(lacking_resources(record.implementation))


def _of(record: SweepRecord, both: bool) -> tuple[SweepRecord, ...]:
    if record.synthesised is not None:
        layers = tuple(_without_counts(layer) for layer in record.layers)
        synthesised = replace(
            record,
            source=Source.VIVADO_SYNTH,
            utilization=record.synthesised,
            synthesised=None,
            implementation=None,
            layers=layers,
        )
        return synthesised, replace(record, synthesised=None)
    if _is_misfit(record):
        assert record.implementation is not None
        placed = replace(
            record,
            source=Source.VIVADO_PLACED,
            utilization=None,
            layers=(),
            cycles=None,
            slowest=None,
            cycles_measured=False,
            latency_cycles=None,
        )
        # The time went into one build: it stands once.
        said = Implementation(misses=record.implementation.misses)
        return replace(record, implementation=said), placed
    if both and record.empty and record.source is Source.VIVADO_PLACED:
        return replace(record, source=Source.VIVADO_SYNTH), record
    return (record,)


def _without_counts(layer: LayerRecord) -> LayerRecord:
    """The layer as synthesis has it: of the counts none is known, since those are of placement."""
    used = layer.utilization
    if used.stage is not Stage.PLACED:
        return layer
    unknown = dict.fromkeys(RESOURCES)
    blank = Utilization(
        used.device, used.tool, used.tool_version, Stage.SYNTHESISED, used.scope, **unknown
    )
    return replace(layer, utilization=blank)
