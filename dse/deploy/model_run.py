"""Stepping a model's events, so that a signal ends it.

SimPy takes whatever is raised inside a process, KeyboardInterrupt too, as the failure of that
process, which comes out after every event before it, and as a copy. Hence no signal's handler may
run inside of a step.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

from dse.errors import InputError

if TYPE_CHECKING:
    from simpy import Environment, Event

#: As a step takes some µs, so many are some minutes. An image takes about two a hop.
MOST_EVENTS = 100_000_000


def run_until(environment: Environment, end: Event) -> None:
    """Step ``environment`` until ``end`` has happened.

    In the main thread SIGINT, SIGTERM and SIGHUP are dealt with between two steps, by the handlers
    that they have; what those raise gets out unchanged. Raises InputError after
    :data:`MOST_EVENTS`, and what a process raised.
    """
    held = _HeldSignals()
    try:
        for _ in range(MOST_EVENTS):
            if end.callbacks is None:  # it is processed
                return
            environment.step()
            if held.arrived:
                break
    finally:
        held.release()
    if not held.arrived:
        raise InputError(
            f"after {MOST_EVENTS:,} events the model is not at its end",
            expected="boards that fail less often, fewer of them, or shorter jobs",
        )
    # Its handler let the model go on.
    run_until(environment, end)


class _HeldSignals:
    """From its making until :meth:`release`, signals with a handler are only noted."""

    def __init__(self) -> None:
        self.arrived: list[tuple[int, FrameType | None]] = []
        self._before: dict[int, Callable[[int, FrameType | None], Any]] = {}
        if threading.current_thread() is not threading.main_thread():
            return  # no handler runs here
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            handler = signal.getsignal(number)
            if callable(handler):
                self._before[number] = handler
                signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.arrived.append((number, frame))

    def release(self) -> None:
        """Handlers are what they were, and are called for what has arrived."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        for number, frame in self.arrived:
            self._before[number](number, frame)
