"""Why a tool's columns are not the paper's, in words: every statement follows from the numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reports.comparison import (
    PRINTED_PRECISION,
    Increment,
    IncrementSum,
    increment_sums,
    increments,
)
from reports.devices import Device
from reports.resource_text import RESOURCE_TITLES, format_percent, format_used
from reports.sweep_record import PartName
from reports.table import TABLE_RESOURCES, WHOLE, Difference, Entry, SplitTable
from reports.timing_panels import cycles_word
from reports.utilization import Scope, Source, Utilization

#: What a source counts, whatever it counts: no number says it.
_CIRCUITS = {
    Source.FINN_ESTIMATE: "finn-estimate is a formula for FINN's hardware layers, and no circuit",
    Source.YOSYS: "yosys counts another circuit: RTL that is generated here, not the paper's HLS",
}


#: Whose circuit it is depends on who ran the tool.
_VENDOR = (Source.VIVADO_SYNTH, Source.VIVADO_PLACED)


def explain(table: SplitTable, source: Source) -> list[str]:
    """Sentences: what is compared, how far apart it is, where it is leaner, how fast it was.

    Empty for a source that nothing published stands beside.
    """
    differences = [one for one in table.differences if one.source is source and one.count]
    if not differences:
        return []
    sentences = _what_is_compared(table, source)
    sentences += _multipliers(table, source)
    sentences.append(_distances(differences))
    sums = increment_sums(table, source)
    if sums:
        sentences.append(_sums(sums))
        sentences += _leaner_and_fuller(sums, source)
        sentences.append(_exceeded(table, source))
    sentences += _cycles(table, source)
    return sentences


def explain_briefly(table: SplitTable, source: Source) -> str:
    """One or two sentences for a terminal; empty where :func:`explain` has nothing to say."""
    differences = [one for one in table.differences if one.source is source and one.count]
    if not differences:
        return ""
    said = [*_what_is_compared(table, source), *_ratios(increment_sums(table, source))]
    return " ".join(said) or _distances(differences)


def _what_is_compared(table: SplitTable, source: Source) -> list[str]:
    ours, paper = _built(table, source), _built(table, Source.PAPER)
    said = []
    if source in _CIRCUITS:
        said.append(_CIRCUITS[source])
    elif source in _VENDOR:
        said.append(_vendor_circuit(table, source))
    if {one.scope for one in ours} == {Scope.OUT_OF_CONTEXT} and {one.scope for one in paper} == {
        Scope.WITH_SHELL
    }:
        said.append("it has no shell (PS, AXI, DMA), which the paper's figures contain")
    shells = {one.scope for one in (*ours, *paper)} == {Scope.WITH_SHELL}
    if shells and source in _VENDOR and _is_of_finn(table, source):
        said.append("both have a shell (PS, AXI, DMA), FINN's here, the paper's own there")
    tools, papers = ({one.tool for one in some} for some in (ours, paper))
    if source in _VENDOR:
        # The same tool in another version is another tool.
        tools, papers = ({_version(one) for one in some} for some in (ours, paper))
    if tools.isdisjoint(papers):
        stages = ", ".join(sorted({one.stage.value for one in ours}))
        said.append(
            f"{_and(sorted(tools))} counted here ({stages}), {_and(sorted(papers))} for the paper"
        )
    return [f"{'; '.join(said)}."] if said else []


def _is_of_finn(table: SplitTable, source: Source) -> bool:
    """Whether these first parts were built here: imported reports say nothing of cycles."""
    built = [
        entry
        for entry in table.entries
        if entry.source is source and entry.part is PartName.FIRST and entry.utilization
    ]
    return bool(built) and all(entry.cycles is not None for entry in built)


def _vendor_circuit(table: SplitTable, source: Source) -> str:
    if _is_of_finn(table, source):
        return (
            f"{source.value} counts what finn-plus makes of these layers (HLS and RTL), another "
            "circuit than the paper's"
        )
    return f"{source.value} has runs that were imported: of which circuit, no report says"


def _version(used: Utilization) -> str:
    version = used.tool_version.strip()
    known = version and not version.startswith(("unknown", "not "))
    return f"{used.tool} {version}" if known else f"{used.tool} (version not said)"


def _multipliers(table: SplitTable, source: Source) -> list[str]:
    """Where the multiplications are, as far as the DSP column says it."""
    shown = [
        (ours.used()["dsp"], paper.used()["dsp"])
        for ours, paper in _pairs(table, source)
        if ours.used()["dsp"] is not None and paper.used()["dsp"] is not None
    ]
    if not shown:
        return []
    ours_most = max(ours or 0 for ours, _ in shown)
    paper_most = max(paper or 0 for _, paper in shown)
    if ours_most == 0 and paper_most > 0:
        return [
            f"{source.value} has no DSP in any first part, the paper's circuit up to "
            f"{paper_most:.0f}: what that multiplies in DSPs is multiplied in LUTs here."
        ]
    if ours_most < paper_most:
        return [
            f"{source.value} has at most {ours_most:.0f} DSP, the paper's circuit {paper_most:.0f}."
        ]
    if ours_most > paper_most:
        return [
            f"{source.value} has up to {ours_most:.0f} DSP, the paper's circuit at most "
            f"{paper_most:.0f}."
        ]
    return []


def _distances(differences: Sequence[Difference]) -> str:
    each = [
        f"{RESOURCE_TITLES[one.resource]} {format_percent(one.percentage_points or 0)} "
        f"({format_percent(one.greatest or 0)} at split {one.greatest_split})"
        for one in differences
    ]
    counts = sorted({one.count for one in differences})
    splits = " or ".join(map(str, counts))
    return (
        f"Mean (greatest) distance of the first parts, in percentage points, over {splits} "
        f"split{'s' if counts != [1] else ''}: {', '.join(each)}."
    )


def _sums(sums: Sequence[IncrementSum]) -> str:
    splits = sorted({split for one in sums for split in one.splits})
    each = []
    for one in sums:
        part = "" if one.splits == tuple(splits) else f", {_layers(one.splits)} only"
        ratio = "" if one.ratio is None else f" ({100 * one.ratio:.0f} %)"
        each.append(
            f"{RESOURCE_TITLES[one.resource]} {format_percent(one.percentage_points)} against the "
            f"paper's {format_percent(one.paper)}{ratio}{part}"
        )
    return (
        f"What {_layers(splits)} add to the first part, in percentage points (a shell of constant "
        f"size cancels out): {'; '.join(each)}."
    )


def _ratios(sums: Sequence[IncrementSum]) -> list[str]:
    """The same sums as percent of the paper's."""
    by_splits: dict[tuple[int, ...], list[str]] = {}
    for one in sums:
        if one.ratio is not None:
            share = f"{RESOURCE_TITLES[one.resource]} {100 * one.ratio:.0f}"
            by_splits.setdefault(one.splits, []).append(share)
    return [
        f"{_layers(splits).capitalize()} add, in percent of what the paper's add: "
        f"{', '.join(shares)}."
        for splits, shares in by_splits.items()
    ]


