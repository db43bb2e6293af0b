"""Everything that a plan can come to, without what is dominated: exact for every objective."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dse.plan.arrays import RESOURCES, Floats, Integers
from dse.plan.board_states import BoardStates, BoardStep, State
from dse.plan.fitting_parts import FittingParts
from dse.plan.part_fits import PartFits
from dse.plan.part_labels import ClosedPart, PartLabels
from dse.plan.plan import PlannedPart
from dse.plan.problem import Objective
from dse.plan.query import Query
from dse.plan.time_bounds import TimeBounds
from dse.plan.undominated import MOST_SUMS, Effort, TooManyLabels, undominated

_Part = PartLabels | FittingParts


@dataclass(frozen=True)
class _Origin:
    """Where labels came from: a part that follows labels at ``position``."""

    position: int
    step: BoardStep
    part: _Part
    closed: ClosedPart


@dataclass(frozen=True)
class _Labels:
    """At a position: ``figures`` of whole parts so far, and for each label its way here.

    ``parent``: the label at the origin's position; ``choice``: the label of the closed part.
    """

    figures: Floats
    states: list[State]
    origins: list[_Origin]
    origin: Integers
    parent: Integers
    choice: Integers


@dataclass
class _Gathered:
    figures: list[Floats]
    origins: list[_Origin]
    parents: list[Integers]
    choices: list[Integers]


class PlanLabels:
    """The label solver of one query.

    Figures of a plan, each only if counted: interval, latency, traffic, boards, greatest share,
    then of each resource the greatest share and the least one negated. With ``bounds`` (where
    latency counts), parts that cannot be in time are left out.
    """

    def __init__(
        self, query: Query, effort: Effort | None = None, bounds: TimeBounds | None = None
    ) -> None:
        self._query = query
        self._effort = effort or Effort()
        self._bounds = bounds
        self._states = BoardStates(query.problem, query.kinds)
        self._parts: dict[tuple[int, int, float], tuple[_Part, list[ClosedPart]]] = {}
        self._fits: dict[tuple[int, float], PartFits] = {}
        self._only_fit = not (query.counts_latency or query.counts_scarcest or query.counts_balance)
        self._labels: dict[int, _Labels] = {}
        names = [
            ("interval", query.counts_interval),
            ("latency", query.counts_latency),
            ("traffic", query.counts_traffic),
            ("boards", query.counts_boards),
            ("scarcest", query.counts_scarcest),
        ]
        counted = [name for name, is_counted in names if is_counted]
        self._column = {name: k for k, name in enumerate(counted)}
        self._shares = len(counted)
        self._width = self._shares + (2 * RESOURCES if query.counts_balance else 0)

    def best(self) -> tuple[PlannedPart, ...] | None:
        """The best plan, any where the query has no objective; None: none is allowed.

        Raises TooManyLabels.
        """
        query = self._query
        if query.host[0] > query.most.interval:
            return None
        gathered: dict[int, _Gathered] = {}
        end = len(query.blocks)
        self._labels[0] = self._start()
        for position in [0, *query.ends]:
            if position:
                if position not in gathered:
                    continue
                self._labels[position] = self._settled(gathered.pop(position), position == end)
            if position < end:
                self._follow(position, gathered)
        found = self._labels.get(end)
        if found is None or len(found.figures) == 0:
            return None
        return self._plan(int(self._values(found.figures).argmin()))

    def _start(self) -> _Labels:
        figures = np.zeros((1, self._width))
        for name, value in zip(("interval", "latency"), self._query.host, strict=True):
            if name in self._column:
                figures[0, self._column[name]] = value
        figures[:, self._shares :] = -np.inf
        none = np.zeros(1, dtype=np.int64)
        return _Labels(figures, [self._states.start], [], none, none, none)

    def _follow(self, position: int, gathered: dict[int, _Gathered]) -> None:
        """Every part that starts at ``position``, after every label there."""
        labels = self._labels[position]
        of_state: dict[State, list[int]] = {}
        for k, state in enumerate(labels.states):
            of_state.setdefault(state, []).append(k)
        for state, members in of_state.items():
            for step in self._states.steps(state):
                self._take(position, np.array(members), state, step, gathered)

    def _take(
        self,
        position: int,
        members: Integers,
        state: State,
        step: BoardStep,
        gathered: dict[int, _Gathered],
    ) -> None:
        figures = self._labels[position].figures[members]
        if position > 0:
            hop = self._hop(figures, position, state, step)
            if hop is None:
                return
            figures = hop
        if "boards" in self._column:
            figures = figures.copy()
            figures[:, self._column["boards"]] += step.replicas
        part, closed_parts = self._part(position, step)
        for closed in closed_parts:
            combined = self._combined(figures, closed.figures, step)
            allowed = np.flatnonzero(self._allowed(combined))
            if len(allowed) == 0:
                continue
            into = gathered.setdefault(closed.end, _Gathered([], [], [], []))
            into.figures.append(combined[allowed])
            into.origins.append(_Origin(position, step, part, closed))
            into.parents.append(members[allowed // len(closed.labels)])
            into.choices.append(closed.labels[allowed % len(closed.labels)])

    def _part(self, position: int, step: BoardStep) -> tuple[_Part, list[ClosedPart]]:
        query = self._query
        kind = query.kinds[step.kind]
        most_cycles = query.most.interval * step.replicas / kind.seconds
        key = (position, step.kind, most_cycles)
        if key not in self._parts:
            part: _Part
            if self._only_fit:
                if (step.kind, most_cycles) not in self._fits:
                    self._fits[step.kind, most_cycles] = PartFits(query, kind, most_cycles)
                part = FittingParts(query, position, self._fits[step.kind, most_cycles])
            else:
                deadlines = None
                if self._bounds is not None:
                    deadlines = self._bounds.deadlines(query, step.kind, position)
                part = PartLabels(query, position, kind, most_cycles, self._effort, deadlines)
            self._parts[key] = (part, list(part.closed()))
        return self._parts[key]

    def _hop(self, figures: Floats, position: int, state: State, step: BoardStep) -> Floats | None:
        """``figures`` with the hop into a part; None: the link is too slow."""
        query = self._query
        size = query.bytes_at(position)
        before = 0 if self._states.any_order else state[0] - 1
        link = query.problem.fleet.link(before, step.first, size)
        interval = link.seconds(size) / link.usable / min(state[-1], step.replicas)
        if interval > query.most.interval:
            return None
        figures = figures.copy()
        if (column := self._column.get("interval")) is not None:
            figures[:, column] = np.maximum(figures[:, column], interval)
        if (column := self._column.get("latency")) is not None:
            figures[:, column] += link.late(size)
        if (column := self._column.get("traffic")) is not None:
            figures[:, column] += size
        return figures

    def _combined(self, figures: Floats, own: Floats, step: BoardStep) -> Floats:
        """Each of ``figures`` with each of a part's, one after the other."""
        combined = np.repeat(figures, len(own), axis=0)
        own = np.tile(own, (len(figures), 1))
        at = 0
        if (column := self._column.get("interval")) is not None:
            combined[:, column] = np.maximum(combined[:, column], own[:, at] / step.replicas)
            at += 1
        if (column := self._column.get("latency")) is not None:
            combined[:, column] += own[:, at]
            at += 1
        if (column := self._column.get("scarcest")) is not None:
            combined[:, column] = np.maximum(combined[:, column], own[:, at])
            at += 1
        combined[:, self._shares :] = np.maximum(combined[:, self._shares :], own[:, at:])
        return combined

    def _allowed(self, figures: Floats) -> np.ndarray:
        """Which are within the limits; every figure only grows along a plan."""
        most = self._query.most
        allowed = np.ones(len(figures), dtype=bool)
        for name in ("latency", "traffic", "boards"):
            if name in self._column:
                allowed &= figures[:, self._column[name]] <= getattr(most, name)
        if np.isfinite(most.batch):
            allowed &= self._batch(figures) <= most.batch
        if np.isfinite(most.balance):
            allowed &= self._spread(figures) <= most.balance
        return allowed

    def _batch(self, figures: Floats) -> Floats:
        images = self._query.problem.batch
        interval, latency = (figures[:, self._column[name]] for name in ("interval", "latency"))
        total: Floats = latency + (images - 1) * interval
        return total

    def _spread(self, figures: Floats) -> Floats:
        greatest, least = np.split(figures[:, self._shares :], 2, axis=1)
        spread: Floats = (greatest + least).max(axis=1, initial=0.0)
        return spread

    def _values(self, figures: Floats) -> Floats:
        objective = self._query.objective
        if objective is None:
            return np.zeros(len(figures))
        if objective is Objective.BATCH:
            return self._batch(figures)
        if objective is Objective.BALANCE:
            return self._spread(figures)
        return figures[:, self._column[objective.value]]

    def _settled(self, gathered: _Gathered, is_end: bool) -> _Labels:
        """The labels at a position, without what is dominated."""
        figures = np.concatenate(gathered.figures)
        if len(figures) > MOST_SUMS:
            raise TooManyLabels(f"more than {MOST_SUMS:,} plans up to a block")
        counts = [len(one) for one in gathered.figures]
        origin = np.repeat(np.arange(len(counts)), counts)
        parent = np.concatenate(gathered.parents)
        choice = np.concatenate(gathered.choices)
        following = [one.step.following for one in gathered.origins]
        if is_end:
            finals = np.array([self._states.is_final(state) for state in following])
            keep = np.flatnonzero(finals[origin])
            if len(keep):
                keep = keep[[int(self._values(figures[keep]).argmin())]]
        else:
            columns = np.array([self._states.columns(state) for state in following])
            keep = undominated(np.column_stack([figures, columns[origin]]), self._effort)
        states = [following[k] for k in origin[keep]]
        return _Labels(
            figures[keep], states, gathered.origins, origin[keep], parent[keep], choice[keep]
        )

    def _plan(self, label: int) -> tuple[PlannedPart, ...]:
        position = len(self._query.blocks)
        found: list[tuple[int, int, tuple[int, ...]]] = []
        steps: list[BoardStep] = []
        while position:
            labels = self._labels[position]
            origin = labels.origins[int(labels.origin[label])]
            options = origin.part.options(position, int(labels.choice[label]))
            found.append((origin.position, position, options))
            steps.append(origin.step)
            position, label = origin.position, int(labels.parent[label])
        boards = self._states.boards(steps[::-1])
        return tuple(
            PlannedPart(first, last, options, own)
            for (first, last, options), own in zip(found[::-1], boards, strict=True)
        )
