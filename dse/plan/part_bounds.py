"""How long an image takes in each part at least, with the room that its board has.

A Lagrangian bound: the wait of an image, a greatest over blocks, is at least any average of its
terms; and with a price on each resource, an allowed part pays no more than the board's room is
worth. What is left is a least sum over blocks, each with its own folding (docs/planner.md). The
same holds of what a label still lacks. Any averages and prices are valid; good ones are sought.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dse.plan.arrays import Floats, Integers, KindArrays
from dse.plan.part_fits import PartFits
from dse.plan.query import Query

#: Steps in which averages and prices are sought.
_STEPS = 60
#: Other prices that are tried beside those found, as multiples of them. The greatest all but asks
#: for room alone, the least for time alone.
_SCALES = (0.0, 0.5, 0.8, 1.0, 1.25, 2.0, 1e3)


#: Bounds are sums of floats in another order, and prices far above times.
ROUNDING = 1e-9


@dataclass(frozen=True)
class _Foldings:
    """Of a block, those quick enough: ``times`` (cycles, fill, drain) and ``use`` of the room."""

    times: Floats
    use: Floats
    into: Integers
    out: Integers


class PartBounds:
    """Parts on boards of ``kind`` with no block over ``most_cycles``.

    ``least``: clock cycles of an image at least, blocks x ends (after how many blocks); inf where
    surely no part fits or may be.
    """

    def __init__(self, query: Query, kind: KindArrays, most_cycles: float) -> None:
        self._query = query
        most = query.most_use(kind)
        # Of what may be unknown there is always room.
        self.resources = np.flatnonzero((query.greatest_use > most) & ~query.may_be_unknown)
        self._room = np.maximum(most[self.resources], 1e-6)
        blocks = len(query.blocks)
        self._foldings = [self._of_block(block, most_cycles) for block in range(blocks)]
        _, possible = PartFits(query, kind, most_cycles).ranges
        parts = [
            (first, last)
            for first in [0, *query.ends[:-1]]
            for last in query.ends
            if first < last <= min(possible[first], query.furthest(first))
        ]
        self._first, self._last = np.array(parts, dtype=np.int64).reshape(-1, 2).T
        self.least = np.full((blocks, blocks + 1), np.inf)
        if parts:
            self._row = {part: row * len(_SCALES) for row, part in enumerate(parts)}
            averages, prices = self._sought()
            self._weigh(averages, prices)

    def least_of(
        self, first: int, last: int, done: int, use: Floats, waits: Floats, stream: Integers
    ) -> Floats:
        """Cycles at least of the part ``[first:last]``, of labels that stand after ``done`` blocks.

        ``use``: labels x :attr:`resources`; ``waits``: labels x (longest, filled).
        """
        rows = slice(self._row[first, last], self._row[first, last] + len(_SCALES))
        passed = self._passed[rows, done]
        prices = self._prices[rows]
        bounds = (
            waits[:, :1] * passed
            + waits[:, 1:] * (1 - passed)
            + (use / self._room) @ prices.T
            + self._lacking[done][rows][:, stream].T
        )
        found: Floats = (bounds - prices.sum(axis=1)).max(axis=1)
        return found

    def _of_block(self, block: int, most_cycles: float) -> _Foldings:
        arrays = self._query.blocks[block]
        allowed = np.flatnonzero(arrays.cycles <= most_cycles)
        boundaries = self._query.boundaries
        told_apart = block < len(boundaries) and boundaries[block].told_apart
        return _Foldings(
            np.column_stack([arrays.cycles, arrays.fill, arrays.drain])[allowed],
            arrays.use[allowed][:, self.resources] / self._room,
            arrays.stream_in[allowed],
            arrays.stream_out[allowed] if told_apart else np.zeros(len(allowed), dtype=np.int64),
        )

    def _converters(self, table: Floats) -> Floats:
        """Of the board's room."""
        return table[..., self.resources] / self._room

    def _sought(self) -> tuple[Floats, Floats]:
        """Good averages (parts x blocks) and prices (parts x resources) by multiplicative steps.

        Where a term is less than the greatest, less is given to it; where more than the room would
        be used, the price goes up, else down.
        """
        blocks = len(self._foldings)
        at = np.arange(blocks)
        within = (at >= self._first[:, None]) & (at < self._last[:, None])
        averages = within / within.sum(axis=1, keepdims=True)
        quickest = [own.times[:, 0].min() if len(own.times) else 0.0 for own in self._foldings]
        prices = np.tile((within @ np.array(quickest))[:, None], (1, len(self.resources)))
        mean = np.zeros((len(within), blocks, 3 + len(self.resources)))
        costs = [np.column_stack([own.times, self._typical_use(k)]) for k, own in self._enumerated]
        for step in range(_STEPS):
            weights = _time_weights(averages)
            chosen = np.zeros_like(mean)
            for (block, _), cost in zip(self._enumerated, costs, strict=True):
                paid = weights[:, block] @ cost[:, :3].T + prices @ cost[:, 3:].T
                chosen[:, block] = cost[paid.argmin(axis=1)]
            mean += (chosen * within[:, :, None] - mean) * max(1 / (step + 1), 0.15)
            cycles, fill, drain = np.moveaxis(mean[:, :, :3], 2, 0)
            filled = np.cumsum(fill, axis=1) - fill
            drained = np.cumsum(drain[:, ::-1], axis=1)[:, ::-1] - drain
            terms = np.where(within, filled + cycles + drained, 0.0)
            pace = 1 / (1 + step / 10)
            greatest = terms.max(axis=1, keepdims=True)
            averages = within * averages * np.exp(4 * pace * (terms / greatest - 1))
            averages /= averages.sum(axis=1, keepdims=True)
            used = mean[:, :, 3:].sum(axis=1)
            prices = prices * np.exp(pace * np.clip(used - 1, -1, 1))
        return averages, prices

    @property
    def _enumerated(self) -> list[tuple[int, _Foldings]]:
        """Blocks that have a folding which is quick enough."""
        return [(k, own) for k, own in enumerate(self._foldings) if len(own.times)]

    def _typical_use(self, block: int) -> Floats:
        """With the smallest converter before the block: only for the search for good prices."""
        own = self._foldings[block]
        joint = self._query.boundaries[block - 1].joint if block else None
        if joint is None:
            return own.use
        return own.use + self._converters(joint).min(axis=0)[own.into]

    def _weigh(self, averages: Floats, prices: Floats) -> None:
        """What each part lacks at least after each of its blocks, for all scales of its prices."""
        scales = np.array(_SCALES)
        self._prices = (
            np.repeat(prices, len(scales), axis=0) * np.tile(scales, len(prices))[:, None]
        )
        averages = np.repeat(averages, len(scales), axis=0)
        first, last = np.repeat(self._first, len(scales)), np.repeat(self._last, len(scales))
        weights = _time_weights(averages)
        blocks = len(self._foldings)
        self._passed = np.column_stack([np.zeros(len(first)), np.cumsum(averages, axis=1)])
        # After each number of blocks: rows x streams that leave the block before.
        self._lacking: list[Floats] = [np.empty((0, 0))] * (blocks + 1)
        self._lacking[blocks] = np.zeros((len(first), self._streams(blocks)))
        bounds = np.full(len(first), np.inf)
        for block in reversed(range(blocks)):
            own = self._foldings[block]
            rows = np.flatnonzero((first <= block) & (block < last))
            paid = weights[rows, block] @ own.times.T + self._prices[rows] @ own.use.T
            paid += self._lacking[block + 1][rows][:, own.out]
            lacking = np.zeros((len(first), self._streams(block)))
            if block:
                converters = self._query.boundaries[block - 1]
                leave = self._priced(converters.leave, last == block)
                lacking[last == block] = 0.0 if leave is None else leave
                joint = self._priced(converters.joint, rows)
                lacking[rows] = (
                    paid.min(axis=1, initial=np.inf)[:, None]
                    if joint is None
                    else (paid[:, None, :] + joint[:, :, own.into]).min(axis=2, initial=np.inf)
                )
                if (enter := self._priced(converters.enter, rows)) is not None:
                    paid += enter[:, own.into]
            self._lacking[block] = lacking
            begun = first[rows] == block
            bounds[rows[begun]] = paid[begun].min(axis=1, initial=np.inf)
        bounds -= self._prices.sum(axis=1)
        self.least[self._first, self._last] = bounds.reshape(-1, len(scales)).max(axis=1)

    def _streams(self, done: int) -> int:
        """How many streams are told apart after so many blocks."""
        if not 0 < done < len(self._foldings):
            return 1
        boundary = self._query.boundaries[done - 1]
        table = boundary.leave if boundary.joint is None else boundary.joint
        return 1 if table is None else len(table)

    def _priced(self, table: Floats | None, rows: Integers | NDArray[np.bool_]) -> Floats | None:
        """What converters cost at the prices of ``rows``: rows x the table's streams."""
        if table is None:
            return None
        return np.tensordot(self._prices[rows], self._converters(table), axes=(1, -1))


