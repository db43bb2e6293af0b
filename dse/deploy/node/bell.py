"""A wait, with an end, for another thread.

By the monotonic clock: before Python 3.11 the waits of ``queue`` and ``threading`` that have an end
go by the wall clock, and that of a board without a battery jumps by years when it learns the time.
"""

from __future__ import annotations

import os
import select


class Bell:
    """One thread rings, one waits. It rings on until it was heard as often as it was rung."""

    def __init__(self) -> None:
        self._heard, self._rung = os.pipe()
        self._poll = select.poll()
        self._poll.register(self._heard, select.POLLIN)

    def ring(self) -> None:
        """Wake whoever waits, or who waits next."""
        os.write(self._rung, b"x")

    def wait(self, seconds: float) -> bool:
        """Whether it was rung, within ``seconds``."""
        if not self._poll.poll(seconds * 1000):
            return False
        os.read(self._heard, 1)
        return True

    def close(self) -> None:
        """Give its pipe back."""
        os.close(self._heard)
        os.close(self._rung)
