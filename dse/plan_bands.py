"""How far a source's numbers have been off: measured against the next better source at hand.

Of every part that both sources counted (same network, cut, folding and device) the difference; the
band is the sum of these as a share of what the better source counted in all these parts together.
So a part that has one BRAM in place of a half weighs as that half. By resource, and for cycles.

Cycles that were counted in a simulation of the whole part have no better source. But a planner has
only those of the layers, each simulated by itself: their band is how far the slowest layer was
from its part.

Where nothing better was measured a band is unknown, however sure anyone may be. A band says what
was seen on these parts and promises nothing of others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dse.errors import InputError
from dse.plan.chain import PLAN_RESOURCES
from dse.plan.explain import ErrorBand
from dse.sweep_file import read_sweep_file
from reports.sweep_record import SweepRecord
from reports.utilization import Source

#: Each nearer to the device than those before it.
_BETTER = (Source.FINN_ESTIMATE, Source.YOSYS, Source.VIVADO_SYNTH, Source.VIVADO_PLACED)

_CYCLES = "cycles"


@dataclass
class _Seen:
    """What was seen of one number: ``off`` in all, of ``counted`` by the better source."""

    against: Source
    off: float = 0.0
    counted: float = 0.0

    @property
    def share(self) -> float | None:
        """None where the better source has none of it, and this one has some."""
        if self.counted:
            return self.off / self.counted
        return None if self.off else 0.0


@dataclass(frozen=True)
class MeasuredBand:
    """``band`` of ``source``. ``against``: for ``cycles`` and each resource of PLAN_RESOURCES that
    something better has, by which source it was measured. ``parts``: on how many."""

    source: Source
    band: ErrorBand
    against: dict[str, Source]
    parts: int


def error_bands(sweep: Path, network_sha256: str | None = None) -> dict[str, MeasuredBand]:
    """The band of each source in the sweep, by the source's name; empty if nothing was swept there.

    ``network_sha256``: of records of this network alone. Raises StoreError for a damaged file.
    """
    try:
        records = read_sweep_file(sweep)
    except InputError:
        return {}
    own = [one for one in records if network_sha256 in (None, one.network_sha256)]
    return measured_bands(own)


def measured_bands(records: Sequence[SweepRecord]) -> dict[str, MeasuredBand]:
    """The same of ``records``."""
    present = [source for source in _BETTER if any(one.source is source for one in records)]
    return {source.value: _band(source, records) for source in present}


def _band(source: Source, records: Sequence[SweepRecord]) -> MeasuredBand:
    by_part = {
        better: {_part(one): one for one in records if one.source is better} for better in _BETTER
    }
    seen: dict[str, _Seen] = {}
    parts = set()

    def look(
        part: tuple[object, ...], against: Source, name: str, value: float, true: float
    ) -> None:
        found = seen.setdefault(name, _Seen(against))
        # The next better one that says anything of a number says how far off it is.
        if found.against is against:
            found.off += abs(value - true)
            found.counted += true
            parts.add(part)

    for part, own in by_part[source].items():
        slowest = max((layer.cycles or 0 for layer in own.layers), default=0)
        if own.cycles_measured and own.cycles is not None and slowest:
            look(part, source, _CYCLES, slowest, own.cycles)
    for better in _BETTER[_BETTER.index(source) + 1 :]:
        for part in by_part[source].keys() & by_part[better].keys():
            for name, value, true in _pairs(by_part[source][part], by_part[better][part]):
                look(part, better, name, value, true)
    shares = {name: one.share for name, one in seen.items()}
    return MeasuredBand(
        source,
        ErrorBand(
            cycles=shares.get(_CYCLES),
            counts=tuple(shares.get(name) for name in PLAN_RESOURCES),
        ),
        {name: one.against for name, one in seen.items()},
        len(parts),
    )


def _pairs(one: SweepRecord, better: SweepRecord) -> Iterator[tuple[str, float, float]]:
    """What both say something of: its name, the number and the better one."""
    # The cycles of Vivado's records are FINN's model again, and measure nothing.
    if better.cycles_measured and not one.cycles_measured and one.cycles and better.cycles:
        yield _CYCLES, one.cycles, better.cycles
    if one.utilization is None or better.utilization is None:
        return
    counts, true = one.utilization.resources(), better.utilization.resources()
    for name in PLAN_RESOURCES:
        value, counted = counts[name], true[name]
        if value is not None and counted is not None:
            yield name, value, counted


def _part(record: SweepRecord) -> tuple[object, ...]:
    """Equal for records of one part built alike. Cycles and counts depend on no clock."""
    return (
        record.network_sha256,
        record.part,
        record.split,
        record.pool,
        record.folding,
        record.device,
    )