@dataclass(frozen=True)
class Deadlines:
    """Of parts that start with block ``first``: ``most_cycles`` within which an image must be
    through the part that ends at each of ``lasts``."""

    bounds: PartBounds
    first: int
    lasts: tuple[int, ...]
    most_cycles: tuple[float, ...]

    def are_met(self, done: int, use: Floats, waits: Floats, stream: Integers) -> NDArray[np.bool_]:
        """Which labels after ``done`` blocks may fit and be in time in any of the parts.

        ``use``: labels x all resources; ``waits``: labels x (longest, filled).
        """
        use = use[:, self.bounds.resources]
        met = np.zeros(len(use), dtype=bool)
        for last, most in zip(self.lasts, self.most_cycles, strict=True):
            left = np.flatnonzero(~met)
            if last < done or len(left) == 0:
                continue
            least = self.bounds.least_of(
                self.first, last, done, use[left], waits[left], stream[left]
            )
            met[left] = least * (1 - ROUNDING) <= most
        return met


def _time_weights(averages: Floats) -> Floats:
    """Of cycles, fill and drain of each block, in the average of a part's terms.

    The term of a block has its own cycles, the fills before it and the drains behind it.
    """
    passed = np.cumsum(averages, axis=-1)
    return np.stack([averages, passed[..., -1:] - passed, passed - averages], axis=-1)
