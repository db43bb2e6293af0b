"""Everything that a part can come to on a kind of board, without what is dominated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dse.plan.arrays import RESOURCES, Floats, Integers, KindArrays
from dse.plan.part_bounds import Deadlines
from dse.plan.query import SAME, Query
from dse.plan.undominated import MOST_SUMS, Effort, TooManyLabels, undominated


@dataclass(frozen=True)
class _Level:
    """Labels of a part up to a block; ``stream``: which leaves, ``parent``: in the level before."""

    sums: Floats
    stream: Integers
    parent: Integers
    option: Integers


@dataclass(frozen=True)
class ClosedPart:
    """What a part that ends at ``end`` can come to: ``figures`` is labels x what the query counts.

    Columns in this order, each only if counted: seconds between images of one board, seconds of an
    image, the greatest share, then of each resource its share and its share negated.
    """

    end: int
    figures: Floats
    labels: Integers


class PartLabels:
    """Parts that start with block ``start`` on one kind of board, no option over ``most_cycles``.

    A label is a sum over the blocks: of each resource that can run out (or whose share counts),
    and, where latency counts, the slowest block's cycles, the longest wait so far and the fills.
    With ``deadlines`` only the parts that these are of, and only labels that may meet one.
    """

    def __init__(
        self,
        query: Query,
        start: int,
        kind: KindArrays,
        most_cycles: float,
        effort: Effort,
        deadlines: Deadlines | None = None,
    ) -> None:
        self._query = query
        self._deadlines = deadlines
        self._effort = effort
        self._start = start
        self._kind = kind
        self._most_cycles = most_cycles
        self._most = query.most_use(kind)
        shared = query.counts_scarcest or query.counts_balance
        self._resources = np.flatnonzero(
            (query.greatest_use > self._most) | (shared & ~np.isnan(kind.size))
        )
        # A sum that is known so far may yet become unknown, and then breaks no limit.
        self._most_so_far = np.where(query.may_be_unknown, np.inf, self._most)[self._resources]
        self._levels: list[_Level] = []

    def closed(self) -> Iterator[ClosedPart]:
        """One for each place where the part may end and fits, ascending."""
        furthest = self._query.furthest(self._start)
        ends = frozenset(self._query.ends)
        if self._deadlines is not None:
            ends = frozenset(self._deadlines.lasts)
            furthest = max(ends, default=self._start)
        for end in range(self._start + 1, furthest + 1):
            level = self._first() if not self._levels else self._next(end - 1)
            if len(level.sums) == 0:
                return
            self._levels.append(level)
            if end in ends and len((part := self._close(end)).labels):
                yield part

    def options(self, end: int, label: int) -> tuple[int, ...]:
        """The foldings of a label of a closed part."""
        found = []
        for level in reversed(self._levels[: end - self._start]):
            found.append(int(level.option[label]))
            label = int(level.parent[label])
        return tuple(reversed(found))

    def _costs(self, block: int) -> tuple[Floats, Integers]:
        """Columns of each folding that may be chosen, and which one each is."""
        arrays = self._query.blocks[block]
        columns = arrays.use[:, self._resources]
        if self._query.counts_latency:
            columns = np.column_stack([columns, arrays.cycles, arrays.fill, arrays.drain])
        allowed = np.flatnonzero(arrays.cycles <= self._most_cycles)
        telling = [columns[allowed]]
        if block > 0:
            telling += _apart(arrays.stream_in[allowed])
        if self._told_apart(block):
            telling += _apart(arrays.stream_out[allowed])
        if not self._query.counts_balance:
            allowed = allowed[undominated(np.column_stack(telling), self._effort)]
        return columns[allowed], allowed

    def _told_apart(self, block: int) -> bool:
        boundaries = self._query.boundaries
        return block < len(boundaries) and boundaries[block].told_apart

    def _first(self) -> _Level:
        columns, options = self._costs(self._start)
        arrays = self._query.blocks[self._start]
        if self._start > 0:
            enter = self._query.boundaries[self._start - 1].enter
            if enter is not None:
                columns = self._with_use(columns, enter[arrays.stream_in[options]])
        if self._query.counts_latency:
            # The same three columns as of any label: slowest, longest and filled.
            cycles, fill = columns[:, -3], columns[:, -2]
            columns = np.column_stack([columns[:, :-3], cycles, cycles, fill])
            if not self._query.counts_interval:
                columns[:, -3] = 0
        stream = self._streams(self._start, options)
        none = np.zeros(len(options), dtype=np.int64)
        return self._kept(columns, stream, none, options)

    def _next(self, block: int) -> _Level:
        before = self._levels[-1]
        costs, options = self._costs(block)
        arrays = self._query.blocks[block]
        joint = self._query.boundaries[block - 1].joint
        streams = self._streams(block, options)
        parts: list[tuple[Floats, Integers, Integers, Integers]] = []
        held = 0
        for option, cost, stream in zip(options, costs, streams, strict=True):
            sums = before.sums
            resources = len(self._resources)
            use = sums[:, :resources] + cost[:resources]
            if joint is not None:
                use = use + joint[before.stream, arrays.stream_in[option]][:, self._resources]
            fits = np.flatnonzero((use <= self._most_so_far).all(axis=1))
            columns = use[fits]
            if self._query.counts_latency:
                columns = np.column_stack([columns, *self._times(sums[fits], cost)])
            count = len(fits)
            parts.append((columns, np.full(count, stream), fits, np.full(count, option)))
            held += count
            self._effort.spend(count)
            if held > MOST_SUMS:
                raise TooManyLabels(f"more than {MOST_SUMS:,} sums of one part")
        merged = [np.concatenate([part[k] for part in parts]) for k in range(4)] if parts else []
        if not merged:
            width = before.sums.shape[1]
            nothing = np.empty(0, dtype=np.int64)
            return _Level(np.empty((0, width)), nothing, nothing, nothing)
        return self._kept(*merged)

    def _times(self, sums: Floats, cost: Floats) -> tuple[Floats, Floats, Floats]:
        """Slowest cycles, the longest wait and the fills, as :func:`~dse.plan.plan.part_cycles`."""
        slowest, longest, filled = sums[:, -3:].T
        cycles, fill, drain = cost[-3:]
        if self._query.counts_interval:
            slowest = np.maximum(slowest, cycles)
        return slowest, np.maximum(longest + drain, filled + cycles), filled + fill

    def _streams(self, block: int, options: Integers) -> Integers:
        if self._told_apart(block):
            return self._query.blocks[block].stream_out[options]
        return np.zeros(len(options), dtype=np.int64)

    def _with_use(self, columns: Floats, use: Floats) -> Floats:
        columns = columns.copy()
        columns[:, : len(self._resources)] += use[:, self._resources]
        return columns

    def _kept(self, sums: Floats, stream: Integers, parent: Integers, option: Integers) -> _Level:
        """Within the board, the undominated of each stream; where shares must be alike, all."""
        resources = len(self._resources)
        fits = np.flatnonzero((sums[:, :resources] <= self._most_so_far).all(axis=1))
        sums, stream, parent, option = sums[fits], stream[fits], parent[fits], option[fits]
        if self._query.counts_latency:
            quick = np.flatnonzero(self._may_be_in_time(sums, stream))
            sums, stream, parent, option = sums[quick], stream[quick], parent[quick], option[quick]
        if self._query.counts_balance:
            _, keep = np.unique(np.column_stack([sums, stream]), axis=0, return_index=True)
        else:
            groups = [np.flatnonzero(stream == one) for one in np.unique(stream)]
            keeps = [group[undominated(sums[group], self._effort)] for group in groups]
            keep = np.concatenate(keeps) if keeps else np.empty(0, dtype=np.int64)
        return _Level(sums[keep], stream[keep], parent[keep], option[keep])

    def _may_be_in_time(self, sums: Floats, stream: Integers) -> NDArray[np.bool_]:
        """Which are not too late yet, were the blocks elsewhere as quick as they can be."""
        query, second = self._query, self._kind.seconds
        end = self._start + len(self._levels) + 1
        if self._deadlines is not None:
            use = np.zeros((len(sums), RESOURCES))
            use[:, self._resources] = sums[:, : len(self._resources)]
            return self._deadlines.are_met(end, use, sums[:, -2:], stream)
        before, behind, drained = query.least_waits
        latest = np.maximum(sums[:, -2] * second + drained[end], sums[:, -1] * second + behind[end])
        latency = query.host[1] + before[self._start] + latest
        interval = sums[:, -3] * second / query.problem.most_replicas
        images = query.problem.batch - 1
        batch = latency + images * np.maximum(interval, query.host[0])
        most = query.most
        return (latency * (1 - SAME) <= most.latency) & (batch * (1 - SAME) <= most.batch)

    def _close(self, end: int) -> ClosedPart:
        level, query, kind = self._levels[-1], self._query, self._kind
        sums = level.sums
        boundaries = query.boundaries
        if end <= len(boundaries) and (leave := boundaries[end - 1].leave) is not None:
            sums = self._with_use(sums, leave[level.stream])
        fits = np.flatnonzero(
            (sums[:, : len(self._resources)] <= self._most[self._resources]).all(axis=1)
        )
        sums = sums[fits]
        columns = []
        if query.counts_latency:
            if query.counts_interval:
                columns.append(sums[:, -3] * kind.seconds)
            columns.append(sums[:, -2] * kind.seconds)
        if query.counts_scarcest or query.counts_balance:
            use = np.full((len(sums), RESOURCES), -np.inf)
            use[:, self._resources] = sums[:, : len(self._resources)]
            shares = kind.shares(use)
            if query.counts_scarcest:
                columns.append(shares.max(axis=1, initial=0.0))
            if query.counts_balance:
                columns += [*shares.T, *np.where(np.isinf(shares), -np.inf, -shares).T]
        figures = np.column_stack(columns) if columns else np.empty((len(sums), 0))
        keep = undominated(figures, self._effort)
        return ClosedPart(end, figures[keep], fits[keep])


def _apart(streams: Integers) -> list[Floats]:
    """Columns by which different streams never dominate one another."""
    return [streams.astype(float), -streams.astype(float)]
