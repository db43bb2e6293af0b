"""A graph of blocks on boards in their order, by a mixed-integer program, with the gap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dse.errors import InputError, PlanError
from dse.plan.arrays import RESOURCES, as_floats, kind_arrays
from dse.plan.block_graph import BlockGraph
from dse.plan.fleet import Fleet
from dse.plan.linear_program import LinearProgram, Term
from dse.plan.problem import Objective

#: What can be planned of a graph: latency has no formula for blocks side by side.
GRAPH_OBJECTIVES = (
    Objective.THROUGHPUT,
    Objective.BOARDS,
    Objective.TRAFFIC,
    Objective.SCARCEST,
    Objective.BALANCE,
)

#: What times are scaled to, so that the solver's tolerances are small beside them.
_SCALE = 1000.0


@dataclass(frozen=True)
class GraphPlan:
    """``boards``, ``options``: of each block. ``value``: of the objective, and its proved ``bound``
    (None: nothing is proved). ``hop_bytes``: per image, from each used board to the next."""

    boards: tuple[int, ...]
    options: tuple[int, ...]
    objective: Objective
    value: float
    bound: float | None
    hop_bytes: tuple[int, ...]

    @property
    def gap(self) -> float | None:
        """By how much, of its value, a plan could yet be better; 0: proved best."""
        if self.bound is None:
            return None
        return max(0.0, self.value - self.bound) / self.value if self.value else 0.0


def solve_graph(
    graph: BlockGraph, fleet: Fleet, objective: Objective, seconds: float = 60.0
) -> GraphPlan:
    """The best plan found within ``seconds``; boards are used from the first on, none left out.

    Every tensor goes from a board to the same or a later one; one that skips boards is passed on by
    them. Converters are not counted. Raises InputError for an objective that is not of
    GRAPH_OBJECTIVES, boards in any order, several links, or a resource of which only some counts
    are known; PlanError where nothing fits, or nothing was found in time.
    """
    if objective not in GRAPH_OBJECTIVES:
        raise InputError(
            f"{objective} is not planned for a graph that is no chain", choices=GRAPH_OBJECTIVES
        )
    if fleet.any_order or len(fleet.links) != 1:
        raise InputError("a graph is planned for boards in their order, with one link for all")
    return _GraphProgram(graph, fleet, objective).plan(seconds)


class _GraphProgram:
    def __init__(self, graph: BlockGraph, fleet: Fleet, objective: Objective) -> None:
        self._graph, self._fleet, self._objective = graph, fleet, objective
        kinds = {board: kind for kind in kind_arrays(fleet) for board in kind.boards}
        self._kinds = [kinds[board] for board in range(len(fleet.boards))]
        self._boards = range(len(self._kinds))
        self._counts = [
            np.array([as_floats(option.use) for option in block.options]) for block in graph.blocks
        ]
        self._known = self._known_resources()
        self._program = LinearProgram()
        self._place()
        self._order()
        self._fit()

    def plan(self, seconds: float) -> GraphPlan:
        variable, unit = self._cost()
        answer = self._program.least(variable, seconds)
        if answer.values is None:
            reason = "fits" if answer.is_infeasible else "was found in time"
            raise PlanError(f"no plan of {self._graph.network} {reason}", binding=("boards",))
        values = answer.values
        chosen = [
            max((values[x], board, k) for board in self._boards for k, x in enumerate(own[board]))
            for own in self._x
        ]
        boards = tuple(board for _, board, _ in chosen)
        options = tuple(option for _, _, option in chosen)
        hops = tuple(self._bytes(boards, hop) for hop in range(max(boards)))
        value = self._value(boards, options, hops)
        bound = None if answer.bound is None else min(value, answer.bound * unit)
        return GraphPlan(boards, options, self._objective, value, bound, hops)

    def _known_resources(self) -> list[int]:
        known = []
        for resource in range(RESOURCES):
            unknown = np.concatenate([np.isinf(use[:, resource]) for use in self._counts])
            if unknown.any() and not unknown.all():
                raise InputError("a graph needs all counts of a resource, or none")
            if not unknown.any():
                known.append(resource)
        return known

    def _place(self) -> None:
        program = self._program
        self._x = [
            [[program.variable(1, integral=True) for _ in block.options] for _ in self._boards]
            for block in self._graph.blocks
        ]
        self._used = [program.variable(1, integral=True) for _ in self._boards]
        for own in self._x:
            program.row([(1, x) for board in own for x in board], 1, 1)
            for board, used in enumerate(self._used):
                program.row([(1, used), *((-1.0, x) for x in own[board])], low=0)
        for board, used in enumerate(self._used):
            every = [(-1.0, x) for own in self._x for x in own[board]]
            program.row([(1, used), *every], high=0)
            if board:
                program.row([(1, self._used[board - 1]), (-1, used)], low=0)

    def _up_to(self, block: int, board: int, factor: float) -> list[Term]:
        """Whether a block is on a board up to ``board``."""
        return [(factor, x) for own in self._x[block][: board + 1] for x in own]

    def _order(self) -> None:
        """No tensor goes back; ``crosses``: of each tensor and hop, whether it is sent there."""
        program = self._program
        self._crosses: list[list[int]] = []
        for tensor in self._graph.tensors:
            hops = [program.variable(1) for _ in self._boards[:-1]]
            self._crosses.append(hops)
            for target in tensor.targets:
                for board in self._boards[:-1]:
                    sent = self._up_to(tensor.source, board, 1)
                    taken = self._up_to(target, board, -1)
                    program.row([*sent, *taken], low=0)
                    own = self._up_to(tensor.source, board, -1) + self._up_to(target, board, 1)
                    program.row([(1, hops[board]), *own], low=0)

    def _fit(self) -> None:
        for board, kind in enumerate(self._kinds):
            for resource in self._known:
                if np.isfinite(kind.most[resource]):
                    terms = self._use(board, resource, 1)
                    self._program.row(terms, high=float(kind.most[resource]))

    def _use(self, board: int, resource: int, factor: float) -> list[Term]:
        return [
            (factor * float(use), x)
            for counts, own in zip(self._counts, self._x, strict=True)
            for use, x in zip(counts[:, resource], own[board], strict=True)
        ]

    def _cost(self) -> tuple[list[Term], float]:
        if self._objective is Objective.BOARDS:
            return [(1.0, used) for used in self._used], 1.0
        if self._objective is Objective.TRAFFIC:
            return [term for hop in self._boards[:-1] for term in self._sent(hop, 1)], 1.0
        if self._objective is Objective.THROUGHPUT:
            return self._interval()
        return [(1.0, self._shares())], 1.0

    def _sent(self, hop: int, factor: float) -> list[Term]:
        return [
            (factor * tensor.bytes_per_image, hops[hop])
            for tensor, hops in zip(self._graph.tensors, self._crosses, strict=True)
        ]

    def _interval(self) -> tuple[list[Term], float]:
        program, link = self._program, self._fleet.links[0]
        slowest = max(option.cycles for block in self._graph.blocks for option in block.options)
        unit = slowest * max(kind.seconds for kind in self._kinds) / _SCALE
        interval = program.variable()
        for board, kind in enumerate(self._kinds):
            for block, own in zip(self._graph.blocks, self._x, strict=True):
                terms = [
                    (-option.cycles * kind.seconds / unit, x)
                    for option, x in zip(block.options, own[board], strict=True)
                ]
                program.row([(1, interval), *terms], low=0)
        for hop in self._boards[:-1]:
            factor = 1 / link.usable / unit
            taken = self._sent(hop, -link.byte_s * factor)
            message = (-link.message_s * factor, self._used[hop + 1])
            program.row([(1, interval), *taken, message], low=0)
        return [(1.0, interval)], unit

    def _shares(self) -> int:
        """A variable at least the greatest share, or the greatest spread of a resource."""
        program, cost = self._program, self._program.variable()
        is_spread = self._objective is Objective.BALANCE
        for resource in self._known:
            greatest, least = program.variable(), program.variable()
            spread = [(1.0, least)] if is_spread else []
            program.row([(1, cost), (-1, greatest), *spread], low=0)
            whole = sum(float(use[:, resource].max()) for use in self._counts)
            shares = [(whole + kind.shell[resource]) / kind.size[resource] for kind in self._kinds]
            far = max((float(one) for one in shares if not np.isnan(one)), default=0.0) + 1
            for board, (kind, used) in enumerate(zip(self._kinds, self._used, strict=True)):
                if np.isnan(kind.size[resource]):
                    continue
                shell = float(kind.shell[resource] / kind.size[resource])
                use = self._use(board, resource, -1 / float(kind.size[resource]))
                program.row([(1, greatest), (-shell, used), *use], low=0)
                program.row([(1, least), (far - shell, used), *use], high=far)
        return cost

    def _bytes(self, boards: tuple[int, ...], hop: int) -> int:
        return sum(
            tensor.bytes_per_image
            for tensor in self._graph.tensors
            if boards[tensor.source] <= hop < max(boards[target] for target in tensor.targets)
        )

    def _value(
        self, boards: tuple[int, ...], options: tuple[int, ...], hops: tuple[int, ...]
    ) -> float:
        """What a plan comes to, by the formulas rather than the program's rounded sums."""
        if self._objective is Objective.BOARDS:
            return float(max(boards) + 1)
        if self._objective is Objective.TRAFFIC:
            return float(sum(hops))
        if self._objective is Objective.THROUGHPUT:
            link = self._fleet.links[0]
            own = [
                block.options[option].cycles * self._kinds[board].seconds
                for block, board, option in zip(self._graph.blocks, boards, options, strict=True)
            ]
            return max([*own, *(link.seconds(size) / link.usable for size in hops)])
        use = np.zeros((max(boards) + 1, RESOURCES))
        for counts, board, option in zip(self._counts, boards, options, strict=True):
            use[board] += counts[option]
        shares = np.array([kind.shares(own) for kind, own in zip(self._kinds, use, strict=False)])
        if self._objective is Objective.SCARCEST:
            return float(max(0.0, shares.max()))
        least = np.where(np.isinf(shares), np.inf, shares).min(axis=0)
        most = shares.max(axis=0)
        return float(
            np.where(np.isinf(most), 0.0, most - np.where(np.isinf(least), 0, least)).max()
        )
