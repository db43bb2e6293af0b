"""Every plan of a small problem, none left out, by formulas of their own.

Nothing of the solvers is used: the figures are those of docs/planner.md, written once more, with
nan for what is unknown, over all choices of foldings at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product

import numpy as np

from dse.plan.problem import Objective, Problem

ORDER = list(Objective)
#: As dse.plan.feasibility allows.
SLACK = 1 + 1e-9


def all_values(problem: Problem) -> np.ndarray:
    """Plans that are allowed x objectives in the order of Objective."""
    found = [np.empty((0, len(ORDER)))]
    parts: dict[tuple[int, int, int], dict[str, np.ndarray]] = {}
    for bounds in _bounds(problem):
        for boards in _boards(problem, len(bounds)):
            found.append(_values(problem, bounds, boards, parts))
    return np.concatenate(found)


def count(problem: Problem) -> int:
    """How many plans there are to look at."""
    foldings = int(np.prod([len(block.options) for block in problem.chain.blocks]))
    assignments: dict[int, int] = {}
    total = 0
    for bounds in _bounds(problem):
        if len(bounds) not in assignments:
            assignments[len(bounds)] = sum(1 for _ in _boards(problem, len(bounds)))
        total += foldings * assignments[len(bounds)]
    return total


def _bounds(problem: Problem) -> Iterator[list[tuple[int, int]]]:
    chain = problem.chain
    legal = [k + 1 for k, one in enumerate(chain.boundaries) if one.bytes_per_image is not None]
    for cuts in range(min(len(legal), len(problem.fleet.boards) - 1) + 1):
        for chosen in combinations(legal, cuts):
            if problem.must_cut <= set(chosen) and not problem.must_not_cut & set(chosen):
                yield list(zip([0, *chosen], [*chosen, len(chain.blocks)], strict=True))


def _boards(problem: Problem, parts: int) -> Iterator[tuple[tuple[int, ...], ...]]:
    """Boards of each part; in any order, one choice of each that differs in kinds."""
    fleet = problem.fleet
    every = range(len(fleet.boards))
    for replicas in product(range(1, problem.most_replicas + 1), repeat=parts):
        used = sum(replicas)
        if used > len(fleet.boards) or (problem.use_all and used < len(fleet.boards)):
            continue
        if fleet.any_order:
            kinds = sorted({str(board.kind) for board in fleet.boards})
            for sequence in product(kinds, repeat=parts):
                free = {k: [b for b in every if str(fleet.boards[b].kind) == k] for k in kinds}
                taken = []
                for kind, own in zip(sequence, replicas, strict=True):
                    taken.append(tuple(free[kind][:own]))
                    free[kind] = free[kind][own:]
                if [len(own) for own in taken] == list(replicas):
                    yield tuple(taken)
        else:
            for chosen in combinations(every, used):
                groups, at = [], 0
                for own in replicas:
                    groups.append(chosen[at : at + own])
                    at += own
                if all(len({fleet.boards[b].kind for b in group}) == 1 for group in groups):
                    yield tuple(groups)


def _part(problem: Problem, first: int, last: int, board_index: int) -> dict[str, np.ndarray]:
    """Of every choice of foldings of a part: seconds, latency, shares; which fit the board."""
    chain, board = problem.chain, problem.fleet.boards[board_index]
    blocks = chain.blocks[first:last]
    grid = np.indices([len(block.options) for block in blocks]).reshape(len(blocks), -1)
    use = np.zeros((grid.shape[1], 6))
    slowest = np.zeros(grid.shape[1])
    waits = np.zeros(grid.shape[1])
    for own, block in zip(grid, blocks, strict=True):
        use += np.array([option.use for option in block.options], dtype=float)[own]
        slowest = np.maximum(slowest, np.array([o.cycles for o in block.options])[own])
    for k in range(len(blocks)):
        # The longest of all chains of waiting: fills before a block, its cycles, drains behind.
        terms = [
            np.array([(o.fill if m < k else o.cycles if m == k else o.drain) for o in b.options])
            for m, b in enumerate(blocks)
        ]
        waits = np.maximum(waits, sum(t[own] for t, own in zip(terms, grid, strict=True)))
    into = [
        np.array([o.stream_in for o in b.options])[g] for b, g in zip(blocks, grid, strict=True)
    ]
    out = [
        np.array([o.stream_out for o in b.options])[g] for b, g in zip(blocks, grid, strict=True)
    ]
    for k in range(len(blocks) - 1):
        if joint := chain.boundaries[first + k].converters.joint:
            use += np.array(joint, dtype=float)[out[k], into[k + 1]]
    if first and (enter := chain.boundaries[first - 1].converters.enter):
        use += np.array(enter, dtype=float)[into[0]]
    if last < len(chain.blocks) and (leave := chain.boundaries[last - 1].converters.leave):
        use += np.array(leave, dtype=float)[out[-1]]
    shares = np.full(use.shape, np.nan)
    fits = np.ones(len(use), dtype=bool)
    for k, (capacity, shell) in enumerate(zip(board.capacity, board.shell, strict=True)):
        if capacity is None:
            continue
        total = use[:, k] + (shell or 0.0)
        fits &= ~((use[:, k] > 0) & (total > capacity * board.usable[k] * SLACK))
        if capacity:
            shares[:, k] = total / capacity
    second = 1e-6 / board.clock_mhz
    return {
        "seconds": slowest * second,
        "latency": waits * second,
        "shares": shares,
        "fits": fits,
    }


def _values(
    problem: Problem,
    bounds: list[tuple[int, int]],
    boards: tuple[tuple[int, ...], ...],
    parts: dict[tuple[int, int, int], dict[str, np.ndarray]],
) -> np.ndarray:
    chain, fleet, limits = problem.chain, problem.fleet, problem.limits
    ends = [fleet.host.seconds(chain.input_bytes), fleet.host.seconds(chain.output_bytes)]
    interval = np.array([max(ends) / fleet.host.usable])
    latency = np.array([fleet.host.late(chain.input_bytes) + fleet.host.late(chain.output_bytes)])
    greatest = np.full((1, 6), -np.inf)
    least = np.full((1, 6), np.inf)
    traffic, hop_bytes = 0, 0
    for k, ((first, last), own) in enumerate(zip(bounds, boards, strict=True)):
        key = (first, last, own[0])
        if key not in parts:
            parts[key] = _part(problem, first, last, own[0])
        part = parts[key]
        fits = part["fits"]
        if not fits.any():
            return np.empty((0, len(ORDER)))
        shares = part["shares"][fits]
        interval = np.maximum.outer(interval, part["seconds"][fits] / len(own)).ravel()
        latency = np.add.outer(latency, part["latency"][fits]).ravel()
        most = np.where(np.isnan(shares), -np.inf, shares)
        fewest = np.where(np.isnan(shares), np.inf, shares)
        greatest = np.maximum(greatest[:, None], most[None]).reshape(-1, 6)
        least = np.minimum(least[:, None], fewest[None]).reshape(-1, 6)
        if k + 1 < len(bounds):
            size = chain.boundaries[last - 1].bytes_per_image or 0
            traffic, hop_bytes = traffic + size, max(hop_bytes, size)
            links = (
                fleet.links[max(own) : min(boards[k + 1])]
                if len(fleet.links) > 1
                else fleet.links[:1]
            )
            link = max(links, key=lambda one: one.seconds(size) / one.usable)
            both = min(len(own), len(boards[k + 1]))
            interval = np.maximum(interval, link.seconds(size) / link.usable / both)
            latency = latency + link.late(size)
    spread = np.where(np.isinf(greatest), 0.0, greatest - np.where(np.isinf(least), 0.0, least))
    columns = {
        "interval": interval,
        "latency": latency,
        "batch": latency + (problem.batch - 1) * interval,
        "boards": np.full(len(interval), float(sum(len(own) for own in boards))),
        "traffic": np.full(len(interval), float(traffic)),
        "hop_bytes": np.full(len(interval), float(hop_bytes)),
        "balance": spread.max(axis=1),
        "scarcest": np.maximum(greatest.max(axis=1), 0.0),
    }
    allowed = np.ones(len(interval), dtype=bool)
    for name, column in columns.items():
        if (limit := getattr(limits, name)) is not None:
            allowed &= column <= limit * SLACK + 1e-18
    columns["throughput"] = columns["interval"]
    return np.column_stack([columns[objective.value] for objective in ORDER])[allowed]
