"""What an application's tasks give out, kept until somebody consumes it."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

#: Of one application: how many outputs are kept, and how many bytes of JSON.
MOST_OUTPUTS = 1000
MOST_OUTPUT_BYTES = 1 << 24


class Output(NamedTuple):
    """``data``, a JSON value, that replica ``peer`` of ``task`` gave out."""

    task: str
    peer: int
    data: Any


class AppOutput:
    """A queue of bounded length and size: what finds no room pushes out the oldest, and
    ``dropped`` counts those. ``changed``: notified whenever something is put."""

    def __init__(
        self, changed: threading.Condition, most: int = MOST_OUTPUTS, size: int = MOST_OUTPUT_BYTES
    ) -> None:
        self.is_on = False
        self.dropped = 0
        self._changed = changed
        self._most = most
        self._most_bytes = size
        self._outputs: deque[tuple[Output, int]] = deque()
        self._bytes = 0

    def put(self, output: Output) -> None:
        """Keep ``output`` if collection is on."""
        with self._changed:
            if not self.is_on:
                return
            size = len(json.dumps(output.data))
            self._outputs.append((output, size))
            self._bytes += size
            while len(self._outputs) > self._most or self._bytes > self._most_bytes:
                self._bytes -= self._outputs.popleft()[1]
                self.dropped += 1
            self._changed.notify_all()

    def take(self, seconds: float, is_over: Callable[[], bool]) -> list[Output]:
        """All there is, once there is any; nothing after ``seconds``, or when no more can come."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not self._outputs and not is_over():
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    break
            taken = [output for output, _ in self._outputs]
            self._outputs.clear()
            self._bytes = 0
            return taken
