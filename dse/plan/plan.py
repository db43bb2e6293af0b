"""A plan, and what it comes to: one evaluation that everything is measured by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from dse.errors import InputError
from dse.plan.chain import PLAN_RESOURCES, Counts, FoldingOption
from dse.plan.problem import Objective, Problem


@dataclass(frozen=True)
class PlannedPart:
    """``chain.blocks[first:last]`` with the foldings ``options`` (an index for each block).

    ``boards``: indices into ``fleet.boards``; more than one where the part is repeated.
    """

    first: int
    last: int
    options: tuple[int, ...]
    boards: tuple[int, ...]


@dataclass(frozen=True)
class Metrics:
    """What a plan comes to: seconds, bytes per image, shares of devices (0 to 1).

    ``shares``: of each part, by :data:`~dse.plan.chain.PLAN_RESOURCES`, the shell included; None
    unknown (of the source, or a device that has none of it and needs none). ``balance`` and
    ``scarcest`` are over the known ones.
    """

    interval: float
    latency: float
    batch: float
    boards: int
    traffic: int
    balance: float
    scarcest: float
    part_intervals: tuple[float, ...]
    part_latencies: tuple[float, ...]
    hop_seconds: tuple[float, ...]
    use: tuple[Counts, ...]
    shares: tuple[Counts, ...]

    def of(self, objective: Objective) -> float:
        """The figure that ``objective`` makes small."""
        name = "interval" if objective is Objective.THROUGHPUT else objective.value
        return float(getattr(self, name))


def evaluate(problem: Problem, parts: tuple[PlannedPart, ...]) -> Metrics:
    """What ``parts`` come to, whether within the limits or not.

    Raises InputError for what is no plan: blocks left out or twice, a cut that is not legal, boards
    out of order or of unlike kind for one part.
    """
    check_form(problem, parts)
    chain, fleet = problem.chain, problem.fleet
    intervals, latencies, uses, shares = [], [], [], []
    for part in parts:
        options = [chain.blocks[part.first + k].options[o] for k, o in enumerate(part.options)]
        board = fleet.boards[part.boards[0]]
        slowest = max(option.cycles for option in options)
        seconds = 1e-6 / board.clock_mhz
        intervals.append(slowest * seconds / len(part.boards))
        latencies.append(part_cycles(options) * seconds)
        use = part_use(problem, part)
        uses.append(use)
        shares.append(
            tuple(
                None if count is None or not size else (count + (shell or 0.0)) / size
                for count, size, shell in zip(use, board.capacity, board.shell, strict=True)
            )
        )
    hop_bytes = [chain.boundaries[part.last - 1].bytes_per_image or 0 for part in parts[:-1]]
    hop_seconds, hop_intervals = [], []
    for size, (part, following) in zip(hop_bytes, pairwise(parts), strict=True):
        link = fleet.link(max(part.boards), min(following.boards), size)
        hop_seconds.append(link.late(size))
        side_by_side = min(len(part.boards), len(following.boards))
        hop_intervals.append(link.seconds(size) / link.usable / side_by_side)
    ends = (chain.input_bytes, chain.output_bytes)
    host_intervals = [fleet.host.seconds(size) / fleet.host.usable for size in ends]
    interval = max(*intervals, *hop_intervals, *host_intervals)
    latency = sum(latencies) + sum(hop_seconds) + sum(fleet.host.late(size) for size in ends)
    known = [_known(share[k] for share in shares) for k in range(len(PLAN_RESOURCES))]
    return Metrics(
        interval=interval,
        latency=latency,
        batch=latency + (problem.batch - 1) * interval,
        boards=sum(len(part.boards) for part in parts),
        traffic=sum(hop_bytes),
        balance=_greatest(max(own) - min(own) for own in known if own),
        scarcest=_greatest(max(own) for own in known if own),
        part_intervals=tuple(intervals),
        part_latencies=tuple(latencies),
        hop_seconds=tuple(hop_seconds),
        use=tuple(uses),
        shares=tuple(shares),
    )


def part_cycles(options: Sequence[FoldingOption]) -> int:
    """Clock cycles of one image alone through blocks so folded.

    Blocks stream: each works on what the one before it has given so far. An image takes as long as
    the longest chain of waiting in it: up to some block, each waits for the start of what the one
    before it gives (``fill``); that block is busy for all its ``cycles``; and behind it each has
    only the end of the image left to do (``drain``). So it is the greatest, over the blocks, of
    the fills before it, its own cycles and the drains behind it.
    """
    filled, longest = 0, 0
    for option in options:
        longest = max(longest + option.drain, filled + option.cycles)
        filled += option.fill
    return longest


def part_use(problem: Problem, part: PlannedPart) -> Counts:
    """What a part takes of its board: blocks and converters, without the shell."""
    chain = problem.chain
    terms: list[Counts] = []
    options = [chain.blocks[part.first + k].options[o] for k, o in enumerate(part.options)]
    terms += [option.use for option in options]
    for position, (option, following) in enumerate(pairwise(options), start=part.first):
        converters = chain.boundaries[position].converters
        if converters.joint:
            terms.append(converters.joint[option.stream_out][following.stream_in])
    if part.first > 0 and (enter := chain.boundaries[part.first - 1].converters.enter):
        terms.append(enter[options[0].stream_in])
    if part.last < len(chain.blocks) and (
        leave := chain.boundaries[part.last - 1].converters.leave
    ):
        terms.append(leave[options[-1].stream_out])
    return tuple(
        None if any(term[k] is None for term in terms) else sum(term[k] or 0.0 for term in terms)
        for k in range(len(PLAN_RESOURCES))
    )


def check_form(problem: Problem, parts: tuple[PlannedPart, ...]) -> None:
    """InputError for what is no plan at all."""
    chain, fleet = problem.chain, problem.fleet
    ends = [0, *(part.last for part in parts)]
    starts = [*(part.first for part in parts), len(chain.blocks)]
    if not parts or ends != starts or any(part.first >= part.last for part in parts):
        raise InputError("the parts are not the chain's blocks, each once, in order")
    for part in parts:
        if len(part.options) != part.last - part.first:
            raise InputError(f"{len(part.options)} foldings for {part.last - part.first} blocks")
        if part.last < len(chain.blocks) and part.last not in chain.cuts:
            raise InputError(
                f"{chain.network} cannot be cut after {part.last} blocks", choices=chain.cuts
            )
        if not part.boards or len({fleet.boards[board].kind for board in part.boards}) != 1:
            raise InputError("a part is on no board, or on boards of several kinds")
    order = [board for part in parts for board in part.boards]
    if len(set(order)) != len(order) or (not fleet.any_order and order != sorted(order)):
        raise InputError("a board is used twice, or out of order")


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _greatest(values: Iterable[float]) -> float:
    return max(values, default=0.0)
