"""A mixed-integer linear program, put together row by row, for HiGHS through scipy."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import numpy as np

from dse.plan.arrays import Floats

#: A term of a row: a factor and a variable.
Term = tuple[float, int]


@dataclass(frozen=True)
class Answer:
    """``values`` of the variables (None: there are none), and the ``bound`` proved of the cost.

    ``is_infeasible``: it is proved that there are none.
    """

    values: Floats | None
    bound: float | None
    is_infeasible: bool


class LinearProgram:
    """Variables from 0 up, rows between bounds, a cost to be made small."""

    def __init__(self) -> None:
        self._upper: list[float] = []
        self._integral: list[int] = []
        self._entries: list[tuple[int, int, float]] = []
        self._low: list[float] = []
        self._high: list[float] = []

    def variable(self, upper: float = np.inf, integral: bool = False) -> int:
        """A new one, from 0 to ``upper``."""
        self._upper.append(upper)
        self._integral.append(int(integral))
        return len(self._upper) - 1

    def row(self, terms: Iterable[Term], low: float = -np.inf, high: float = np.inf) -> None:
        """``low <= sum of terms <= high``."""
        row = len(self._low)
        self._entries += [(row, variable, factor) for factor, variable in terms if factor]
        self._low.append(low)
        self._high.append(high)

    def least(self, cost: Iterable[Term], seconds: float | None = None) -> Answer:
        """The least of ``cost``; after ``seconds`` the best until then."""
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import csr_array

        factors = np.zeros(len(self._upper))
        for factor, variable in cost:
            factors[variable] += factor
        rows, columns, values = (np.array([entry[k] for entry in self._entries]) for k in range(3))
        matrix = csr_array((values, (rows, columns)), shape=(len(self._low), len(self._upper)))
        options: dict[str, float] = {"mip_rel_gap": 0.0}
        if seconds is not None:
            options["time_limit"] = seconds
        with _without_output():
            found = _in_a_thread(
                lambda: milp(
                    factors,
                    integrality=np.array(self._integral),
                    bounds=Bounds(0, np.array(self._upper)),
                    constraints=LinearConstraint(matrix, np.array(self._low), np.array(self._high)),
                    options=options,
                )
            )
        bound = found.get("mip_dual_bound")
        return Answer(
            None if found.x is None else np.asarray(found.x),
            float(bound) if bound is not None and np.isfinite(bound) else None,
            found.status == 2,
        )


def _in_a_thread(work: Callable[[], Any]) -> Any:
    """Python sees Ctrl-C in the main thread alone, and there not before the solver returns."""
    answer: Future[Any] = Future()

    def run() -> None:
        try:
            answer.set_result(work())
        except BaseException as error:  # whatever it is, it is raised where it was asked
            answer.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return answer.result()


@contextlib.contextmanager
def _without_output() -> Iterator[None]:
    """HiGHS prints notes for its developers to stdout, whatever its options say."""
    library = ctypes.CDLL(None)  # whose buffer of stdout is not Python's
    sys.stdout.flush()
    library.fflush(None)
    kept, nothing = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 1)
        yield
    finally:
        library.fflush(None)
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nothing)
