"""One question to a solver: what a plan may not exceed, and what is made small within that."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dse.plan.arrays import (
    RESOURCES,
    BlockArrays,
    BoundaryArrays,
    Floats,
    KindArrays,
    block_arrays,
    boundary_arrays,
    kind_arrays,
)
from dse.plan.feasibility import TOLERANCE
from dse.plan.problem import Limits, Objective, Problem

#: How far a value found may be exceeded by a plan that is to keep it: sums in another order.
SAME = 1e-12


@dataclass(frozen=True)
class Most:
    """What a plan may come to at most, what is allowed for rounding included; inf: no limit."""

    interval: float = np.inf
    latency: float = np.inf
    batch: float = np.inf
    boards: float = np.inf
    traffic: float = np.inf
    hop_bytes: float = np.inf
    balance: float = np.inf
    scarcest: float = np.inf

    @classmethod
    def of(cls, limits: Limits) -> Most:
        """As :func:`~dse.plan.feasibility.broken_limits` measures them."""
        allowed = {
            one.name: value * (1 + TOLERANCE) + TOLERANCE * 1e-9
            for one in fields(Limits)
            if (value := getattr(limits, one.name)) is not None
        }
        return cls(**allowed)

    def keeping(self, objective: Objective, value: float) -> Most:
        """Also at most ``value`` of ``objective``."""
        name = "interval" if objective is Objective.THROUGHPUT else objective.value
        return self.to(name, value * (1 + SAME) + SAME * SAME)

    def to(self, name: str, value: float) -> Most:
        """At most ``value`` of the field ``name``, if that is less than now."""
        return replace(self, **{name: min(getattr(self, name), value)})


@dataclass(frozen=True)
class Query:
    """A problem's numbers, its limits ``most`` and the objective; None: any plan will do."""

    problem: Problem
    most: Most
    objective: Objective | None
    blocks: list[BlockArrays]
    boundaries: list[BoundaryArrays]
    kinds: list[KindArrays]
    host: tuple[float, float] = field(default=(0.0, 0.0))

    @classmethod
    def of(cls, problem: Problem, objective: Objective | None) -> Query:
        """With the problem's own limits."""
        chain, fleet = problem.chain, problem.fleet
        # A part is on no more boards than there are, whatever number is allowed.
        problem = replace(problem, most_replicas=min(problem.most_replicas, len(fleet.boards)))
        host, ends = fleet.host, (chain.input_bytes, chain.output_bytes)
        return cls(
            problem,
            Most.of(problem.limits),
            objective,
            block_arrays(chain),
            boundary_arrays(chain),
            kind_arrays(fleet),
            (
                max(host.seconds(size) / host.usable for size in ends),
                sum(host.late(size) for size in ends),
            ),
        )

    def ask(self, objective: Objective | None, most: Most | None = None) -> Query:
        """The same numbers, another question."""
        return replace(self, objective=objective, most=self.most if most is None else most)

    @property
    def counts_interval(self) -> bool:
        """Whether intervals are weighed against something else, rather than only limited."""
        return self.objective is Objective.BATCH or np.isfinite(self.most.batch)

    @property
    def counts_latency(self) -> bool:
        """Whether the latency of parts matters."""
        return self.counts_interval or (
            self.objective is Objective.LATENCY or np.isfinite(self.most.latency)
        )

    @property
    def counts_traffic(self) -> bool:
        """Whether the bytes over all hops matter."""
        return self.objective is Objective.TRAFFIC or np.isfinite(self.most.traffic)

    @property
    def counts_boards(self) -> bool:
        """Whether it matters how many boards are taken."""
        return self.objective is Objective.BOARDS or self.most.boards < len(
            self.problem.fleet.boards
        )

    @property
    def counts_scarcest(self) -> bool:
        """Whether shares are made small, rather than only limited."""
        return self.objective is Objective.SCARCEST

    @property
    def counts_balance(self) -> bool:
        """Whether shares must be alike."""
        return self.objective is Objective.BALANCE or np.isfinite(self.most.balance)

    def most_use(self, kind: KindArrays) -> Floats:
        """Of each resource on a board of ``kind``; a negative one allows only what is unknown."""
        shares = self.most.scarcest * kind.size - kind.shell
        return np.where(np.isnan(shares), kind.most, np.minimum(kind.most, shares))

    @cached_property
    def greatest_use(self) -> Floats:
        """No part takes more of any resource, unknown counts aside."""
        greatest = np.zeros(RESOURCES)
        for counts in self._tables:
            greatest += np.maximum(counts, 0).max(axis=0)
        return greatest

    @cached_property
    def may_be_unknown(self) -> NDArray[np.bool_]:
        """Of which resources some count is unknown."""
        return np.any([np.isinf(counts).any(axis=0) for counts in self._tables], axis=0)

    @property
    def _tables(self) -> list[Floats]:
        """Counts x resources of each block's foldings and of each boundary's converters."""
        tables = [block.use for block in self.blocks]
        for boundary in self.boundaries:
            for counts in (boundary.joint, boundary.leave, boundary.enter):
                if counts is not None:
                    tables.append(counts.reshape(-1, RESOURCES))
        return tables

    @cached_property
    def least_waits(self) -> tuple[Floats, Floats, Floats]:
        """In seconds, whatever the plan: of the blocks before each, of it and those behind it,
        and the drains of it and those behind it. Each has one entry more than there are blocks."""
        second = min(kind.seconds for kind in self.kinds)
        cycles, fills, drains = (
            np.array([getattr(block, name).min() for block in self.blocks]) * second
            for name in ("cycles", "fill", "drain")
        )
        count = len(self.blocks)
        before, behind, drained = np.zeros(count + 1), np.zeros(count + 1), np.zeros(count + 1)
        filled = 0.0
        for k in range(count):
            before[k + 1] = max(before[k] + drains[k], filled + cycles[k])
            filled += fills[k]
        for k in reversed(range(count)):
            behind[k] = max(cycles[k] + drained[k + 1], fills[k] + behind[k + 1])
            drained[k] = drains[k] + drained[k + 1]
        return before, behind, drained

    @cached_property
    def intervals(self) -> Floats:
        """Every interval within the limit that a plan can have, ascending: of a folding on a kind
        of board, of a hop, or of the host."""
        cycles = np.unique(np.concatenate([block.cycles for block in self.blocks]))
        values = [np.array([self.host[0]])]
        sizes = {self.bytes_at(end) for end in self.ends[:-1]}
        for replicas in range(1, self.problem.most_replicas + 1):
            values += [cycles * kind.seconds / replicas for kind in self.kinds]
            for link in self.problem.fleet.links:
                hops = [link.seconds(size) / link.usable / replicas for size in sizes]
                values.append(np.array(hops))
        found = np.unique(np.concatenate(values))
        return found[(found >= self.host[0]) & (found <= self.most.interval)]

    @cached_property
    def ends(self) -> list[int]:
        """Where a part may end: after how many blocks, ascending; the chain's end is the last."""
        problem = self.problem
        return [
            at
            for at in problem.chain.cuts
            if at not in problem.must_not_cut and self.bytes_at(at) <= self.most.hop_bytes
        ] + [len(self.blocks)]

    def bytes_at(self, cut: int) -> int:
        """Of a cut after ``cut`` blocks."""
        return self.problem.chain.boundaries[cut - 1].bytes_per_image or 0

    def furthest(self, start: int) -> int:
        """Where a part that starts at ``start`` must end at the latest."""
        later = [at for at in self.problem.must_cut if at > start]
        return min(later, default=len(self.blocks))
