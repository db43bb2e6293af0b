"""Every part of a chain whose foldings are settled, as tables over where it begins and ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dse.errors import InputError
from dse.plan.arrays import RESOURCES, Floats, KindArrays, as_floats, kind_arrays
from dse.plan.chain import Chain, Converters
from dse.plan.chains_on_chains import Flags, Scalar
from dse.plan.problem import Problem


@dataclass(frozen=True)
class SettledParts:
    """Tables n x (n + 1) of the blocks ``first`` to ``last - 1``; no sense where ``first`` is not
    before ``last``.

    ``use``: n x (n + 1) x resources, without the shell, -inf unknown. ``cycles``: of the slowest
    block. ``leaves``: bytes per image over the hop behind the part, 0 behind the last one.
    ``legal``: begins and ends where the chain may be cut, ``must_cut`` and ``must_not_cut`` kept.
    """

    use: Floats
    cycles: Floats
    leaves: Floats
    legal: Flags

    def shares(self, problem: Problem) -> Floats:
        """Boards x n x (n + 1) x resources of each device, with its shell; -inf unknown."""
        return of_boards(problem, lambda kind: kind.shares(self.use))

    def fits(self, problem: Problem) -> Flags:
        """Boards x n x (n + 1): legal, and within every limit on a resource."""
        return of_boards(problem, lambda kind: self.legal & (self.use <= kind.most).all(axis=-1))


def settled_parts(problem: Problem) -> SettledParts:
    """Of a chain with one folding for each block; InputError for any other."""
    chain = problem.chain
    if any(len(block.options) != 1 for block in chain.blocks):
        raise InputError(f"{chain.network} has blocks with several foldings", expected="one each")
    count = len(chain.blocks)
    options = [block.options[0] for block in chain.blocks]
    own = np.array([as_floats(option.use) for option in options])
    use = _between(own, 0)
    if any(boundary.converters != Converters() for boundary in chain.boundaries):
        use = use + _of_converters(chain)
    cycles = np.array([0.0, *(option.cycles for option in options)])
    begun = np.arange(count)[:, None] < np.arange(count + 1)[None, :]
    may_cut = np.zeros(count + 1, dtype=bool)
    may_cut[[0, count, *(set(chain.cuts) - problem.must_not_cut)]] = True
    legal = may_cut[:-1, None] & may_cut[None, :]
    if problem.must_cut:
        wanted = np.zeros(count + 2)  # cuts before a position
        wanted[[position + 1 for position in problem.must_cut]] = 1.0
        wanted = np.cumsum(wanted)
        legal &= wanted[None, : count + 1] - wanted[1 : count + 1, None] <= 0
    sizes = [float(boundary.bytes_per_image or 0) for boundary in chain.boundaries]
    return SettledParts(
        use=use,
        cycles=np.maximum.accumulate(np.where(begun, cycles[None, :], 0.0), axis=1),
        leaves=np.broadcast_to(np.array([0.0, *sizes, 0.0]), (count, count + 1)),
        legal=legal,
    )


def of_boards(problem: Problem, of: Callable[[KindArrays], NDArray[Scalar]]) -> NDArray[Scalar]:
    """``of`` each board's kind; one array with the same for all where they are of one kind."""
    kinds = kind_arrays(problem.fleet)
    if len(kinds) == 1:
        alike: NDArray[Scalar] = of(kinds[0])
        return np.broadcast_to(alike, (len(kinds[0].boards), *alike.shape))
    found: dict[int, NDArray[Scalar]] = {}
    for kind in kinds:
        found.update(dict.fromkeys(kind.boards, of(kind)))
    return np.stack([found[board] for board in range(len(found))])


def _of_converters(chain: Chain) -> Floats:
    count = len(chain.blocks)
    enter = np.zeros((count, RESOURCES))
    leave = np.zeros((count + 1, RESOURCES))
    joint = np.zeros((count, RESOURCES))  # before each block, on the same board
    for position, boundary in enumerate(chain.boundaries, start=1):
        out = chain.blocks[position - 1].options[0].stream_out
        into = chain.blocks[position].options[0].stream_in
        counted = boundary.converters
        if counted.joint:
            joint[position] = as_floats(counted.joint[out][into])
        if counted.leave:
            leave[position] = as_floats(counted.leave[out])
        if counted.enter:
            enter[position] = as_floats(counted.enter[into])
    found: Floats = _between(joint, 1) + enter[:, None] + leave[None, :]
    return found


def _between(counts: Floats, later: int) -> Floats:
    """Sums of ``counts[first + later : last]`` (n x resources); -inf where any is unknown."""
    unknown = np.isneginf(counts)
    sums = _running(np.where(unknown, 0.0, counts), later)
    if not unknown.any():
        return sums
    return np.where(_running(unknown.astype(float), later) > 0, -np.inf, sums)


def _running(counts: Floats, later: int) -> Floats:
    total = np.concatenate([np.zeros((1, counts.shape[1])), np.cumsum(counts, axis=0)])
    difference: Floats = total[None, :] - total[later : later + len(counts), None]
    return difference
