"""The program's answers leave stdout to those who asked: it may be JSON."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest
import scipy.optimize

from dse.plan.linear_program import LinearProgram


def test_what_the_solver_prints_does_not_reach_stdout(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    real = scipy.optimize.milp

    def printing(*given: Any, **options: Any) -> Any:
        ctypes.CDLL(None).printf(b"HighsMipSolverData::transformNewIntegerFeasibleSolution\n")
        return real(*given, **options)

    monkeypatch.setattr(scipy.optimize, "milp", printing)
    program = LinearProgram()
    one = program.variable(1, integral=True)
    program.row([(1, one)], low=0.5)
    print("before")
    assert program.least([(1, one)]).bound == 1
    print("after")
    ctypes.CDLL(None).fflush(None)
    assert capfd.readouterr().out == "before\nafter\n"
