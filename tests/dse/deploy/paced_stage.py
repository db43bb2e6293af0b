"""A stage that takes and gives images as a circuit does: each is late by a latency, and a new one
goes in while others are on their way, an interval behind the one before. This file is also the
program that runs on the board."""

from __future__ import annotations

import math
import time
from collections import deque

from dse.deploy.node.fard import FardJob, FardTaskContainer


class PacedStage(FardJob):
    """``config``: ``interval_seconds`` and ``latency_seconds``."""

    def setup(self) -> None:
        self._interval = self.config.interval_seconds
        self._latency = self.config.latency_seconds
        self._output = self.config.pipeline.output_bytes
        self._begun: deque[float] = deque()
        self._entered = -math.inf
        self.depth = 1 + math.ceil(self._latency / self._interval)

    def give(self, chunk: memoryview) -> None:
        self._entered = max(time.monotonic(), self._entered + self._interval)
        self._begun.append(self._entered + self._latency)

    def take(self) -> bytes:
        time.sleep(max(0.0, self._begun.popleft() - time.monotonic()))
        return bytes(self._output)


if __name__ == "__main__":
    FardTaskContainer(PacedStage()).execute()
