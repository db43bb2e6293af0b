"""The notes of a table: what a reader must know of its numbers, said from the data."""

from __future__ import annotations

from collections.abc import Iterable

from reports.resource_text import RESOURCE_TITLES
from reports.sweep_record import PartName
from reports.table import TABLE_RESOURCES, Entry, Point, SplitTable
from reports.utilization import Scope, Source

#: What is known beforehand of a tool's way of counting.
_SOURCE_REMARKS = {
    Source.YOSYS: "RTL that is generated here, not the paper's HLS circuit",
}


class Notes:
    """Numbers notes in the order in which they are first needed."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def mark(self, text: str) -> int:
        """The number under which ``text`` stands, a new one if it does not stand yet."""
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text) + 1


def difference_marks(table: SplitTable, sources: Iterable[Source], notes: Notes) -> tuple[int, ...]:
    """What to bear in mind where numbers of ``sources`` are held against the paper's."""
    marks = []
    scopes = {entry.source: entry.utilization.scope for entry in table.entries if entry.utilization}
    alone = [
        source.value
        for source in dict.fromkeys(sources)
        if source is not Source.PAPER and scopes.get(source) is Scope.OUT_OF_CONTEXT
    ]
    if alone:
        marks.append(
            notes.mark(
                "The paper's figures contain the PS/AXI shell, those of "
                f"{', '.join(alone)} are the accelerator alone: the difference is not the error of "
                "an estimate."
            )
        )
    return tuple(marks)


def folding_marks(table: SplitTable, notes: Notes) -> tuple[int, ...]:
    """Published figures beside another folding than theirs."""
    if table.published_folding:
        return ()
    return (
        notes.mark(
            "The paper's circuits have the folding published with BNN-PYNQ, which is not the "
            f"folding here ({table.configuration.folding}): other circuits, so no difference is "
            "computed."
        ),
    )


def same_ff(table: SplitTable, entry: Entry) -> bool:
    """Whether this is one of the two paper entries with the same FF, and both are in the table."""
    pair = [table.entry(Point(split, "before"), PartName.FIRST, Source.PAPER) for split in (1, 2)]
    return entry in pair and None not in pair


def knows(table: SplitTable, resource: str, source: Source) -> bool:
    """Whether ``source`` counts ``resource`` anywhere in the table."""
    return any(
        entry.source is source and entry.used()[resource] is not None for entry in table.entries
    )


def unknown_marks(
    table: SplitTable, resource: str, source: Source, notes: Notes
) -> tuple[int, ...]:
    """A mark where this source counts other resources, but never this one."""
    known = {name: knows(table, name, source) for name in TABLE_RESOURCES}
    if known[resource] or not any(known.values()):
        return ()
    missing = ", ".join(RESOURCE_TITLES[name] for name, is_known in known.items() if not is_known)
    return (notes.mark(f"{source.value} does not count {missing}: blank, not zero."),)


def describe_source(table: SplitTable, source: Source) -> str:
    """Who says so, what was counted, and what was left out, from the entries themselves."""
    entries = [entry for entry in table.entries if entry.source is source]
    built = [entry.utilization for entry in entries if entry.utilization is not None]
    sentences = []
    citations = dict.fromkeys(entry.citation for entry in entries if entry.citation is not None)
    for citation in citations:
        cited = [entry for entry in entries if entry.citation == citation]
        where = "whole network" if cited[0].part is PartName.WHOLE else "first parts"
        derived = "; percent as printed, ≈ used = percent × device" * cited[0].used_derived
        sentences.append(f"{where}: {citation}{derived}")
    if not citations:
        tools = sorted({f"{one.tool} {one.tool_version}".strip() for one in built})
        stages = sorted({one.stage.value for one in built})
        sentences += [", ".join(tools), "/".join(stages)]
    # Devices of Alveo cards have names of their own.
    card = (table.configuration.device or "").lower().startswith("xcu")
    shell = "the card's whole platform" if card else "the PS/AXI shell"
    what = {
        Scope.OUT_OF_CONTEXT: "the accelerator alone, without a shell",
        Scope.WITH_SHELL: f"with {shell} around the accelerator",
    }
    sentences += [what[scope] for scope in sorted({one.scope for one in built})]
    uncounted = sorted({kind for entry in entries for kind in entry.uncounted})
    if uncounted:
        sentences.append(f"counted as 0 there: {', '.join(uncounted)}")
    if source in _SOURCE_REMARKS:
        sentences.append(_SOURCE_REMARKS[source])
    if not built and not citations:
        return "nothing was built"
    if table.device is None:
        sentences.append(f"no percent: {table.configuration.device} is not in the device table")
    return "; ".join(sentences)
