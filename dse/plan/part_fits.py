"""Which parts fit on a kind of board, where nothing else is asked of a part.

Most parts are decided without labels. With a weight for each resource, the least weighted use of
each block adds up to less than any folding of the part takes: if that is more than the board has,
the part does not fit. And the foldings with that least use may fit by themselves. Labels decide
what is left, with both tests applied to what a label still lacks.
"""

from __future__ import annotations

from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from dse.plan.arrays import RESOURCES, Floats, Integers, KindArrays
from dse.plan.query import Query
from dse.plan.undominated import MOST_SUMS, TooManyLabels, undominated

#: Steps from one resource to another in which weights are tried, by how many resources matter.
_STEPS = {1: 1, 2: 16, 3: 6, 4: 4, 5: 3, 6: 2}

#: Sums of weighted uses may be off by this much, of all that a board has.
_ROUNDING = 1e-9


class PartFits:
    """Parts on boards of ``kind`` with no block over ``most_cycles``."""

    def __init__(self, query: Query, kind: KindArrays, most_cycles: float) -> None:
        self._query = query
        most = query.most_use(kind)
        self._resources = np.flatnonzero(query.greatest_use > most)
        self._most = most[self._resources]
        self._unknown = query.may_be_unknown[self._resources]
        self._allowed = [np.flatnonzero(block.cycles <= most_cycles) for block in query.blocks]
        self._decided: dict[tuple[int, int], tuple[int, ...] | None] = {}
        blocks = len(query.blocks)
        # A block without a folding that is quick enough is in no part.
        stops = [k for k, allowed in enumerate(self._allowed) if len(allowed) == 0]
        self._stop = np.array(
            [min((k for k in stops if k >= first), default=blocks) for first in range(blocks)]
        )
        self._weigh()

    @cached_property
    def ranges(self) -> tuple[Integers, Integers]:
        """Of each first block: up to where a part surely fits, and beyond where surely none does.

        Both are ends (after how many blocks); between them, :meth:`options` decides.
        """
        blocks = len(self._query.blocks)
        firsts = np.arange(blocks)
        possible = self._stop.copy()
        for sums in self._least:
            within = np.searchsorted(sums, sums[:-1] + 1 + _ROUNDING, side="right") - 1
            possible = np.minimum(possible, within)
        if len(self._resources) == 0:
            return possible, possible
        certain = np.zeros(blocks, dtype=np.int64)
        for chosen in self._chosen:
            reach = np.full(blocks, blocks)
            for k, most in enumerate(self._most):
                sums = chosen[:, k]
                room = sums[:-1] + most - self._ends[k]
                reach = np.minimum(reach, np.searchsorted(sums, room, side="right") - 1)
            certain = np.maximum(certain, reach)
        certain = np.minimum(certain, possible)
        return np.maximum(certain, firsts), np.maximum(possible, firsts)

    def options(self, first: int, last: int) -> tuple[int, ...] | None:
        """Foldings with which ``blocks[first:last]`` fit; None: there are none."""
        if (first, last) not in self._decided:
            self._decided[first, last] = self._decide(first, last)
        return self._decided[first, last]

    def _weigh(self) -> None:
        """Sums along the chain: of least weighted uses, and of what their foldings take."""
        query, resources = self._query, self._resources
        blocks, width = len(query.blocks), len(resources)
        # Weighted by what the board has; of what it has none, anything is too much.
        size = np.maximum(self._most, 1e-6)
        weights = _weights(width) if width else np.zeros((0, 0))
        weights[:, self._unknown] = 0
        total = weights.sum(axis=1)
        weights = np.unique(weights[total > 0] / total[total > 0, None], axis=0)
        if len(weights) == 0 and width:
            weights = np.zeros((1, width))
        self._weights = weights / size
        self._least = np.zeros((len(weights), blocks + 1))
        self._choice = np.zeros((len(weights), blocks), dtype=np.int64)
        self._chosen = np.zeros((len(weights), blocks + 1, width))
        for k, (block, allowed) in enumerate(zip(query.blocks, self._allowed, strict=True)):
            # What is unknown counts as nothing here: what is known of a sum must fit even so.
            use = np.maximum(block.use[allowed][:, resources], 0)
            if len(use) == 0:
                self._least[:, k + 1] = self._least[:, k]
                self._chosen[:, k + 1] = self._chosen[:, k]
                continue
            weighted = use @ self._weights.T
            best = weighted.argmin(axis=0)
            self._choice[:, k] = allowed[best]
            self._least[:, k + 1] = self._least[:, k] + weighted.min(axis=0)
            self._chosen[:, k + 1] = self._chosen[:, k] + use[best]
            if k and (joint := query.boundaries[k - 1].joint) is not None:
                out = query.blocks[k - 1].stream_out[self._choice[:, k - 1]]
                into = block.stream_in[self._choice[:, k]]
                self._chosen[:, k + 1] += np.maximum(joint[out, into][:, resources], 0)
        self._ends = np.zeros(width)
        for tables in ("enter", "leave"):
            counts = [getattr(boundary, tables) for boundary in query.boundaries]
            known = [one[:, resources].max(axis=0, initial=0) for one in counts if one is not None]
            if known:
                self._ends += np.max(known, axis=0)

    def _decide(self, first: int, last: int) -> tuple[int, ...] | None:
        if last > self._stop[first]:
            return None
        if len(self._resources) == 0:
            return tuple(int(own[0]) for own in self._allowed[first:last])
        levels: list[tuple[Integers, Integers]] = []
        sums, stream = np.zeros((1, len(self._resources))), np.zeros(1, dtype=np.int64)
        for block in range(first, last):
            done = self._finished(sums, block, first, last)
            if done is not None:
                label, row = done
                ahead = tuple(int(one) for one in self._choice[row, block:last])
                return (*_traced(levels, label), *ahead)
            sums, stream, parent, option = self._extended(sums, stream, block, first, last)
            if len(sums) == 0:
                return None
            levels.append((parent, option))
        return _traced(levels, 0)

    def _finished(self, sums: Floats, block: int, first: int, last: int) -> tuple[int, int] | None:
        """A label, and the weights whose foldings fit behind it."""
        ahead = self._chosen[:, last] - self._chosen[:, block] + self._ends
        if block > first:
            # The chosen foldings' converters need not be those behind a label's last folding.
            ahead = ahead + self._joint_slack(block)
        known = np.maximum(sums, 0)
        fits = (known[:, None, :] + ahead[None] <= self._most).all(axis=2)
        if not fits.any():
            return None
        label, row = np.unravel_index(int(fits.argmax()), fits.shape)
        return int(label), int(row)

    def _joint_slack(self, block: int) -> Floats:
        joint = self._query.boundaries[block - 1].joint
        if joint is None:
            return np.zeros(len(self._resources))
        return joint.reshape(-1, RESOURCES)[:, self._resources].max(axis=0, initial=0)

    def _extended(
        self, sums: Floats, stream: Integers, block: int, first: int, last: int
    ) -> tuple[Floats, Integers, Integers, Integers]:
        """Labels with one block more, that can still fit."""
        query, resources = self._query, self._resources
        allowed, arrays = self._allowed[block], query.blocks[block]
        added = np.broadcast_to(
            arrays.use[allowed][:, resources], (len(sums), len(allowed), len(resources))
        )
        into = arrays.stream_in[allowed]
        if block > first and (joint := query.boundaries[block - 1].joint) is not None:
            added = added + joint[stream[:, None], into[None]][:, :, resources]
        if block == first > 0 and (enter := query.boundaries[first - 1].enter) is not None:
            added = added + enter[into][None][:, :, resources]
        told_apart = block < len(query.boundaries) and query.boundaries[block].told_apart
        out = arrays.stream_out[allowed] if told_apart else np.zeros(len(allowed), dtype=np.int64)
        if block == last - 1 and last <= len(query.boundaries):
            leave = query.boundaries[last - 1].leave
            if leave is not None:
                added = added + leave[out][None][:, :, resources]
        total = (sums[:, None, :] + added).reshape(-1, len(resources))
        if len(total) > MOST_SUMS:
            raise TooManyLabels(f"more than {MOST_SUMS:,} sums of one part")
        is_last = block == last - 1
        most = self._most if is_last else np.where(self._unknown, np.inf, self._most)
        possible = (total <= most).all(axis=1)
        lacking = self._least[:, last] - self._least[:, block + 1]
        weighed = np.where(np.isinf(total), 0, total) @ self._weights.T
        possible &= (weighed + lacking <= 1 + _ROUNDING).all(axis=1)
        kept = np.flatnonzero(possible)
        streams = out[kept % len(allowed)]
        groups = [np.flatnonzero(streams == one) for one in np.unique(streams)]
        kept = (
            np.concatenate([kept[own[undominated(total[kept[own]])]] for own in groups])
            if len(kept)
            else kept
        )
        return (
            total[kept],
            out[kept % len(allowed)],
            kept // len(allowed),
            allowed[kept % len(allowed)],
        )


def _traced(levels: list[tuple[Integers, Integers]], label: int) -> tuple[int, ...]:
    found = []
    for parent, option in reversed(levels):
        found.append(int(option[label]))
        label = int(parent[label])
    return tuple(reversed(found))


def _weights(resources: int) -> Floats:
    """Weights of resources that add up to 1, on a grid."""
    steps = _STEPS[resources]
    grid = [one for one in product(range(steps + 1), repeat=resources) if sum(one) == steps]
    return np.array(grid, dtype=np.float64) / steps


def as_flags(ends: Integers, blocks: int) -> NDArray[np.bool_]:
    """[first, last] of every part up to ``ends``."""
    last = np.arange(blocks + 1)
    first = np.arange(blocks)[:, None]
    return (last > first) & (last <= ends[:, None])
