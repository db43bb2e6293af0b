"""A chain's plan as a mixed-integer program: a second way to the same optimum, with a gap.

Boards in their order, or of one kind; no part is repeated. docs/planner.md has the program.
"""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from dse.errors import InputError, PlanError
from dse.plan.arrays import RESOURCES, Floats
from dse.plan.feasibility import broken_limits
from dse.plan.linear_program import LinearProgram, Term
from dse.plan.plan import Metrics, PlannedPart, evaluate
from dse.plan.problem import Objective, Problem
from dse.plan.query import Most, Query
from dse.plan.solution import Solution
from dse.plan.undominated import TooManyLabels

#: What times are scaled to, so that the solver's tolerances are small beside them.
_SCALE = 1000.0
#: HiGHS keeps limits and integers to about 1e-6.
_ROUNDED = 1e-5
#: How often a plan is looked for that keeps the limits in earnest.
_TRIES = 3


def solve_milp(problem: Problem, objective: Objective, seconds: float | None = None) -> Solution:
    """The best plan that HiGHS finds within ``seconds``, with the bound that it proves.

    Raises InputError for a problem that the program does not cover (boards of several kinds in any
    order, repeated parts, a resource of which only some counts are known) and PlanError where no
    plan is allowed, TooManyLabels where none was found in time.
    """
    found = milp_of_query(Query.of(problem, objective), objective, seconds)
    if found is None:
        raise PlanError("no plan is within the limits")
    return found


def milp_of_query(query: Query, objective: Objective, seconds: float | None) -> Solution | None:
    """The same with the limits of ``query``; None: it is proved that none is allowed.

    HiGHS keeps limits within its tolerances. A plan that :func:`evaluate` finds over one is not
    taken; one is looked for that keeps it by more than these tolerances.
    """
    most, least = query.most, None
    for _ in range(_TRIES):
        program = _ChainProgram(replace(query, objective=objective, most=most))
        answer = program.least(seconds)
        if answer is None:
            return None
        parts, bound, is_proved = answer
        # What was proved with looser limits is proved of these.
        least = bound if least is None else least
        metrics = evaluate(query.problem, parts)
        value = metrics.of(objective)
        over = _over(query.most, metrics)
        if not over and not broken_limits(query.problem, parts, metrics):
            # The program's own sums are rounded; what it proves best is worth what the plan
            # comes to.
            is_proved = is_proved and most is query.most
            return Solution(parts, metrics, objective, value if is_proved else least, "milp")
        for name in over:
            most = most.to(name, getattr(query.most, name) * (1 - _ROUNDED) - _ROUNDED * _ROUNDED)
        if not over:
            break
    raise TooManyLabels("HiGHS has found no plan that keeps the limits but for its rounding")


def _over(most: Most, metrics: Metrics) -> list[str]:
    """Which figures are over ``most``."""
    return [
        one.name
        for one in fields(Most)
        if one.name != "hop_bytes" and getattr(metrics, one.name) > getattr(most, one.name)
    ]


