"""A plan as the terminal and the page show it: plain text, whoever planned."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ResourceUse:
    """What a part takes of its board. ``used``: with the shell, as far as that is known."""

    resource: str
    used: str
    allowed: str
    percent: str


@dataclass(frozen=True)
class PlannedBoard:
    """A part and where it goes. ``boards``: names, several where it is repeated."""

    title: str
    boards: str
    device: str
    layers: str
    interval: str
    resources: tuple[ResourceUse, ...]


@dataclass(frozen=True)
class PlannedBlock:
    """A block with the folding chosen."""

    block: str
    part: str
    folding: str
    cycles: str


@dataclass(frozen=True)
class PlannedHop:
    """A cut that the plan uses."""

    cut: str
    boards: str
    bytes: str
    time: str


@dataclass(frozen=True)
class OtherCut:
    """A cut that the plan does not use. ``verdict``: in a word."""

    cut: str
    verdict: str
    reason: str


@dataclass(frozen=True)
class PlanRecord:
    """Everything that is said of a plan.

    ``headline``: what was made best, with its figure; ``proof``: what is proved of it. ``summary``:
    (name, figure) of the whole. ``more``: (what, what it would buy). ``pareto``: headings and rows
    of the plans that no other one beats in everything, empty if none were asked for. ``notes``:
    what to know before one trusts it, a sentence each.
    """

    network: str
    network_sha256: str
    source: str
    objective: str
    headline: str
    proof: str
    summary: tuple[tuple[str, str], ...]
    boards: tuple[PlannedBoard, ...]
    blocks: tuple[PlannedBlock, ...]
    hops: tuple[PlannedHop, ...]
    others: tuple[OtherCut, ...]
    more: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    pareto_headings: tuple[str, ...] = ()
    pareto: tuple[tuple[str, ...], ...] = ()
