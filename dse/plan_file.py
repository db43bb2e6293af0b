"""plan.json: a plan in a file, for the commands that build, measure and run it.

docs/formats.md has the keys. :mod:`dse.plan_use` says what a command takes from it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dse.atomic_write import atomic_write
from dse.errors import InputError
from dse.plan.chain import PLAN_RESOURCES, Counts
from dse.plan.problem import Objective, Problem
from finn_flows.cut import PoolSide
from finn_flows.folding import WeightMemory

if TYPE_CHECKING:
    from dse.plan.fleet import Link, PlanBoard
    from dse.plan.solve import Solution
    from finn_flows.folding import Folding

PLAN_FILE = "plan.json"
FORMAT: Literal["split-dse/plan"] = "split-dse/plan"
VERSION: Literal[1] = 1
#: No plan of ours is larger, in bytes.
LARGEST_FILE = 1 << 26

_Count = Annotated[float, Field(ge=0)]
_Seconds = Annotated[float, Field(ge=0)]
_Named = Annotated[str, Field(min_length=1, max_length=200)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class NetworkEntry(_Entry):
    """``sha256`` is empty for a graph that is no chain of ours."""

    name: _Named
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]


class Resources(_Entry):
    """By resource; None is unknown."""

    lut: _Count | None
    lutram: _Count | None
    ff: _Count | None
    bram: _Count | None
    dsp: _Count | None
    uram: _Count | None


class BoardEntry(_Entry):
    """A board of the fleet."""

    name: _Named
    part: _Named
    clock_mhz: Annotated[float, Field(gt=0)]
    capacity: Resources
    shell: Resources
    usable: Resources


class LinkEntry(_Entry):
    """A link of the fleet."""

    name: str
    message_s: _Seconds
    byte_s: _Seconds
    delay_s: _Seconds
    usable: Annotated[float, Field(gt=0, le=1)]


class FleetEntry(_Entry):
    """What was planned for."""

    boards: Annotated[list[BoardEntry], Field(min_length=1)]
    links: Annotated[list[LinkEntry], Field(min_length=1)]
    host: LinkEntry
    any_order: bool


class LimitsEntry(_Entry):
    """What the plan was allowed; the fields of Limits and Problem under their names."""

    interval: _Seconds | None
    latency: _Seconds | None
    batch: _Seconds | None
    boards: int | _Count | None
    traffic: int | _Count | None
    hop_bytes: int | _Count | None
    balance: _Count | None
    scarcest: _Count | None
    use_all: bool
    most_replicas: Annotated[int, Field(ge=1)]
    must_cut: list[int]
    must_not_cut: list[int]


class ObjectiveEntry(_Entry):
    """``bound``: no plan's ``value`` can be less; None where none was proved."""

    name: Objective
    then: list[Objective]
    batch_images: Annotated[int, Field(ge=1)]
    value: _Count
    bound: _Count | None
    optimal: bool
    method: str


class CutEntry(_Entry):
    """``split`` is None where the cut is none of :class:`finn_flows.cut.Cut`."""

    after_blocks: Annotated[int, Field(ge=1)]
    label: str
    split: Annotated[int, Field(ge=0)] | None
    pool: PoolSide
    bytes_per_image: Annotated[int, Field(ge=0)]
    seconds: _Seconds


class LayerEntry(_Entry):
    """As in a folding file."""

    simd: Annotated[int, Field(ge=1)]
    pe: Annotated[int, Field(ge=1)]
    weight_memory: WeightMemory


class FoldingEntry(_Entry):
    """Of the whole network."""

    name: _Named
    layers: Annotated[list[LayerEntry], Field(min_length=1)]


class PartEntry(_Entry):
    """``interval_s`` of the part alone, on all its boards."""

    blocks: Annotated[list[str], Field(min_length=1)]
    layers: list[str]
    foldings: list[str]
    boards: Annotated[list[str], Field(min_length=1)]
    interval_s: _Seconds
    latency_s: _Seconds
    used: Resources
    shares: Resources


class MetricsEntry(_Entry):
    """Of the whole plan."""

    interval_s: Annotated[float, Field(gt=0)]
    latency_s: _Seconds
    batch_s: _Seconds
    boards: Annotated[int, Field(ge=1)]
    traffic_bytes: Annotated[int, Field(ge=0)]
    balance: _Count
    scarcest: _Count


class PlanFile(_Entry):
    """What plan.json holds."""

    format: Literal["split-dse/plan"]
    version: Literal[1]
    network: NetworkEntry
    source: _Named
    uncounted: list[str]
    objective: ObjectiveEntry
    metrics: MetricsEntry
    cuts: list[CutEntry]
    folding: FoldingEntry | None
    parts: Annotated[list[PartEntry], Field(min_length=1)]
    limits: LimitsEntry
    fleet: FleetEntry

    @model_validator(mode="after")
    def _fits_together(self) -> PlanFile:
        if len(self.cuts) != len(self.parts) - 1:
            raise ValueError(f"{len(self.cuts)} cuts and {len(self.parts)} parts")
        places = [cut.after_blocks for cut in self.cuts]
        if places != sorted(set(places)):
            raise ValueError("its cuts do not ascend")
        blocks = [len(part.blocks) for part in self.parts]
        if places != list(accumulate(blocks[:-1])):
            raise ValueError(f"its cuts are not between parts of {blocks} blocks")
        names = [board.name for board in self.fleet.boards]
        used = [name for part in self.parts for name in part.boards]
        for name in used:
            if name not in names:
                raise ValueError(f"a part is on board {name!r}, which is not of the fleet")
        if len(set(used)) != len(used):
            raise ValueError("a board has two parts")
        return self

    def board(self, part: PartEntry) -> BoardEntry:
        """The first board of ``part``; the others are of its kind."""
        return next(board for board in self.fleet.boards if board.name == part.boards[0])


