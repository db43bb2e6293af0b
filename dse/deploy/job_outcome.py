"""How a job ended: done with every result, or failed. There is nothing between."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class JobDone:
    """``results``: uint8 (chunks, bytes of a result), in the order of the chunks. ``sent_ns``,
    ``received_ns``: int64 (chunks,), when each was given to the network and its result taken
    from it, in the client's monotonic clock."""

    job: int
    epoch: int
    results: NDArray[np.uint8]
    sent_ns: NDArray[np.int64]
    received_ns: NDArray[np.int64]

    @property
    def response_seconds(self) -> float:
        """From the first chunk given to the last result taken."""
        return float(self.received_ns[-1] - self.sent_ns[0]) / 1e9 if len(self.sent_ns) else 0.0


@dataclass(frozen=True)
class JobFailed:
    """``stage``: where it failed (from 0), None where that is not known. ``pipeline_is_up``:
    whether the pipeline takes other jobs: it was this job's input that could not be computed."""

    job: int
    epoch: int
    stage: int | None
    reason: str
    pipeline_is_up: bool = False

    def __str__(self) -> str:
        where = "" if self.stage is None else f" at stage {self.stage}"
        return f"job {self.job} (epoch {self.epoch}) failed{where}: {self.reason}"


JobOutcome = JobDone | JobFailed