class _ChainProgram:
    def __init__(self, query: Query) -> None:
        problem = query.problem
        if problem.fleet.any_order and len(query.kinds) > 1:
            raise InputError("the MILP has boards in a fixed order, or of one kind")
        if problem.most_replicas > 1:
            raise InputError("the MILP repeats no part")
        self._query = query
        self._known = _known(query)
        kinds = {board: kind for kind in query.kinds for board in kind.boards}
        self._kinds = [kinds[board] for board in range(len(problem.fleet.boards))]
        self._boards = range(len(self._kinds))
        self._blocks = range(len(query.blocks))
        slowest = max(float(block.cycles.max()) for block in query.blocks)
        self._unit = slowest * max(kind.seconds for kind in query.kinds) / _SCALE
        self._program = LinearProgram()
        self._use: list[list[list[Term]]] = [[[] for _ in range(RESOURCES)] for _ in self._boards]
        self._place()
        self._used = [self._program.variable(1, integral=True) for _ in self._boards]
        self._use_boards()
        self._hop()
        self._limit_resources()
        self._cost = self._costs()

    def least(
        self, seconds: float | None
    ) -> tuple[tuple[PlannedPart, ...], float | None, bool] | None:
        """A plan, the bound of its objective, and whether it is proved best."""
        cost, unit, constant = self._cost
        answer = self._program.least(cost, seconds)
        if answer.values is None and answer.is_infeasible:
            return None
        if answer.values is None:
            raise TooManyLabels(f"HiGHS has found no plan in {seconds:g} s")
        total = sum(factor * answer.values[variable] for factor, variable in cost)
        bound = None if answer.bound is None else answer.bound * unit + constant
        is_proved = answer.bound is not None and total - answer.bound <= 1e-6 * max(1.0, total)
        return self._parts(answer.values), bound, is_proved

    def _place(self) -> None:
        """Each block with one folding on one board."""
        query, program = self._query, self._program
        self._x: list[list[list[int]]] = []
        for block in query.blocks:
            own = []
            for kind in self._kinds:
                quick = block.cycles * kind.seconds <= query.most.interval
                own.append([program.variable(float(one), integral=True) for one in quick])
            self._x.append(own)
            program.row([(1, x) for board in own for x in board], 1, 1)
            for board, variables in enumerate(own):
                for resource in self._known:
                    self._use[board][resource] += [
                        (float(use), x)
                        for use, x in zip(block.use[:, resource], variables, strict=True)
                    ]

    def _on(self, block: int, board: int, factor: float = 1) -> list[Term]:
        """Whether a block is on a board."""
        return [(factor, x) for x in self._x[block][board]]

    def _use_boards(self) -> None:
        query, program = self._query, self._program
        for board, used in enumerate(self._used):
            for block in self._blocks:
                program.row([(1, used), *self._on(block, board, -1)], low=0)
            every = [term for block in self._blocks for term in self._on(block, board, -1)]
            program.row([(1, used), *every], high=0)
            if query.problem.use_all:
                program.row([(1, used)], 1, 1)
        alike = len(query.kinds) == 1 and len(query.problem.fleet.links) == 1
        if alike:
            for board in self._boards[1:]:
                program.row([(1, self._used[board - 1]), (-1, self._used[board])], low=0)
        if query.counts_boards:
            program.row([(1, used) for used in self._used], high=query.most.boards)

    def _hop(self) -> None:
        """From each block to the next: on the same board, or to a later one."""
        query, program = self._query, self._program
        ends = set(query.ends)
        self._hops: list[tuple[int, int, int, int]] = []
        for block in self._blocks[:-1]:
            cut = block + 1
            step: dict[tuple[int, int], int] = {}
            for board in self._boards:
                for following in self._boards[board:]:
                    is_cut = following > board
                    allowed = cut in ends if is_cut else cut not in query.problem.must_cut
                    if allowed:
                        step[board, following] = program.variable(1)
                        if is_cut:
                            self._hops.append((cut, board, following, step[board, following]))
            for board in self._boards:
                leaving = [(1.0, one) for (out, _), one in step.items() if out == board]
                entering = [(1.0, one) for (_, into), one in step.items() if into == board]
                program.row([*leaving, *self._on(block, board, -1)], 0, 0)
                program.row([*entering, *self._on(cut, board, -1)], 0, 0)
                self._convert(block, board, step.get((board, board)))

    def _convert(self, block: int, board: int, stays: int | None) -> None:
        """Converters behind a block on a board, of the streams that meet there or leave it."""
        query, program = self._query, self._program
        between = query.boundaries[block]
        if between.joint is None and between.leave is None and between.enter is None:
            return
        before, after = query.blocks[block], query.blocks[block + 1]
        meets = {
            (int(out), int(into)): program.variable(1)
            for out in np.unique(before.stream_out)
            for into in np.unique(after.stream_in)
        }
        leaves = {int(out): program.variable(1) for out in np.unique(before.stream_out)}
        enters = {int(into): program.variable(1) for into in np.unique(after.stream_in)}
        same = [] if stays is None else [(-1.0, stays)]
        program.row([*((1.0, one) for one in meets.values()), *same], 0, 0)
        for out, leave in leaves.items():
            own = np.flatnonzero(before.stream_out == out)
            program.row(
                [
                    (1, leave),
                    *((1.0, one) for (other, _), one in meets.items() if other == out),
                    *((-1.0, self._x[block][board][k]) for k in own),
                ],
                0,
                0,
            )
        for into, enter in enters.items():
            own = np.flatnonzero(after.stream_in == into)
            program.row(
                [
                    (1, enter),
                    *((1.0, one) for (_, other), one in meets.items() if other == into),
                    *((-1.0, self._x[block + 1][board][k]) for k in own),
                ],
                0,
                0,
            )
        for resource in self._known:
            use = self._use[board][resource]
            if between.joint is not None:
                use += [(float(between.joint[pair][resource]), one) for pair, one in meets.items()]
            if between.leave is not None:
                use += [(float(between.leave[k][resource]), one) for k, one in leaves.items()]
            if between.enter is not None:
                use += [(float(between.enter[k][resource]), one) for k, one in enters.items()]

    def _limit_resources(self) -> None:
        query = self._query
        for board, kind in enumerate(self._kinds):
            most = query.most_use(kind)
            for resource in self._known:
                if np.isfinite(most[resource]):
                    # A board that is not used may have a shell that is too big.
                    room = max(0.0, float(most[resource]))
                    self._program.row(self._use[board][resource], high=room)
                    if most[resource] < 0:
                        self._program.row([(1, self._used[board])], high=0)

    def _costs(self) -> tuple[list[Term], float, float]:
        """The objective's terms, what one of them is worth, and what is added to all."""
        query = self._query
        objective, most = query.objective, query.most
        images = query.problem.batch - 1
        traffic = [(float(query.bytes_at(cut)), one) for cut, _, _, one in self._hops]
        if query.counts_traffic and np.isfinite(most.traffic):
            self._program.row(traffic, high=most.traffic)
        self._other_limits()
        if objective is Objective.TRAFFIC:
            return traffic, 1.0, 0.0
        if objective is Objective.BOARDS:
            return [(1.0, one) for one in self._used], 1.0, 0.0
        if objective is Objective.SCARCEST:
            return [(1.0, self._scarcest())], 1.0, 0.0
        if objective is Objective.BALANCE:
            return [(1.0, self._balance())], 1.0, 0.0
        if objective is Objective.THROUGHPUT:
            return [(1.0, self._interval())], self._unit, 0.0
        latency = self._latency()
        if objective is Objective.BATCH:
            latency = [*latency, (float(images), self._interval())]
        return latency, self._unit, query.host[1]

    def _other_limits(self) -> None:
        query, program, most = self._query, self._program, self._query.most
        for cut, board, following, one in self._hops:
            size = query.bytes_at(cut)
            link = query.problem.fleet.link(board, following, size)
            if link.seconds(size) / link.usable > most.interval:
                program.row([(1, one)], high=0)
        if query.host[0] > most.interval:
            program.row([(1, self._used[0])], low=2)
        room = (most.latency - query.host[1]) / self._unit
        if np.isfinite(room):
            program.row(self._latency(), high=room)
        room = (most.batch - query.host[1]) / self._unit
        if np.isfinite(room):
            images = float(query.problem.batch - 1)
            program.row([*self._latency(), (images, self._interval())], high=room)
        if np.isfinite(most.balance):
            program.row([(1, self._balance())], high=most.balance)

    def _interval(self) -> int:
        """A variable at least the interval, in units."""
        query, program = self._query, self._program
        interval = program.variable()
        program.row([(1, interval)], low=query.host[0] / self._unit)
        for board, kind in enumerate(self._kinds):
            for block, arrays in enumerate(query.blocks):
                seconds = arrays.cycles * kind.seconds / self._unit
                own = zip(seconds, self._x[block][board], strict=True)
                program.row([(1, interval), *((-float(s), x) for s, x in own)], low=0)
        for cut, board, following, one in self._hops:
            size = query.bytes_at(cut)
            link = query.problem.fleet.link(board, following, size)
            taken = link.seconds(size) / link.usable / self._unit
            program.row([(1, interval), (-taken, one)], low=0)
        return interval

    def _latency(self) -> list[Term]:
        """Terms of the latency without the host, in units."""
        query, program = self._query, self._program
        terms: list[Term] = []
        for board, kind in enumerate(self._kinds):
            own = program.variable()
            terms.append((1.0, own))
            for busy in self._blocks:
                # With fill and drain at most the cycles, this holds for blocks elsewhere, too.
                waits: list[Term] = []
                for block, arrays in enumerate(query.blocks):
                    times = arrays.fill if block < busy else arrays.drain
                    times = arrays.cycles if block == busy else times
                    seconds = times * kind.seconds / self._unit
                    waits += [
                        (-float(s), x) for s, x in zip(seconds, self._x[block][board], strict=True)
                    ]
                program.row([(1, own), *waits], low=0)
        for cut, board, following, one in self._hops:
            size = query.bytes_at(cut)
            link = query.problem.fleet.link(board, following, size)
            terms.append((link.late(size) / self._unit, one))
        return terms

    def _shares(self, board: int, resource: int) -> tuple[list[Term], float] | None:
        """What a board uses of a resource as a share, and the share of its shell."""
        kind = self._kinds[board]
        size = float(kind.size[resource])
        if np.isnan(size):
            return None
        use = [(factor / size, x) for factor, x in self._use[board][resource]]
        return use, float(kind.shell[resource]) / size

    def _scarcest(self) -> int:
        greatest = self._program.variable()
        for board, used in enumerate(self._used):
            for resource in self._known:
                if (share := self._shares(board, resource)) is not None:
                    own = [(-factor, x) for factor, x in share[0]]
                    self._program.row([(1, greatest), (-share[1], used), *own], low=0)
        return greatest

    def _balance(self) -> int:
        program, spread = self._program, self._program.variable()
        for resource in self._known:
            most, least = program.variable(), program.variable()
            far = self._beyond_any_share(resource)
            program.row([(1, spread), (-1, most), (1, least)], low=0)
            for board, used in enumerate(self._used):
                if (share := self._shares(board, resource)) is None:
                    continue
                own = [(-factor, x) for factor, x in share[0]]
                program.row([(1, most), (-share[1], used), *own], low=0)
                # Of a board that is not used, nothing is asked: no share is more than `far`.
                program.row([(1, least), (far - share[1], used), *own], high=far)
        return spread

    def _beyond_any_share(self, resource: int) -> float:
        whole = float(self._query.greatest_use[resource])
        shares = [(whole + kind.shell[resource]) / kind.size[resource] for kind in self._kinds]
        return max((float(one) for one in shares if not np.isnan(one)), default=0.0) + 1

    def _parts(self, values: Floats) -> tuple[PlannedPart, ...]:
        chosen = []
        for own in self._x:
            of_board = [[values[x] for x in board] for board in own]
            board = int(np.argmax([max(one) for one in of_board]))
            chosen.append((board, int(np.argmax(of_board[board]))))
        parts, first = [], 0
        for last in range(1, len(chosen) + 1):
            if last == len(chosen) or chosen[last][0] != chosen[first][0]:
                options = tuple(option for _, option in chosen[first:last])
                parts.append(PlannedPart(first, last, options, (chosen[first][0],)))
                first = last
        return tuple(parts)


def _known(query: Query) -> list[int]:
    """Resources of which every count is known; InputError for one of which some are."""
    known = []
    for resource in range(RESOURCES):
        if not query.may_be_unknown[resource]:
            known.append(resource)
        elif not all(np.isinf(block.use[:, resource]).all() for block in query.blocks):
            raise InputError("the MILP needs all counts of a resource, or none")
    return known
