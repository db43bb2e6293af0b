"""When each image of a job was where, in the client's clock."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class StageTimings:
    """One stage's, int64 nanoseconds of the client's monotonic clock, (images,) each.

    ``received``: the image was in the stage's memory; ``started``, ``finished``: around the
    computation; ``sent``: its result was handed to the network.
    """

    position: int
    received_ns: NDArray[np.int64]
    started_ns: NDArray[np.int64]
    finished_ns: NDArray[np.int64]
    sent_ns: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class JobTimings:
    """A whole job's. ``sent_ns``, ``received_ns``: at the client, int64 (images,)."""

    sent_ns: NDArray[np.int64]
    received_ns: NDArray[np.int64]
    stages: tuple[StageTimings, ...]

    @property
    def response_ns(self) -> int:
        """From the first image given to the network to the last result taken from it."""
        return int(self.received_ns[-1] - self.sent_ns[0])
