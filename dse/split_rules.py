"""The rules by which a split can be chosen: each gives a cut a score, the least wins.

docs/choosing.md says in words what stands here. A new rule is one entry of :data:`RULES`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from dse.split_candidate import Candidate
from reports.devices import Device
from reports.resource_text import RESOURCE_TITLES, format_percent, format_used
from reports.table import TABLE_RESOURCES


@dataclass(frozen=True)
class Score:
    """What a rule says of one cut: the less the better.

    ``figure`` is the same in words, ``number`` without them, to stand behind another figure.

    Exact, so that equal counts tie and rounding never decides.
    """

    value: Fraction
    figure: str
    number: str


@dataclass(frozen=True)
class Rule:
    """``best`` says what the winner does, ``says`` begins a sentence that a figure ends.

    ``summary``: one line of help. ``unknown``: what is not known of a cut that cannot be scored.
    ``score(candidate, resources, device)`` is None for such a cut; ``resources`` are those of the
    rule's that are known of every cut in question. ``needs_device``: the rule counts in percent of
    the device.
    """

    name: str
    best: str
    says: str
    summary: str
    unknown: str
    score: Callable[[Candidate, Sequence[str], Device | None], Score | None]
    resources: tuple[str, ...] = ()
    needs_device: bool = False


def _traffic(candidate: Candidate, _: Sequence[str], __: Device | None) -> Score | None:
    size = candidate.bytes_per_image
    return None if size is None else Score(Fraction(size), f"{size} bytes per image", str(size))


def _balance(candidate: Candidate, resources: Sequence[str], device: Device | None) -> Score | None:
    assert device is not None
    widest: tuple[Fraction, str, float, float] | None = None
    for name in resources:
        used, capacity = candidate.used(name), device.available()[name]
        if used is None:
            return None
        if not capacity:
            continue
        difference = abs(Fraction(used[0]) - Fraction(used[1])) * 100 / capacity
        if widest is None or difference > widest[0]:
            widest = (difference, name, 100 * used[0] / capacity, 100 * used[1] / capacity)
    if widest is None:
        return None
    difference, name, first, second = widest
    return Score(
        difference,
        f"{format_percent(float(difference))} percentage points in {RESOURCE_TITLES[name]} "
        f"({format_percent(first)} and {format_percent(second)} %)",
        format_percent(float(difference)),
    )


def _throughput(candidate: Candidate, _: Sequence[str], __: Device | None) -> Score | None:
    if candidate.interval is None:
        return None
    figure = f"{candidate.interval} cycles between two images"
    return Score(Fraction(candidate.interval), figure, str(candidate.interval))


def _peak_of(resource: str) -> Rule:
    title = RESOURCE_TITLES[resource]

    def score(candidate: Candidate, _: Sequence[str], __: Device | None) -> Score | None:
        used = candidate.used(resource)
        if used is None:
            return None
        part = "both parts alike"
        if used[0] != used[1]:
            part = "first part" if used[0] > used[1] else "second part"
        number = format_used(resource, max(used))
        return Score(Fraction(max(used)), f"{number} {title} ({part})", number)

    return Rule(
        name=resource,
        best=f"needs the least {title} on its fuller board",
        says="Its fuller board uses",
        summary=f"least {title} on the board that uses more of it",
        unknown=f"{title} of both parts",
        score=score,
        resources=(resource,),
    )


#: Every rule by its name on the command line, in the order of help.
RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule(
            name="traffic",
            best="sends the fewest bytes over the link",
            says="It sends",
            summary="fewest bytes per image over the link (BNNsplit)",
            unknown="the bytes over its link",
            score=_traffic,
        ),
        Rule(
            # See docs/choosing.md: the least greatest difference, in percent of the device.
            name="balance",
            best="uses the two boards most evenly",
            says="Its boards differ by up to",
            summary="most even resources over the two boards (the paper)",
            unknown="what both parts use",
            score=_balance,
            resources=(*TABLE_RESOURCES, "uram"),
            needs_device=True,
        ),
        Rule(
            name="throughput",
            best="allows the most images per second",
            says="It takes",
            summary="most images per second with both boards at work",
            unknown="the cycles of both parts",
            score=_throughput,
        ),
        *(_peak_of(resource) for resource in TABLE_RESOURCES),
    )
}
