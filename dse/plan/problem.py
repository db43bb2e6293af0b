"""What is wanted of a plan."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dse.errors import InputError
from dse.plan.chain import Chain
from dse.plan.fleet import Fleet


class Objective(StrEnum):
    """What is made as small as can be (docs/planner.md has each as a formula).

    ``throughput``: seconds between two images. ``latency``: seconds of one image.
    ``batch``: seconds of a batch of images. ``boards``: how many boards. ``traffic``: bytes per
    image between boards (BNNsplit). ``balance``: the greatest difference between the shares that
    two boards use of a resource (the paper). ``scarcest``: the greatest share that any board uses
    of any resource.
    """

    THROUGHPUT = "throughput"
    LATENCY = "latency"
    BATCH = "batch"
    BOARDS = "boards"
    TRAFFIC = "traffic"
    BALANCE = "balance"
    SCARCEST = "scarcest"


@dataclass(frozen=True)
class Limits:
    """What a plan may not exceed; None: no limit. Times in seconds, shares from 0 to 1.

    ``interval``: between two images (1 / fps). ``batch``: of ``Problem.batch`` images. ``traffic``:
    bytes per image over all hops, ``hop_bytes``: over any one.
    Limits on resources and on links' load are those of boards and links (``usable``).
    """

    interval: float | None = None
    latency: float | None = None
    batch: float | None = None
    boards: int | None = None
    traffic: int | None = None
    hop_bytes: int | None = None
    balance: float | None = None
    scarcest: float | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and not value >= 0:
                raise InputError(f"a limit of {value} on {name}", expected="0 or more")


@dataclass(frozen=True)
class Problem:
    """A chain, a fleet, and which plans are allowed.

    ``batch``: images of a batch. ``use_all``: every board must be used, else as many as are worth
    it. ``most_replicas``: on how many boards of one kind (neighbours among those used, in a fixed
    order) a part may be repeated, images going to them in turn. ``must_cut``, ``must_not_cut``:
    positions (after how many blocks). Raises InputError.
    """

    chain: Chain
    fleet: Fleet
    limits: Limits = Limits()
    batch: int = 20
    use_all: bool = False
    most_replicas: int = 1
    must_cut: frozenset[int] = frozenset()
    must_not_cut: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if self.batch < 1 or self.most_replicas < 1:
            raise InputError("a batch and the replicas of a part are 1 or more")
        for position in sorted(self.must_cut):
            if position not in self.chain.cuts:
                raise InputError(
                    f"{self.chain.network} cannot be cut after {position} blocks",
                    choices=self.chain.cuts,
                )
        if both := self.must_cut & self.must_not_cut:
            raise InputError(f"after {min(both)} blocks a cut is both wanted and forbidden")
