"""The best cuts of a chain onto boards in a given order, for any costs of a part given as tables.

Where the foldings are settled, what a part costs depends on where it begins and ends alone, and the
best cuts are a path through (boards, blocks): chains on chains (Bokhari 1988; Pinar and Aykanat,
JPDC 64, 2004). A greatest cost over the parts or a sum over them is made as small as can be by
dynamic programming, ties go to the next cost, each exactly: what remains after a cost are just the
parts that some best plan has. Any cost of a part will do, also one that falls when a block is
added, as the distance from an ideal use does. Time and memory grow as boards x blocks^2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

Scalar = TypeVar("Scalar", np.float64, np.bool_)

#: Sums of floats in another order differ by less, of their value.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class PartCost:
    """``table[..., first, last]``: of blocks ``first`` to ``last - 1``, n x (n + 1), the same for
    all boards or with a leading axis of boards; ``is_sum``: over the parts, else the greatest."""

    table: Floats
    is_sum: bool = False


@dataclass(frozen=True)
class Segment:
    """Blocks ``first`` to ``last - 1`` on ``board``."""

    first: int
    last: int
    board: int


def best_segments(
    fits: Flags, boards: int, costs: Sequence[PartCost], *, use_all: bool = False
) -> tuple[tuple[Segment, ...], tuple[float, ...]] | None:
    """The plan that is least in ``costs[0]``, of those the least in ``costs[1]``, and so on, with
    what it comes to in each; None where no plan fits.

    ``fits``: of a table's shape, which parts may be (limits, legal cuts); where ``first`` is not
    before ``last`` it is not read. ``use_all``: every board has a part, else some may be left
    out. ValueError without costs.
    """
    blocks = fits.shape[-2]
    below = np.arange(blocks)[:, None] < np.arange(blocks + 1)[None, :]
    allowed = list(np.broadcast_to(fits & below, (boards, blocks, blocks + 1)))
    # Whether a board may be left out after so many blocks.
    skips = list(np.broadcast_to(np.array(not use_all), (boards, blocks + 1)))
    values: list[float] = []
    for number, cost in enumerate(costs):
        tables = np.broadcast_to(cost.table, (boards, blocks, blocks + 1))
        steps = _each_once(allowed, tables, _or_infinite)
        forward = _forward(steps, skips, cost.is_sum)
        value = float(forward[-1][-1])
        if value == np.inf:
            return None
        values.append(value)
        most = value + _ROUNDING * abs(value) if cost.is_sum else value
        if number == len(costs) - 1:
            return _path(steps, skips, forward, most, cost.is_sum), tuple(values)
        if cost.is_sum:
            backward = _backward(steps, skips)
            allowed = [
                before[:-1, None] + step + after[None, :] <= most
                for before, step, after in zip(forward[:-1], steps, backward[1:], strict=True)
            ]
            skips = [
                skip & (before + after <= most)
                for before, skip, after in zip(forward[:-1], skips, backward[1:], strict=True)
            ]
        else:
            allowed = _each_once(allowed, tables, partial(_at_most, value))
    raise ValueError("no cost to plan by")


def _at_most(most: float, flags: Flags, own: Floats) -> Flags:
    return flags & (own <= most)


def _or_infinite(flags: Flags, own: Floats) -> Floats:
    return np.where(flags, own, np.inf)


def _each_once(
    allowed: list[Flags], tables: Floats, of: Callable[[Flags, Floats], NDArray[Scalar]]
) -> list[NDArray[Scalar]]:
    """``of`` each board; boards that are alike share the result."""
    known: dict[tuple[int, int], NDArray[Scalar]] = {}
    found = []
    for flags, table in zip(allowed, tables, strict=True):
        key = flags.ctypes.data, table.ctypes.data
        if key not in known:
            known[key] = of(flags, table)
        found.append(known[key])
    return found


def _forward(steps: list[Floats], skips: list[Flags], is_sum: bool) -> list[Floats]:
    """Of each number of boards, the least cost with which they take the first so many blocks."""
    blocks = steps[0].shape[0]
    # -inf: the greatest of no parts. Costs may be negative.
    start = np.full(blocks + 1, np.inf)
    start[0] = 0.0 if is_sum else -np.inf
    found = [start]
    for step, skip in zip(steps, skips, strict=True):
        before = found[-1]
        own = before[:-1, None]
        reached = (own + step if is_sum else np.maximum(own, step)).min(axis=0)
        found.append(np.minimum(reached, np.where(skip, before, np.inf)))
    return found


def _backward(steps: list[Floats], skips: list[Flags]) -> list[Floats]:
    """Of each number of boards already passed, the least sum from each number of blocks on."""
    blocks = steps[0].shape[0]
    end = np.full(blocks + 1, np.inf)
    end[-1] = 0.0
    found = [end]
    for step, skip in zip(reversed(steps), reversed(skips), strict=True):
        after = found[-1]
        reached = np.append((step + after[None, :]).min(axis=1), np.inf)
        found.append(np.minimum(reached, np.where(skip, after, np.inf)))
    return found[::-1]


def _path(
    steps: list[Floats], skips: list[Flags], forward: list[Floats], most: float, is_sum: bool
) -> tuple[Segment, ...]:
    """Any way that comes to at most ``most``."""
    segments: list[Segment] = []
    last = steps[0].shape[0]
    for board in range(len(steps) - 1, -1, -1):
        before, step = forward[board], steps[board][:, last]
        if skips[board][last] and before[last] <= most:
            continue
        reached = before[:-1] + step if is_sum else np.maximum(before[:-1], step)
        first = int(reached.argmin())
        segments.append(Segment(first, last, board))
        if is_sum:
            most -= float(step[first])
        last = first
    return tuple(segments[::-1])
