"""Whether a chain can be carried by boards within an interval: which cuts can be reached."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dse.plan.board_states import BoardStates, BoardStep
from dse.plan.part_fits import PartFits, as_flags
from dse.plan.plan import PlannedPart
from dse.plan.query import Query

Flags = NDArray[np.bool_]


def can_reach(query: Query) -> bool:
    """Whether :class:`Reach` answers ``query``: parts need only fit, boards have an order.

    Fewer boards must be better, whichever they are: links are alike, and a limit on their number
    is one on how far the order is used.
    """
    counts = (
        query.counts_latency
        or query.counts_traffic
        or query.counts_balance
        or query.objective is not None
    )
    fleet = query.problem.fleet
    one_kind = len(query.kinds) == 1
    return (
        not counts
        and len(fleet.links) == 1
        and (one_kind or not fleet.any_order)
        and (one_kind or not query.counts_boards)
    )


@dataclass(frozen=True)
class _Move:
    """From the cuts ``rows``, reached with boards up to ``taken``, by a step."""

    taken: int
    rows: Flags
    step: BoardStep


class Reach:
    """Cuts that can be reached with the first boards of a fleet, and a plan that reaches the end.

    Parts that no bound decides are taken to fit, and looked at when a plan would rest on them.
    """

    def __init__(self, query: Query) -> None:
        self._query = query
        self._states = BoardStates(query.problem, query.kinds)
        self._blocks = len(query.blocks)
        self._replicas = range(1, query.problem.most_replicas + 1)
        self._fits: dict[tuple[int, int], PartFits] = {}
        self._certain: dict[tuple[int, int], Flags] = {}
        self._possible: dict[tuple[int, int], Flags] = {}
        self._hops = self._hop_flags()
        for kind in range(len(query.kinds)):
            for replicas in self._replicas:
                self._bound(kind, replicas)

    def plan(self) -> tuple[PlannedPart, ...] | None:
        """One that is within the limits; None: there is none."""
        if self._query.host[0] > self._query.most.interval:
            return None
        if (found := self._found(self._certain)) is not None:
            return self._planned(found)
        while (found := self._found(self._possible)) is not None:
            undecided = [
                (first, last, step)
                for first, last, step in found
                if not self._certain[step.kind, step.replicas][first, last]
            ]
            if not undecided:
                return self._planned(found)
            for first, last, step in undecided:
                key = (step.kind, step.replicas)
                fits = self._fits[key].options(first, last) is not None
                self._certain[key][first, last] = fits
                self._possible[key][first, last] = fits
        return None

    def _bound(self, kind: int, replicas: int) -> None:
        query, key = self._query, (kind, replicas)
        arrays = query.kinds[kind]
        fits = PartFits(query, arrays, query.most.interval * replicas / arrays.seconds)
        self._fits[key] = fits
        legal = np.zeros(self._blocks + 1, dtype=bool)
        legal[query.ends] = True
        furthest = np.array([query.furthest(first) for first in range(self._blocks)])
        allowed = legal & as_flags(furthest, self._blocks)
        certain, possible = fits.ranges
        self._certain[key] = allowed & as_flags(certain, self._blocks)
        self._possible[key] = allowed & as_flags(possible, self._blocks)

    def _hop_flags(self) -> dict[int, Flags]:
        """By how many boards work side by side at a cut: where the link is quick enough."""
        query = self._query
        link = query.problem.fleet.links[0]
        flags: dict[int, Flags] = {0: np.ones(self._blocks, dtype=bool)}
        for boards in self._replicas:
            flags[boards] = np.ones(self._blocks, dtype=bool)
            for cut in query.ends[:-1]:
                seconds = link.seconds(query.bytes_at(cut)) / link.usable / boards
                flags[boards][cut] = seconds <= query.most.interval
        return flags

    def _found(self, fits: dict[tuple[int, int], Flags]) -> list[tuple[int, int, BoardStep]] | None:
        """Parts of a plan, those that surely fit where there is a choice."""
        query = self._query
        boards = len(query.problem.fleet.boards)
        most = int(min(boards, query.most.boards))
        width = len(self._replicas) + 1
        # Cuts by boards taken and by replicas of the last part, and how they were reached.
        cuts = np.zeros((boards + 1, width, self._blocks + 1), dtype=bool)
        moves: dict[tuple[int, int], list[_Move]] = {}
        cuts[0, 0, 0] = True
        for taken in range(most):
            now = cuts[taken, :, :-1]
            if taken and not query.problem.use_all:
                # From here every step was already taken with fewer boards.
                now = now & ~cuts[:taken, :, :-1].any(axis=0)
            if not now.any():
                continue
            for step in self._states.steps((taken, 0)):
                if step.last + 1 > most:
                    continue
                rows = np.zeros(self._blocks, dtype=bool)
                for before in range(width):
                    rows |= now[before] & self._hops[min(before, step.replicas)]
                if not rows.any():
                    continue
                into = cuts[step.last + 1, step.replicas]
                into |= fits[step.kind, step.replicas][rows].any(axis=0)
                moves.setdefault((step.last + 1, step.replicas), []).append(
                    _Move(taken, rows, step)
                )
        reached = cuts[:, :, -1]
        if query.problem.use_all:
            reached[:boards] = False
        if not reached.any():
            return None
        taken, replicas = (int(one) for one in np.argwhere(reached)[0])
        return self._traced(cuts, moves, fits, taken, replicas)

    def _traced(
        self,
        cuts: Flags,
        moves: dict[tuple[int, int], list[_Move]],
        fits: dict[tuple[int, int], Flags],
        taken: int,
        replicas: int,
    ) -> list[tuple[int, int, BoardStep]]:
        found: list[tuple[int, int, BoardStep]] = []
        last = self._blocks
        while last:
            move, rows = self._into(moves[taken, replicas], fits, last)
            first = int(np.flatnonzero(rows)[0])
            found.append((first, last, move.step))
            before = [
                own
                for own in range(cuts.shape[1])
                if cuts[move.taken, own, first] and self._hops[min(own, replicas)][first]
            ]
            taken, replicas, last = move.taken, before[-1], first
        return found[::-1]

    def _into(
        self, moves: list[_Move], fits: dict[tuple[int, int], Flags], last: int
    ) -> tuple[_Move, Flags]:
        """A move to ``last`` and where it may start, by parts that surely fit if there are."""
        for flags in (self._certain, fits):
            for move in moves:
                rows = move.rows & flags[move.step.kind, move.step.replicas][:, last]
                if rows.any():
                    return move, rows
        raise AssertionError("a cut that was reached is reached by a move")

    def _planned(self, found: list[tuple[int, int, BoardStep]]) -> tuple[PlannedPart, ...]:
        boards = self._states.boards([step for _, _, step in found])
        parts = []
        for (first, last, step), own in zip(found, boards, strict=True):
            options = self._fits[step.kind, step.replicas].options(first, last)
            assert options is not None
            parts.append(PlannedPart(first, last, options, own))
        return tuple(parts)
