"""In words: why a split was chosen, why each other was not, what to know before one trusts it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dse.counted import counted
from dse.split_candidate import Candidate
from dse.split_rules import Rule, Score
from reports.resource_text import RESOURCE_TITLES
from reports.table import TABLE_RESOURCES, Point, SplitTable
from reports.utilization import Scope, Source

#: How a tie is broken, under every rule.
TIES = (
    "Cuts that tie: the one with fewer bytes over the link, then the earlier one, then the one "
    "with the pool before the cut."
)


def why_chosen(rule: Rule, ranked: Sequence[Candidate], scores: Mapping[Point, Score]) -> str:
    """One sentence on the first of ``ranked``, best first, with the figures that decided."""
    winner, *others = ranked
    mine = scores[winner.point]
    begin = f"{str(winner).capitalize()} {rule.best}: {mine.figure}"
    if not others:
        return f"{begin}; no other cut could be chosen."
    ties = sorted(
        (one for one in others if scores[one.point].value == mine.value),
        key=lambda one: one.order,
    )
    if not ties:
        return f"{begin}; the next is {others[0]} with {scores[others[0].point].figure}."
    labels = ", ".join(one.label for one in ties)
    begin += f", as {'does split' if len(ties) == 1 else 'do splits'} {labels}"
    as_few = [one for one in ties if one.bytes_per_image == winner.bytes_per_image]
    if not as_few:
        return f"{begin}; of these it sends the fewest bytes, {winner.bytes_per_image} per image."
    same_split = all(one.point.split == winner.point.split for one in as_few)
    last = "has the pool before the cut" if same_split else "is the earliest cut"
    if winner.bytes_per_image is None:
        return f"{begin}; what they send is unknown, and of these it {last}."
    return f"{begin}; of these that send as few bytes it {last}."


def why_lost(rule: Rule, loser: Candidate, winner: Candidate, scores: Mapping[Point, Score]) -> str:
    """One sentence on a cut that could have been built, with the figures that lost."""
    ours, theirs = scores[loser.point], scores[winner.point]
    if ours.value > theirs.value:
        return f"{rule.says} {ours.figure}, against {theirs.number} of {winner}."
    begin = f"{rule.says} {ours.figure}, like {winner}, but"
    size, least = loser.bytes_per_image, winner.bytes_per_image
    if size != least:
        sent = "an unknown number of" if size is None else str(size)
        return f"{begin} sends {sent} bytes per image, against {least}."
    if loser.point.split != winner.point.split:
        return f"{begin} is the later cut."
    return f"{begin} has the pool after the cut."


def notes_on(
    rule: Rule,
    resources: Sequence[str],
    winner: Candidate,
    ranked: Sequence[Candidate],
    candidates: Sequence[Candidate],
    source: Source,
    asked: Source | None,
    table: SplitTable,
    reserve: Mapping[str, float],
) -> list[str]:
    """Sentences: what is not in the numbers, and what was left out.

    ``resources``: those that the rule looked at; ``ranked``: every cut that it could score;
    ``candidates``: every cut; ``asked``: the source that the user named; ``reserve``: what each
    board keeps.
    """
    notes = []
    others = [one for one in table.sources if one not in (source, Source.PAPER)]
    if asked is None and others:
        notes.append(
            f"By {source.value}, the best source here that {_has(candidates)}; not looked at: "
            f"{', '.join(one.value for one in others)}."
        )
    if rule.name == "throughput":
        notes.append(_whose_cycles(ranked, source))
    usages = [usage for candidate in ranked for usage in candidate.usages]
    if any(usage.scope is Scope.OUT_OF_CONTEXT for usage in usages):
        kept = (
            "what is reserved is left for it"
            if reserve
            else "with --reserve room is kept for it, without it less is free than it says here"
        )
        notes.append(
            f"{source.value} counts the accelerator alone; the shell (PS interface, DMA) comes on "
            f"top of it: {kept}."
        )
    versions = sorted({f"{usage.tool} {usage.tool_version}".strip() for usage in usages})
    if len(versions) > 1:
        notes.append(f"The results are of several versions: {', '.join(versions)}.")
    own = [
        name
        for name in rule.resources
        if name in TABLE_RESOURCES and name not in resources and len(rule.resources) > 1
    ]
    if own:
        titles = ", ".join(RESOURCE_TITLES[name] for name in own)
        notes.append(
            f"{source.value} does not give {titles} of both parts of every cut: left out of the "
            "rule."
        )
    uncounted = sorted(
        {kind for _, entry in winner.parts if entry is not None for kind in entry.uncounted}
    )
    if uncounted:
        notes.append(f"Counted as 0 by {source.value}: {', '.join(uncounted)}.")
    if table.device is None:
        notes.append(
            f"{table.configuration.device} is not in the device table: whether the parts fit and "
            "what stays free is unknown."
        )
    else:
        unknown = [
            RESOURCE_TITLES[name]
            for name in TABLE_RESOURCES
            if any(one.used(name) is None for one in ranked)
        ]
        if unknown:
            notes.append(
                f"{source.value} does not give {', '.join(unknown)} of every part: whether the "
                "parts fit was checked without."
            )
    return notes


def _has(candidates: Sequence[Candidate]) -> str:
    """What a source has to say of cuts, some of which it may have failed to build."""
    cuts = [one for one in candidates if one.is_split]
    unbuilt = sum(not one.is_built for one in cuts)
    if not unbuilt:
        return "has every cut"
    return f"was tried on every cut (and could not build {unbuilt} of {counted(len(cuts), 'cut')})"


def _whose_cycles(ranked: Sequence[Candidate], source: Source) -> str:
    measured = {
        entry.cycles_measured
        for candidate in ranked
        for _, entry in candidate.parts
        if entry is not None and entry.cycles is not None
    }
    if measured == {True}:
        return f"{source.value} counted these cycles in a cycle-accurate simulation of each part."
    some = "not all of " if True in measured else ""
    verb = "were measured" if some else "are a model's; nothing was measured"
    return f"{source.value}: {some}these cycles {verb}."
