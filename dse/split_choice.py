"""Which split to build, why, why none of the others, and what it leaves free on each board.

Pure functions on the records of a sweep; docs/choosing.md has the rules in words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from dse.board_space import BoardSpace, board_space, broken_limits
from dse.errors import InputError
from dse.resource_counts import Region, checked_counts
from dse.source_choice import choose_source, parse_source
from dse.split_candidate import Candidate
from dse.split_reasons import TIES, notes_on, why_chosen, why_lost
from dse.split_rules import RULES, Rule, Score
from reports.devices import Device
from reports.missed_goals import lacking_resources, missed_timing
from reports.resource_text import RESOURCE_TITLES, format_used
from reports.sweep_record import SweepRecord
from reports.table import (
    TABLE_RESOURCES,
    WHOLE,
    Configuration,
    Point,
    SplitTable,
    Status,
    build_table,
)
from reports.utilization import Source, Utilization

#: Sides of a cut on which a max-pool there may be.
POOLS = ("before", "after", "both")


@dataclass(frozen=True)
class Rejection:
    """A cut that was not chosen. ``reason``: one sentence with the figures that decided."""

    split: int
    pool: str
    reason: str


@dataclass(frozen=True)
class Choice:
    """The split that ``rule`` chooses by the numbers of ``source`` alone.

    ``why``: one sentence with figures. ``rejected``: every other cut that was swept, by split.
    ``boards``: what stays free on the board of the first and of the second part. ``ties``: how a
    tie is broken. ``notes``: what to know before one trusts it.
    """

    configuration: Configuration
    rule: str
    source: Source
    split: int
    pool: str
    bytes_per_image: int | None
    why: str
    rejected: tuple[Rejection, ...]
    boards: tuple[BoardSpace, BoardSpace]
    ties: str
    notes: tuple[str, ...]


def choose_split(
    records: Sequence[SweepRecord],
    by: str = "traffic",
    *,
    source: Source | str | None = None,
    pool: Literal["before", "after", "both"] = "both",
    reserve: Mapping[str, float] | None = None,
    regions: Sequence[Region] = (),
) -> Choice:
    """Choose among the cuts of one sweep, whatever the order of its records.

    ``by``: a name in :data:`~dse.split_rules.RULES`. ``source``: whose numbers; None takes the best
    one that has a result of every cut. Numbers of two sources are never compared. ``pool``: of a
    cut that was swept with the pool on either side, look at this one only. ``reserve``: counts by
    resource (:data:`~dse.resource_counts.NAMES`) that each board keeps for its shell and others.
    ``regions``: what else might go onto the boards.

    Both parts must fit their boards under every rule; an unknown count breaks no limit, and the
    notes say so. Raises InputError for no cut or several configurations, for an unknown rule,
    source or resource, for a rule about what the source does not count, and where no cut can be
    chosen.
    """
    if by not in RULES:
        raise InputError(f"unknown rule {by!r}", choices=RULES)
    rule = RULES[by]
    asked = None if source is None else parse_source(source)
    table = build_table(records)
    kept = _checked_reserve(reserve, table.device)
    chosen_source, candidates = choose_source(table, _points(table, pool), asked)

    reasons: dict[Point, str] = {}
    possible: list[Candidate] = []
    for candidate in candidates:
        reason = _impossible(candidate, chosen_source, table.device, kept)
        if reason is None:
            possible.append(candidate)
        else:
            reasons[candidate.point] = reason
    if not possible:
        raise _no_cut(rule, chosen_source, candidates, reasons)
    _refuse_unlike(possible, chosen_source)
    resources = _known_resources(rule, possible)
    _refuse_unknown(rule, resources, possible, chosen_source, table)

    scores: dict[Point, Score] = {}
    for candidate in possible:
        score = rule.score(candidate, resources, table.device)
        if score is None:
            reasons[candidate.point] = (
                f"{chosen_source.value} does not say {rule.unknown}, which the rule needs."
            )
        else:
            scores[candidate.point] = score
    ranked = [candidate for candidate in possible if candidate.point in scores]
    if not ranked:
        raise _no_cut(rule, chosen_source, candidates, reasons)
    ranked.sort(key=lambda one: (scores[one.point].value, *_tie_order(one)))
    winner = ranked[0]
    for loser in ranked[1:]:
        reasons[loser.point] = why_lost(rule, loser, winner, scores)

    assert winner.point.split is not None
    assert winner.point.pool is not None
    first, second = (
        board_space(part, entry.used(), table.device, kept, regions)
        for part, entry in winner.parts
        if entry is not None
    )
    return Choice(
        configuration=table.configuration,
        rule=rule.name,
        source=chosen_source,
        split=winner.point.split,
        pool=winner.point.pool,
        bytes_per_image=winner.bytes_per_image,
        why=why_chosen(rule, ranked, scores),
        rejected=tuple(
            Rejection(candidate.point.split or 0, candidate.point.pool or "before", reason)
            for candidate in candidates
            if (reason := reasons.get(candidate.point)) is not None
        ),
        boards=(first, second),
        ties=TIES,
        notes=tuple(
            notes_on(rule, resources, winner, ranked, candidates, chosen_source, asked, table, kept)
        ),
    )


# -- what can be chosen from --------------------------------------------------------------------


def _points(table: SplitTable, pool: str) -> list[Point]:
    if pool not in POOLS:
        raise InputError(f"unknown side of the pool {pool!r}", choices=POOLS)
    cuts = [point for point in table.points if point != WHOLE]
    if not cuts:
        raise InputError("only the whole network was swept", expected="a sweep of at least one cut")
    if pool == "both":
        return cuts
    if pool == "after" and all(point.pool == "before" for point in cuts):
        raise InputError(
            "no cut was swept with its pool after it", expected="a sweep with --pool both or after"
        )
    on_that_side = {point.split for point in cuts if point.pool == pool}
    return [point for point in cuts if point.pool == pool or point.split not in on_that_side]


def _checked_reserve(
    reserve: Mapping[str, float] | None, device: Device | None
) -> dict[str, float]:
    if not reserve:
        return {}
    counts = checked_counts(reserve)
    if device is None:
        return counts
    for name, count in counts.items():
        capacity = device.capacities()[name]
        if capacity is not None and count > capacity:
            raise InputError(
                f"a reserve of {format_used(name, count)} {RESOURCE_TITLES[name]}",
                expected=f"at most the {format_used(name, capacity)} of {device.name}",
            )
    return counts


def _impossible(
    candidate: Candidate, source: Source, device: Device | None, reserve: Mapping[str, float]
) -> str | None:
    """Why this cut cannot be built, by any rule; None if it can as far as is known."""
    if not candidate.is_split:
        return "Nothing is left behind this cut: everything is on one board, so it is no split."
    for part, entry in candidate.parts:
        if entry is None:
            return f"{source.value} has no result of its {part.value} part."
        if entry.status is Status.FAILED:
            error = " ".join((entry.error or "").split()).rstrip(".")
            return f"Its {part.value} part could not be built: {error}."
        if late := missed_timing(entry.implementation):
            return f"Its {part.value} part is too slow for the clock: {', '.join(late)}."
    broken = {
        # What the tool found lacking says more than our table of devices: it tried.
        part: list(lacking_resources(entry.implementation))
        or broken_limits(entry.used(), device, reserve)
        for part, entry in candidate.parts
        if entry is not None
    }
    misfits = [
        f"its {part.value} part needs {', '.join(limits)}"
        for part, limits in broken.items()
        if limits
    ]
    return f"It does not fit: {'; '.join(misfits)}." if misfits else None


def _no_cut(
    rule: Rule, source: Source, candidates: Sequence[Candidate], reasons: Mapping[Point, str]
) -> InputError:
    said = "; ".join(f"{one}: {reasons[one.point].rstrip('.')}" for one in candidates)
    return InputError(f"no cut can be chosen by {rule.name} from {source.value}: {said}")


def _refuse_unlike(possible: Sequence[Candidate], source: Source) -> None:
    """InputError where results of one source are of different kinds, so do not compare."""
    kinds: dict[str, Callable[[Utilization], str]] = {
        "scopes": lambda usage: usage.scope.value,
        "stages": lambda usage: usage.stage.value,
        "tools": lambda usage: usage.tool,
    }
    for kind, read in kinds.items():
        found = sorted({read(usage) for candidate in possible for usage in candidate.usages})
        if len(found) > 1:
            raise InputError(
                f"results of {source.value} are of different {kind} ({', '.join(found)}), "
                "which do not compare",
                expected="a sweep of one",
            )


def _known_resources(rule: Rule, possible: Sequence[Candidate]) -> tuple[str, ...]:
    """Those of the rule's resources that are known of both parts of every cut in question."""
    return tuple(
        name
        for name in rule.resources
        if all(candidate.used(name) is not None for candidate in possible)
    )


