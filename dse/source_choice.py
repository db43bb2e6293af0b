"""Whose numbers a split is chosen by: one source, for numbers of two do not compare."""

from __future__ import annotations

from collections.abc import Sequence

from dse.errors import InputError
from dse.split_candidate import Candidate, candidates_of
from reports.table import Point, SplitTable
from reports.utilization import Source

#: The further a design had come when it was counted, the better. Not ``paper``: it publishes no
#: second part.
BEST_FIRST = (Source.VIVADO_PLACED, Source.VIVADO_SYNTH, Source.YOSYS, Source.FINN_ESTIMATE)


def parse_source(source: Source | str) -> Source:
    """A source by its name. Raises InputError for a name that is none."""
    try:
        return Source(source)
    except ValueError as error:
        raise InputError(
            f"unknown source {str(source)!r}", choices=[one.value for one in BEST_FIRST]
        ) from error


def choose_source(
    table: SplitTable, points: Sequence[Point], asked: Source | None
) -> tuple[Source, list[Candidate]]:
    """The source ``asked`` for, or the best that has a result of both parts of every cut.

    A build that failed is a result, too: a better tool that could not build a cut is not passed
    over for a lesser one that could. A source of which no cut at all was built is passed over.
    Returns what it says of each of ``points``. Raises InputError where the source asked for has no
    cut with both parts, or where none has every cut.
    """
    by_source = {source: candidates_of(table, source, points) for source in Source}
    usable = [
        source
        for source in BEST_FIRST
        if any(candidate.is_built for candidate in by_source[source] if candidate.is_split)
    ]
    if asked is not None:
        if asked not in usable and (usable or asked not in BEST_FIRST):
            raise InputError(
                f"{asked.value} has no result of both parts of any cut swept",
                choices=[source.value for source in usable] or None,
            )
        return asked, by_source[asked]
    for source in usable:
        if not _missing(by_source[source]):
            return source, by_source[source]
    if not usable:
        # Nothing was built by anybody: let the caller say of each cut why.
        present = {entry.source for entry in table.entries}
        source = next((one for one in BEST_FIRST if one in present), Source.FINN_ESTIMATE)
        return source, by_source[source]
    gaps = "; ".join(f"{one.value} lacks {_missing(by_source[one])[0]}" for one in usable)
    raise InputError(
        f"no source has both parts of every cut: {gaps}",
        expected="one named with --source, which then leaves out the cuts it lacks",
        choices=[source.value for source in usable],
    )


def _missing(candidates: Sequence[Candidate]) -> list[str]:
    return [
        f"the {name.value} part of {candidate}"
        for candidate in candidates
        if candidate.is_split
        for name, entry in candidate.parts
        if entry is None
    ]
