"""Words that both figures use: who a source is, and what it leaves out."""

from __future__ import annotations

from reports.missed_goals import missed_words
from reports.resource_text import RESOURCE_TITLES
from reports.table import TABLE_RESOURCES, Entry, SplitTable, Status
from reports.utilization import Scope, Source


def source_label(table: SplitTable, source: Source) -> str:
    """The source, and on a second line whether the shell was counted."""
    for entry in table.entries:
        if entry.source is source and entry.utilization is not None:
            shell = entry.utilization.scope is Scope.WITH_SHELL
            return f"{source.value}\n({'with shell' if shell else 'without shell'})"
    return source.value


def missing_notes(source: Source, entries: list[Entry]) -> list[str]:
    """What this source leaves out of ``entries``: never counted, counted only in part, failed."""
    notes = []
    built = [entry for entry in entries if entry.utilization is not None]
    never = [
        RESOURCE_TITLES[name]
        for name in TABLE_RESOURCES
        if built and all(entry.used()[name] is None for entry in built)
    ]
    if never:
        notes.append(f"Left out: {', '.join(never)}, which {source.value} does not count.")
    for entry in built:
        gaps = [
            RESOURCE_TITLES[name]
            for name in TABLE_RESOURCES
            if entry.used()[name] is None and RESOURCE_TITLES[name] not in never
        ]
        if gaps:
            notes.append(f"Left out: {', '.join(gaps)} of {_place(entry)} ({source.value}).")
    failed = [_place(entry) for entry in entries if entry.status is Status.FAILED]
    if failed:
        notes.append(f"Left out: {', '.join(failed)}, which failed ({source.value}).")
    misfits = [_place(entry) for entry in entries if entry.status is Status.MISFIT]
    if misfits:
        notes.append(f"Left out: {', '.join(misfits)}, which cannot be placed ({source.value}).")
    for entry in entries:
        missed = missed_words(entry.implementation)
        if missed and entry.status is not Status.MISFIT:
            notes.append(f"{source.value}, {_place(entry)}: {missed}.")
    return notes


def _place(entry: Entry) -> str:
    if entry.point.split is None:
        return "the whole network"
    return f"the {entry.part.value} part of split {entry.point.split}"