def _refuse_unknown(
    rule: Rule,
    resources: Sequence[str],
    possible: Sequence[Candidate],
    source: Source,
    table: SplitTable,
) -> None:
    """InputError where the rule is about something that is known of no cut."""
    if rule.needs_device and table.device is None:
        raise InputError(
            f"the rule {rule.name} counts in percent of the device, and "
            f"{table.configuration.device} is not in the device table",
            choices=[name for name, other in RULES.items() if not other.needs_device],
        )
    if not rule.resources or resources:
        return
    if any(one.used(name) is not None for one in possible for name in rule.resources):
        if rule.name in TABLE_RESOURCES:
            return  # known of some: the others are rejected, one by one
        raise InputError(
            f"{source.value} counts no resource of both parts of every cut, so the rule "
            f"{rule.name} has nothing to compare",
            choices=[name for name, other in RULES.items() if other is not rule],
        )
    counted = [name for name in TABLE_RESOURCES if _counts(table, source, name)]
    missing = [RESOURCE_TITLES[name] for name in rule.resources if name in TABLE_RESOURCES]
    others = [
        other.value
        for other in table.sources
        if other not in (source, Source.PAPER)
        and any(_counts(table, other, name) for name in rule.resources)
    ]
    has = ", ".join(RESOURCE_TITLES[name] for name in counted) or "nothing"
    by_others = (
        f"counted by {', '.join(others)}" if others else "counted by no source of this sweep"
    )
    raise InputError(
        f"{source.value} does not count {', '.join(missing)} ({by_others}); it counts {has}",
        choices=[
            name
            for name, other in RULES.items()
            if not other.resources or {*other.resources} & {*counted}
        ],
    )


def _counts(table: SplitTable, source: Source, resource: str) -> bool:
    return any(
        entry.source is source and entry.used()[resource] is not None
        for entry in table.entries
        if entry.point != WHOLE
    )


def _tie_order(candidate: Candidate) -> tuple[bool, int, int, bool]:
    size = candidate.bytes_per_image
    # Unknown is not 0: it comes behind every known size.
    return (size is None, size or 0, *candidate.order)
