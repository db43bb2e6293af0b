"""Which boards are taken after some parts of a plan, and what the next part may take."""

from __future__ import annotations

from dataclasses import dataclass

from dse.plan.arrays import KindArrays
from dse.plan.problem import Problem

#: Boards taken (of each kind, or up to where in the list), then on how many the last part is.
State = tuple[int, ...]


@dataclass(frozen=True)
class BoardStep:
    """The next part on ``replicas`` boards of a kind.

    ``first``, ``last``: indices into the fleet's boards in a fixed order, else 0.
    """

    following: State
    kind: int
    replicas: int
    first: int
    last: int


class BoardStates:
    """States of a problem's boards: steps from each, and how states compare.

    In a fixed order a state is up to where boards are taken; where all links are alike, the first
    boards that serve are as good as any. In a free order it is how many of each kind are taken.
    """

    def __init__(self, problem: Problem, kinds: list[KindArrays]) -> None:
        self._problem = problem
        self._kinds = kinds
        self._kind_of = {board: k for k, kind in enumerate(kinds) for board in kind.boards}
        self._steps: dict[State, list[BoardStep]] = {}
        self._own_links = len(problem.fleet.links) > 1
        # Boards of one kind in any order are as good as in theirs.
        self.any_order = problem.fleet.any_order and len(kinds) > 1
        self.start: State = (0,) * (len(kinds) if self.any_order else 1) + (0,)

    def columns(self, state: State) -> tuple[float, ...]:
        """Less is better in each: fewer boards taken, and more of them in the last part."""
        *taken, replicas = state
        own: tuple[float, ...] = tuple(float(count) for count in taken)
        if self._own_links or self._problem.use_all:
            # Neither more nor fewer is better, so only equals compare.
            own += tuple(-count for count in own)
        return (*own, -float(replicas)) if self._problem.most_replicas > 1 else own

    def is_final(self, state: State) -> bool:
        """Whether a plan may end here."""
        if not self._problem.use_all:
            return True
        return sum(state[:-1]) == len(self._problem.fleet.boards)

    def steps(self, state: State) -> list[BoardStep]:
        """What the next part may take."""
        if state not in self._steps:
            self._steps[state] = self._free(state) if self.any_order else self._fixed(state)
        return self._steps[state]

    def _free(self, state: State) -> list[BoardStep]:
        steps = []
        for k, kind in enumerate(self._kinds):
            spare = len(kind.boards) - state[k]
            for replicas in range(1, min(spare, self._problem.most_replicas) + 1):
                taken = [*state[:-1]]
                taken[k] += replicas
                steps.append(BoardStep((*taken, replicas), k, replicas, 0, 0))
        return steps

    def _fixed(self, state: State) -> list[BoardStep]:
        steps = []
        boards = len(self._problem.fleet.boards)
        for k, kind in enumerate(self._kinds):
            own = [board for board in kind.boards if board >= state[0]]
            for replicas in range(1, min(len(own), self._problem.most_replicas) + 1):
                for at in range(len(own) - replicas + 1) if self._own_links else (0,):
                    first = own[at]
                    lasts = own[at + replicas - 1 :] if self._own_links and replicas > 1 else []
                    for last in lasts or [own[at + replicas - 1]]:
                        if self._problem.use_all and last + 1 - state[0] != replicas:
                            continue
                        steps.append(BoardStep((last + 1, replicas), k, replicas, first, last))
        return [step for step in steps if step.last < boards]

    def boards(self, steps: list[BoardStep]) -> list[tuple[int, ...]]:
        """The boards of each of a plan's parts."""
        taken: set[int] = set()
        found = []
        for step in steps:
            own = [board for board in self._kinds[step.kind].boards if board not in taken]
            if self.any_order:
                chosen = tuple(own[: step.replicas])
            else:
                within = [board for board in own if step.first <= board <= step.last]
                chosen = (*within[: step.replicas - 1], step.last)
            taken.update(chosen)
            found.append(chosen)
        return found