def plan_file(
    problem: Problem,
    solution: Solution,
    then: Sequence[Objective] = (),
    folding: Folding | None = None,
) -> PlanFile:
    """``solution`` of ``problem`` as a file holds it. ``folding``: of the whole network, where the
    chain is one of ours."""
    chain, fleet, metrics = problem.chain, problem.fleet, solution.metrics
    limits = vars(problem.limits) | {
        "use_all": problem.use_all,
        "most_replicas": problem.most_replicas,
        "must_cut": sorted(problem.must_cut),
        "must_not_cut": sorted(problem.must_not_cut),
    }
    parts = []
    for position, part in enumerate(solution.parts):
        blocks = chain.blocks[part.first : part.last]
        parts.append(
            PartEntry(
                blocks=[block.name for block in blocks],
                layers=[layer for block in blocks for layer in block.layers],
                foldings=[
                    block.options[option].name
                    for block, option in zip(blocks, part.options, strict=True)
                ],
                boards=[fleet.boards[board].name for board in part.boards],
                interval_s=metrics.part_intervals[position],
                latency_s=metrics.part_latencies[position],
                used=_resources(metrics.use[position]),
                shares=_resources(metrics.shares[position]),
            )
        )
    cuts = []
    for part, seconds in zip(solution.parts[:-1], metrics.hop_seconds, strict=True):
        boundary = chain.boundaries[part.last - 1]
        cuts.append(
            CutEntry(
                after_blocks=part.last,
                label=boundary.label,
                split=boundary.split,
                pool="after" if boundary.pool == "after" else "before",
                bytes_per_image=boundary.bytes_per_image or 0,
                seconds=seconds,
            )
        )
    return PlanFile(
        format=FORMAT,
        version=VERSION,
        network=NetworkEntry(name=chain.network, sha256=chain.network_sha256),
        source=chain.source,
        uncounted=list(chain.uncounted),
        objective=ObjectiveEntry(
            name=solution.objective,
            then=list(then),
            batch_images=problem.batch,
            value=metrics.of(solution.objective),
            bound=solution.bound,
            optimal=solution.is_optimal,
            method=solution.method,
        ),
        metrics=MetricsEntry(
            interval_s=metrics.interval,
            latency_s=metrics.latency,
            batch_s=metrics.batch,
            boards=metrics.boards,
            traffic_bytes=metrics.traffic,
            balance=metrics.balance,
            scarcest=metrics.scarcest,
        ),
        cuts=cuts,
        folding=None if folding is None else _folding(folding),
        parts=parts,
        limits=LimitsEntry(**limits),
        fleet=FleetEntry(
            boards=[_board(board) for board in fleet.boards],
            links=[_link(link) for link in fleet.links],
            host=_link(fleet.host),
            any_order=fleet.any_order,
        ),
    )


def plan_file_data(plan: PlanFile) -> dict[str, Any]:
    """As plain data, keys in the order of docs/formats.md."""
    return plan.model_dump(mode="json")


def write_plan_file(plan: PlanFile, path: Path) -> Path:
    """Raises OutputError. The same plan gives the same bytes."""
    text = json.dumps(plan_file_data(plan), indent=1, allow_nan=False, ensure_ascii=False)
    atomic_write(path, text + "\n")
    return path


def read_plan_file(path: Path) -> PlanFile:
    """The plan in ``path``.

    Raises InputError, naming file and key, for one that is missing, damaged, or of another kind or
    version.
    """
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", where=path, expected="what `dse plan` wrote"
        ) from error
    if len(text) > LARGEST_FILE:
        raise InputError("is too large for a plan", where=path)
    try:
        head = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError("is no JSON", where=path, expected="what `dse plan` wrote") from error
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise InputError("is no plan", where=path, expected=f"format {FORMAT}")
    if head.get("version") != VERSION:
        raise InputError(
            f"is a plan of version {head.get('version')!r}"[:60], where=path, expected=str(VERSION)
        )
    try:
        return PlanFile.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        said = first["msg"].removeprefix("Value error, ")
        raise InputError(
            f"damaged: {place + ': ' if place else ''}{said}", where=path, expected="a plan.json"
        ) from error


def _resources(counts: Counts) -> Resources:
    return Resources(**dict(zip(PLAN_RESOURCES, counts, strict=True)))


def _folding(folding: Folding) -> FoldingEntry:
    return FoldingEntry(
        name=folding.name,
        layers=[
            LayerEntry(simd=one.simd, pe=one.pe, weight_memory=one.weight_memory)
            for one in folding.layers
        ],
    )


def _board(board: PlanBoard) -> BoardEntry:
    return BoardEntry(
        name=board.name,
        part=board.part,
        clock_mhz=board.clock_mhz,
        capacity=_resources(board.capacity),
        shell=_resources(board.shell),
        usable=_resources(board.usable),
    )


def _link(link: Link) -> LinkEntry:
    return LinkEntry(
        name=link.name,
        message_s=link.message_s,
        byte_s=link.byte_s,
        delay_s=link.delay_s,
        usable=link.usable,
    )
