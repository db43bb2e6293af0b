"""How far a source's numbers have been off: measured against the next better source at hand.

Of every part that both sources counted (same network, cut, folding and device) the difference; the
band is the sum of these as a share of what the better source counted in all these parts together.
So a part that has one BRAM in place of a half weighs as that half. By resource, and for cycles.

Cycles that were counted in a simulation of the whole part have no better source. But a planner has
only those of the layers, each simulated by itself: their band is how far the slowest layer was
from its part. Latency is that of a part as the planner reckons it from cycles of layers.

Where nothing better was measured a band is unknown, however sure anyone may be. A band says what
was seen on these parts and promises nothing of others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dse.errors import InputError
from dse.plan.chain import PLAN_RESOURCES, Chain
from dse.plan.explain import ErrorBand
from dse.plan.plan import part_cycles
from dse.sweep_file import read_sweep_file
from reports.sweep_record import SweepRecord
from reports.utilization import Source

#: Each nearer to the device than those before it.
_BETTER = (Source.FINN_ESTIMATE, Source.YOSYS, Source.VIVADO_SYNTH, Source.VIVADO_PLACED)

_CYCLES, _LATENCY = "cycles", "latency"


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
    """``band`` of ``source``. ``against``: by which source it was measured, for each that is known
    of ``cycles``, ``latency`` and the names of PLAN_RESOURCES. ``parts``: on how many parts."""

    source: Source
    band: ErrorBand
    against: dict[str, Source]
    parts: int


def error_bands(
    sweep: Path, network_sha256: str | None = None, chain: Chain | None = None
) -> dict[str, MeasuredBand]:
    """The band of each source in the sweep, by the source's name; empty if nothing was swept there.

    ``network_sha256``: of records of this network alone. ``chain``: of that network, with any
    foldings; without it the latency's bands are unknown. Raises StoreError for a damaged file.
    """
    try:
        records = read_sweep_file(sweep)
    except InputError:
        return {}
    own = [one for one in records if network_sha256 in (None, one.network_sha256)]
    return measured_bands(own, chain)


def measured_bands(
    records: Sequence[SweepRecord], chain: Chain | None = None
) -> dict[str, MeasuredBand]:
    """The same of ``records``."""
    present = [source for source in _BETTER if any(one.source is source for one in records)]
    return {source.value: _band(source, records, chain) for source in present}


def _band(source: Source, records: Sequence[SweepRecord], chain: Chain | None) -> MeasuredBand:
    by_part = {
        better: {_part(one): one for one in records if one.source is better} for better in _BETTER
    }
    seen: dict[str, _Seen] = {}
    parts = set()
    # The next source that says anything of a number says how far off it is; of cycles the source
    # itself, if it measured those of whole parts.
    for better in _BETTER[_BETTER.index(source) :]:
        for part in by_part[source].keys() & by_part[better].keys():
            one, other = by_part[source][part], by_part[better][part]
            pairs = [*_times(one, other, chain), *(_counts(one, other) if one != other else ())]
            for name, value, true in pairs:
                found = seen.setdefault(name, _Seen(better))
                if found.against is better:
                    found.off += abs(value - true)
                    found.counted += true
                    parts.add(part)
    shares = {name: one.share for name, one in seen.items() if one.share is not None}
    return MeasuredBand(
        source,
        ErrorBand(
            cycles=shares.get(_CYCLES),
            latency=shares.get(_LATENCY),
            counts=tuple(shares.get(name) for name in PLAN_RESOURCES),
        ),
        {name: seen[name].against for name in shares},
        len(parts),
    )


def _times(
    one: SweepRecord, better: SweepRecord, chain: Chain | None
) -> Iterator[tuple[str, float, float]]:
    """Name, what a planner makes of the cycles of ``one``'s layers, and what ``better`` measured.

    The cycles of Vivado's records are FINN's model again, and measure nothing.
    """
    if not better.cycles_measured:
        return
    slowest = max((layer.cycles or 0 for layer in one.layers), default=0)
    cycles = slowest if one.cycles_measured else one.cycles
    if cycles and better.cycles:
        yield _CYCLES, cycles, better.cycles
    latency = None if chain is None else _reckoned_latency(one, chain)
    if latency is not None and better.latency_cycles:
        yield _LATENCY, latency, better.latency_cycles


def _counts(one: SweepRecord, better: SweepRecord) -> Iterator[tuple[str, float, float]]:
    """Name, count and better count of each resource that both say something of."""
    if one.utilization is None or better.utilization is None:
        return
    counts, true = one.utilization.resources(), better.utilization.resources()
    for name in PLAN_RESOURCES:
        value, counted = counts[name], true[name]
        if value is not None and counted is not None:
            yield name, value, counted


def _reckoned_latency(record: SweepRecord, chain: Chain) -> int | None:
    """Of the part, with the cycles that ``record`` has of its layers; None where it lacks some.

    What share of a block's cycles is its fill, and its drain, is the same for all its foldings.
    """
    cycles: dict[str, int] = {}
    for layer in record.layers:
        cycles[layer.layer] = max(cycles.get(layer.layer, 0), layer.cycles or 0)
    options = []
    for block in chain.blocks:
        own = [cycles[layer] for layer in block.layers if layer in cycles]
        if not own:
            continue
        if len(own) < len(block.layers) or not max(own):
            return None
        any_option, slowest = block.options[0], max(own)
        fill, drain = (
            round(slowest * time / any_option.cycles)
            for time in (any_option.fill, any_option.drain)
        )
        options.append(replace(any_option, cycles=slowest, fill=fill, drain=drain))
    return part_cycles(options) if options else None


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
