"""A made-up sweep by the vendor's tools: one part misses timing, one does not fit."""

from __future__ import annotations

from dataclasses import replace

from reports.missed_goals import timing_misses
from reports.sweep_record import Implementation, PartName, SweepRecord
from reports.utilization import RESOURCES, Scope, Source, Stage, Utilization
from reports.vendor_records import expanded
from tests.reports.plausible import plausible_sweep

#: Split of which the first part is too slow, and the one of which it is too large.
LATE, TOO_LARGE = 2, 4


def vendor_builds() -> list[SweepRecord]:
    """A record for each build, as the store keeps them."""
    return [_built(record) for record in plausible_sweep(source=Source.VIVADO_PLACED)]


def vendor_sweep() -> list[SweepRecord]:
    """FINN's estimate and the same points by the vendor's tools, as sweep.json has them."""
    return [*plausible_sweep(), *expanded(vendor_builds())]


def _built(record: SweepRecord) -> SweepRecord:
    if record.empty or record.utilization is None:
        return record
    used = record.utilization
    lut = (used.lut or 0) + 3211
    placed = Utilization(
        used.device, "Vivado", "2022.2", Stage.PLACED, Scope.WITH_SHELL,
        lut=lut, lut_as_logic=lut - 512, lutram=512, ff=1.5 * lut, bram=used.bram, dsp=3, uram=0,
    )  # fmt: skip
    synthesised = replace(placed, stage=Stage.SYNTHESISED, lut=lut + 97, lut_as_logic=lut - 415)
    first = record.part is PartName.FIRST and record.pool == "before"
    if first and record.split == TOO_LARGE:
        return replace(
            record,
            source=Source.VIVADO_SYNTH,
            utilization=replace(synthesised, lut=61233),
            implementation=Implementation(run_seconds=1801, misses=("LUT: 61,233 of 53,200",)),
        )
    wns = -0.312 if first and record.split == LATE else 0.172
    said = Implementation(wns, 0.041, 1.683, 5021.4, timing_misses(wns, 0.041, record.clock_mhz))
    assert set(RESOURCES) == set(placed.resources())
    return replace(record, utilization=placed, synthesised=synthesised, implementation=said)
