"""Table I as data: what each source says of each design point, and what follows from it.

Nothing here is text for a person; :mod:`reports.panels` makes that of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dse.errors import InputError
from reports.devices import Device, device_of, percent
from reports.layer_figures import LayerFigures, layer_figures
from reports.missed_goals import lacking_resources
from reports.published import PublishedPoint, published_points
from reports.sweep_record import Implementation, PartName, SweepRecord
from reports.utilization import RESOURCES, Source, Utilization

#: The resources of Table I, in its order.
TABLE_RESOURCES = ("lut", "lutram", "ff", "bram", "dsp")


class Status(StrEnum):
    """What became of a design point."""

    BUILT = "built"
    FAILED = "failed"
    EMPTY = "empty"
    #: Synthesised, but too large to be placed: there is nothing that placement could count.
    MISFIT = "does not fit"
    PUBLISHED = "published"


@dataclass(frozen=True, order=True)
class Configuration:
    """What all design points of one table have in common."""

    network: str
    network_sha256: str
    device: str
    clock_mhz: float
    folding: str


@dataclass(frozen=True)
class Point:
    """A place to cut: split number and pool side, both None for the whole network."""

    split: int | None = None
    pool: str | None = None

    @property
    def order(self) -> tuple[bool, int, bool]:
        """Sorts by split, the pool before the cut first, the whole network last."""
        return (self.split is None, self.split or 0, self.pool == "after")


WHOLE = Point()


@dataclass(frozen=True)
class Entry:
    """What one source says of one part at one point.

    ``percent`` is by resource name, of the device; None where unknown. ``used_derived``: the counts
    were computed from a printed (so rounded) percentage. ``layers``: labels of the layers in it
    (``conv3``); ``uncounted``: kinds of nodes of which every count that the source gives is 0.
    ``cycles_measured``: whether ``cycles`` and ``latency_cycles`` (of one image alone) were counted
    in a cycle-accurate simulation of this part. ``citation`` only where published.
    ``implementation``: what the vendor's tools say beside counts, goals missed among it.
    """

    point: Point
    part: PartName
    source: Source
    status: Status
    utilization: Utilization | None
    percent: dict[str, float | None]
    used_derived: bool = False
    bytes_per_image: int | None = None
    cycles: int | None = None
    slowest: str | None = None
    slowest_layer: str | None = None
    layers: tuple[str, ...] = ()
    uncounted: tuple[str, ...] = ()
    error: str | None = None
    citation: str | None = None
    cycles_measured: bool = False
    latency_cycles: int | None = None
    implementation: Implementation | None = None

    def used(self) -> dict[str, float | None]:
        """The counts by resource name; None where unknown."""
        return dict.fromkeys(RESOURCES) if not self.utilization else self.utilization.resources()


@dataclass(frozen=True)
class Pipeline:
    """Both parts at one point working at once, or the whole network, according to one source.

    ``interval``: cycles between two images, the greater of both parts' (None unless both are known;
    an empty second part adds nothing). ``frames_per_second``: what that allows at the clock.
    ``measured``: whether every cycle in it was counted in a simulation. ``latency_cycles``: of one
    image through both parts, one after the other, leaving out the link (None unless both known).
    """

    point: Point
    source: Source
    bytes_per_image: int | None
    cycles_first: int | None
    cycles_second: int | None
    interval: int | None
    frames_per_second: float | None
    slowest: str | None
    slowest_layer: str | None
    slowest_part: PartName | None
    measured: bool = False
    latency_cycles: int | None = None


@dataclass(frozen=True)
class Difference:
    """Absolute difference of the first part's percentage to the paper's, one resource.

    ``percentage_points`` is the mean, ``greatest`` the greatest one, at ``greatest_split`` (the
    first such); None where no split is known to both. ``count``: how many are.
    """

    source: Source
    resource: str
    percentage_points: float | None
    count: int
    greatest: float | None = None
    greatest_split: int | None = None


@dataclass(frozen=True)
class SplitTable:
    """Everything known of one configuration. ``device`` is None for one not in the device table.

    ``differences`` to published figures is empty where the folding is not the published one.
    ``layers``: what each source says of each layer of the network.
    """

    configuration: Configuration
    device: Device | None
    sources: tuple[Source, ...]
    points: tuple[Point, ...]
    entries: tuple[Entry, ...]
    pipelines: tuple[Pipeline, ...]
    differences: tuple[Difference, ...]
    published_folding: bool
    layers: tuple[LayerFigures, ...] = ()

    def entry(self, point: Point, part: PartName, source: Source) -> Entry | None:
        """What ``source`` says of ``part`` at ``point``, if anything."""
        for entry in self.entries:
            if (entry.point, entry.part, entry.source) == (point, part, source):
                return entry
        return None


def group_records(records: Iterable[SweepRecord]) -> dict[Configuration, list[SweepRecord]]:
    """Records by what a table needs to have in common, in sorted order."""
    groups: dict[Configuration, list[SweepRecord]] = {}
    for record in records:
        groups.setdefault(_configuration(record), []).append(record)
    return dict(sorted(groups.items()))


def build_table(records: Sequence[SweepRecord]) -> SplitTable:
    """The table of one configuration, whatever the order and number of its records.

    Published figures stand beside the points that were swept, never in place of them. Raises
    InputError for no records, records of several configurations, or two of the same design point
    and source.
    """
    groups = group_records(records)
    if len(groups) != 1:
        raise InputError(
            "no design point to report"
            if not groups
            else f"records of {len(groups)} configurations in one table: {_what_differs(groups)}",
            expected="results of one network, device, clock and folding",
        )
    configuration = next(iter(groups))
    try:
        device = device_of(configuration.device)
    except InputError:
        device = None
    entries = [_entry_of_record(record, device is not None) for record in records]
    points = sorted({entry.point for entry in entries}, key=lambda point: point.order)
    swept = {(entry.point, entry.part) for entry in entries}
    design = next((r.published_design for r in records if r.published_design is not None), None)
    published_folding = any(record.published_folding for record in records)
    for published in published_points(design, configuration.device):
        entry = _entry_of_publication(published)
        if (entry.point, entry.part) in swept:
            entries.append(entry)
    order = {source: position for position, source in enumerate(Source)}
    parts = {part: position for position, part in enumerate(PartName)}
    entries.sort(key=lambda entry: (entry.point.order, parts[entry.part], order[entry.source]))
    _refuse_duplicates(entries)
    sources = sorted({entry.source for entry in entries}, key=lambda source: order[source])
    return SplitTable(
        configuration=configuration,
        device=device,
        sources=tuple(sources),
        points=tuple(points),
        entries=tuple(entries),
        pipelines=tuple(_pipelines(entries, points, sources, configuration.clock_mhz)),
        # Another folding is another circuit, and no figure was published of it.
        differences=tuple(_differences(entries, sources)) if published_folding else (),
        published_folding=published_folding,
        layers=layer_figures(records),
    )


def _configuration(record: SweepRecord) -> Configuration:
    return Configuration(
        record.network, record.network_sha256, record.device, record.clock_mhz, record.folding
    )


def _what_differs(groups: Iterable[Configuration]) -> str:
    first, second = list(groups)[:2]
    return ", ".join(
        f"{name} {getattr(first, name)} and {getattr(second, name)}"
        for name in Configuration.__dataclass_fields__
        if getattr(first, name) != getattr(second, name)
    )


def _entry_of_record(record: SweepRecord, known_device: bool) -> Entry:
    used = record.utilization
    status = Status.BUILT
    if record.error is not None:
        status = Status.FAILED
    elif record.empty:
        status = Status.EMPTY
    elif used is None and lacking_resources(record.implementation):
        status = Status.MISFIT
    # Whether a record names the slowest node or its layer is up to the backend.
    layer_of = {layer.layer: layer.layer for layer in record.layers}
    layer_of |= {layer.name: layer.layer for layer in record.layers}
    return Entry(
        point=Point(record.split, record.pool),
        part=record.part,
        source=record.source,
        status=status,
        utilization=used,
        percent=percent(used) if used and known_device else dict.fromkeys(RESOURCES),
        bytes_per_image=record.bytes_per_image,
        cycles=record.cycles,
        slowest=record.slowest,
        slowest_layer=None if record.slowest is None else layer_of.get(record.slowest),
        layers=tuple(dict.fromkeys(layer.layer for layer in record.layers)),
        uncounted=_uncounted(record),
        error=record.error,
        cycles_measured=record.cycles_measured,
        latency_cycles=record.latency_cycles,
        implementation=record.implementation,
    )


def _uncounted(record: SweepRecord) -> tuple[str, ...]:
    """Kinds of nodes (``Pool_hls_1`` is a ``Pool_hls``) that the source gives nothing but zeros."""
    kinds: dict[str, bool] = {}
    for layer in record.layers:
        counts = [count for count in layer.utilization.resources().values() if count is not None]
        kind = layer.name.rstrip("0123456789").rstrip("_")
        kinds[kind] = kinds.get(kind, True) and bool(counts) and not any(counts)
    return tuple(sorted(kind for kind, zero in kinds.items() if zero))


def _entry_of_publication(published: PublishedPoint) -> Entry:
    return Entry(
        point=Point(published.split, published.pool),
        part=published.part,
        source=published.source,
        status=Status.PUBLISHED,
        utilization=published.utilization,
        percent=published.percent,
        used_derived=published.printed == "percent",
        citation=published.citation,
    )


def _refuse_duplicates(entries: Sequence[Entry]) -> None:
    seen = set()
    for entry in entries:
        key = (entry.point, entry.part, entry.source)
        if key in seen:
            place = "" if entry.point == WHOLE else f" of split {entry.point.split}"
            raise InputError(
                f"two results of {entry.source.value} for the {entry.part.value} part{place}",
                expected="one result for each design point and source",
            )
        seen.add(key)


def _pipelines(
    entries: Sequence[Entry], points: Sequence[Point], sources: Sequence[Source], clock_mhz: float
) -> Iterable[Pipeline]:
    by_key = {(entry.point, entry.part, entry.source): entry for entry in entries}
    for source in sources:
        if source is Source.PAPER:
            continue  # publishes no cycles
        for point in points:
            part = PartName.WHOLE if point == WHOLE else PartName.FIRST
            first = by_key.get((point, part, source))
            second = by_key.get((point, PartName.SECOND, source))
            if first is None and second is None:
                continue
            yield _pipeline(point, source, first, second, clock_mhz)


def _pipeline(
    point: Point, source: Source, first: Entry | None, second: Entry | None, clock_mhz: float
) -> Pipeline:
    there = [entry for entry in (first, second) if entry is not None]
    working = [entry for entry in there if entry.status is not Status.EMPTY]
    complete = len(there) == (1 if point == WHOLE else 2) and bool(working)
    slowest: Entry | None = None
    if complete and all(entry.cycles is not None for entry in working):
        slowest = max(working, key=lambda entry: entry.cycles or 0)
    interval = slowest.cycles if slowest else None
    latencies = [entry.latency_cycles for entry in working if entry.latency_cycles is not None]
    links = [entry.bytes_per_image for entry in there if entry.bytes_per_image is not None]
    return Pipeline(
        point=point,
        source=source,
        bytes_per_image=links[0] if links else None,
        cycles_first=first.cycles if first else None,
        cycles_second=second.cycles if second else None,
        interval=interval,
        frames_per_second=clock_mhz * 1e6 / interval if interval else None,
        slowest=slowest.slowest if slowest else None,
        slowest_layer=slowest.slowest_layer if slowest else None,
        slowest_part=slowest.part if slowest else None,
        measured=bool(working) and all(entry.cycles_measured for entry in working),
        latency_cycles=sum(latencies) if complete and len(latencies) == len(working) else None,
    )


def _differences(entries: Sequence[Entry], sources: Sequence[Source]) -> Iterable[Difference]:
    firsts = [entry for entry in entries if entry.part is PartName.FIRST]
    paper = {entry.point: entry for entry in firsts if entry.source is Source.PAPER}
    if not paper:
        return
    for source in sources:
        if source is Source.PAPER:
            continue
        for resource in TABLE_RESOURCES:
            gaps: dict[int | None, float] = {}
            for entry in firsts:
                if entry.source is not source or entry.point not in paper:
                    continue
                ours, theirs = entry.percent[resource], paper[entry.point].percent[resource]
                if ours is not None and theirs is not None:
                    gaps[entry.point.split] = abs(ours - theirs)
            mean = sum(gaps.values()) / len(gaps) if gaps else None
            greatest = max(gaps, key=lambda split: gaps[split]) if gaps else None
            yield Difference(
                source, resource, mean, len(gaps), gaps[greatest] if gaps else None, greatest
            )