def _leaner_and_fuller(sums: Sequence[IncrementSum], source: Source) -> list[str]:
    leaner = [one for one in sums if one.percentage_points < one.paper]
    fuller = [one for one in sums if one.percentage_points > one.paper]
    sentences = []
    for word, found in (("less", leaner), ("more", fuller)):
        if found:
            each = ", ".join(
                f"{RESOURCE_TITLES[one.resource]} by "
                f"{format_percent(abs(one.percentage_points - one.paper))}"
                for one in found
            )
            sentences.append(f"So {source.value} takes {word} for these layers: {each} points.")
    return sentences


def _exceeded(table: SplitTable, source: Source) -> str:
    found = [
        one
        for resource in TABLE_RESOURCES
        for one in increments(table, source, resource)
        if one.is_more
    ]
    if not found:
        return "No single layer adds more of anything than the paper's."
    each = (_excess(one, table.device) for one in found)
    return f"Layers that add more than the paper's: {'; '.join(each)}."


def _excess(one: Increment, device: Device | None) -> str:
    points = one.percentage_points - one.paper
    capacity = None if device is None else device.available()[one.resource]
    title = RESOURCE_TITLES[one.resource]
    count = "" if capacity is None else f" (≈{format_used(one.resource, points * capacity / 100)})"
    # No increase at all is no measure: Table I has the FF of splits 1 and 2 alike.
    alike = ""
    if abs(one.paper) < PRINTED_PRECISION / 2:
        alike = f", where the paper prints the same for splits {one.split - 1} and {one.split}"
    return f"layer {one.split}: {title} by {format_percent(points)} points{count}{alike}"


def _cycles(table: SplitTable, source: Source) -> list[str]:
    """Measured cycles against FINN's estimate of the same point."""
    if cycles_word(table, source) != "measured" or source is Source.FINN_ESTIMATE:
        return []
    estimated = {one.point: one for one in table.pipelines if one.source is Source.FINN_ESTIMATE}
    gaps = []
    for one in table.pipelines:
        other = estimated.get(one.point)
        if one.source is source and one.interval and other is not None and other.interval:
            gaps.append((one.interval / other.interval - 1, one, other))
    if not gaps:
        return []
    least, most = min(gap for gap, _, _ in gaps), max(gap for gap, _, _ in gaps)
    places = f"over {len(gaps)} design point{'s' if len(gaps) > 1 else ''}"
    gap = _signed(100 * least)
    if _signed(100 * most) != gap:
        gap += f" to {_signed(100 * most)}"
    sentence = (
        f"Cycles between two images, measured, differ from FINN's estimate by {gap} % {places}"
    )
    whole = next(((one, other) for _, one, other in gaps if one.point == WHOLE), None)
    if whole is not None:
        sentence += (
            f"; for the whole network {whole[0].interval} against {whole[1].interval}, "
            f"{whole[0].frames_per_second:.1f} images per second"
        )
    return [f"{sentence}."]


def _pairs(table: SplitTable, source: Source) -> Iterable[tuple[Entry, Entry]]:
    """First parts that both ``source`` and the paper know."""
    for point in table.points:
        ours = table.entry(point, PartName.FIRST, source)
        paper = table.entry(point, PartName.FIRST, Source.PAPER)
        if ours is not None and paper is not None and ours.utilization and paper.utilization:
            yield ours, paper


def _built(table: SplitTable, source: Source) -> list[Utilization]:
    """Of first parts only: it is these that are compared."""
    return [
        entry.utilization
        for entry in table.entries
        if entry.source is source and entry.part is PartName.FIRST and entry.utilization
    ]


def _and(words: Sequence[str]) -> str:
    return " and ".join(words)


def _layers(splits: Sequence[int]) -> str:
    """``layers 1–5`` where nothing is missing, else ``layers 1, 3, 4``; ``layer 1`` alone."""
    if len(splits) == 1:
        return f"layer {splits[0]}"
    if list(splits) == list(range(splits[0], splits[-1] + 1)):
        return f"layers {splits[0]}–{splits[-1]}"
    return f"layers {', '.join(map(str, splits))}"


def _signed(number: float) -> str:
    # A true minus, as wide as the plus.
    return f"{number:+.2f}".replace("-", "\N{MINUS SIGN}")
