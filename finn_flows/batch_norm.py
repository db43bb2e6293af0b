"""Integer thresholds carried exactly by a batch normalisation and a quantiser."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finn_flows.integer_type import IntegerType

#: A quantiser of one or two steps is an affine map and a rounding; more steps need not be.
MOST_STEPS = 2
#: Up to here float32 carries accumulator and threshold through a batch normalisation without
#: reaching the next integer: its error is below 2**-22 of the greatest value, the gap is 1/2.
GREATEST_MAGNITUDE = 2**20


@dataclass(frozen=True)
class BatchNorm:
    """``gamma * (accumulator - mean) + beta``, variance 1; float64 (channels,)."""

    gamma: NDArray[np.float64]
    mean: NDArray[np.float64]
    beta: NDArray[np.float64]


def batch_norm_of(thresholds: NDArray[np.int64], kind: IntegerType) -> BatchNorm:
    """The normalisation behind which the quantiser of ``kind`` gives the activation.

    ``thresholds``: (channels, steps), one or two steps. The quantiser rounds to the nearest integer
    (bipolar: takes the sign, 0 counting as +1). Every accumulator is an integer, so the boundary is
    put half way below each threshold; of two equal ones, one a quarter and one three quarters of
    the way, so that the slope stays finite.
    """
    if thresholds.shape[1] == 1:
        gamma, mean = np.ones(len(thresholds)), thresholds[:, 0] - 0.5
    elif thresholds.shape[1] == MOST_STEPS:
        low, high = thresholds[:, 0] - 0.5, thresholds[:, 1] - 0.5
        equal = low == high
        low, high = np.where(equal, low - 0.25, low), np.where(equal, high + 0.25, high)
        gamma, mean = 1 / (high - low), (low + high) / 2
    else:
        raise ValueError(f"{thresholds.shape[1]} thresholds: 1 or {MOST_STEPS} can be carried")
    # The middle of the type: between two levels of one step, the middle one of two steps.
    middle = 0.0 if kind.is_bipolar else (kind.minimum + kind.maximum) / 2
    return BatchNorm(
        gamma.astype(np.float64), mean.astype(np.float64), np.full(len(thresholds), middle)
    )
