"""What is said to fit on a board fits, and what is said not to fit does so with no foldings."""

from __future__ import annotations

import random
from itertools import product

import numpy as np

from dse.plan.arrays import as_floats
from dse.plan.part_fits import PartFits
from dse.plan.plan import PlannedPart, part_use
from dse.plan.problem import Objective
from dse.plan.query import Query
from tests.dse.plan.random_problems import random_problem


def test_parts_fit_where_some_foldings_of_all_do() -> None:
    draw = random.Random(4)
    undecided = {True: 0, False: 0}
    # So many, as few parts hang on what is between a label and the foldings chosen behind it.
    for _ in range(2_500):
        problem = random_problem(draw, 4, 2, 3)
        if not any(boundary.converters.joint for boundary in problem.chain.boundaries):
            continue
        query = Query.of(problem, Objective.THROUGHPUT)
        blocks = problem.chain.blocks
        for kind in query.kinds:
            most = query.most_use(kind)
            most_cycles = draw.choice([np.inf, 100, 50])
            fits = PartFits(query, kind, most_cycles)
            certain, possible = fits.ranges
            for first, last in product([0, *query.ends[:-1]], query.ends):
                if first >= last:
                    continue
                choices = [
                    [k for k, one in enumerate(block.options) if one.cycles <= most_cycles]
                    for block in blocks[first:last]
                ]
                allowed = {
                    chosen
                    for chosen in product(*choices)
                    if _fits(query, PlannedPart(first, last, chosen, kind.boards[:1]), most)
                }
                found = fits.options(first, last)
                assert (found is not None) == bool(allowed), (first, last)
                assert found is None or found in allowed, (first, last)
                assert allowed or last > certain[first]
                assert not allowed or last <= possible[first]
                if certain[first] < last <= possible[first]:
                    undecided[bool(allowed)] += 1
    assert min(undecided.values()) > 20


def _fits(query: Query, part: PlannedPart, most: np.ndarray) -> bool:
    return bool((np.array(as_floats(part_use(query.problem, part))) <= most).all())
