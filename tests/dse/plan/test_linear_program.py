"""The program's answers leave stdout to those who asked: it may be JSON."""

from __future__ import annotations

import ctypes
import signal
import threading
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


def test_an_interrupt_does_not_wait_for_the_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()

    def long(*_given: Any, **_options: Any) -> Any:
        assert threading.current_thread() is not threading.main_thread()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        ended.wait()

    monkeypatch.setattr(scipy.optimize, "milp", long)
    program = LinearProgram()
    one = program.variable(1, integral=True)
    program.row([(1, one)], low=0.5)
    with pytest.raises(KeyboardInterrupt):
        program.least([(1, one)])
    ended.set()


def test_what_goes_wrong_in_the_solver_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_given: Any, **_options: Any) -> Any:
        raise ValueError("of the solver")

    monkeypatch.setattr(scipy.optimize, "milp", wrong)
    program = LinearProgram()
    program.row([(1, program.variable())], low=0)
    with pytest.raises(ValueError, match="of the solver"):
        program.least([])
