"""From a function of the accumulator to the integer thresholds that stand for it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

#: Takes accumulators int64 (points, channels), gives activations int64 of the same shape.
ActivationFunction = Callable[[NDArray[np.int64]], NDArray[np.int64]]


def find_thresholds(
    activation: ActivationFunction,
    least: NDArray[np.int64],
    greatest: NDArray[np.int64],
    levels: NDArray[np.int64],
) -> NDArray[np.int64]:
    """The least accumulator of each channel whose activation reaches each level.

    ``activation`` must not decrease in any channel. ``least``, ``greatest``: the reachable
    accumulators, int64 (channels,). ``levels``: ascending, int64 (steps,), without the lowest
    activation. Returns int64 (channels, steps): ``least`` where the level is always reached,
    ``greatest + 1`` where it never is, which is the canonical form of such a threshold.
    All channels and levels are bisected at once: log2(range) evaluations in all.
    """
    steps = len(levels)
    # Invariant: not reached below low, reached at high (greatest + 1 standing for "never").
    low = np.repeat(least[None, :], steps, axis=0).astype(np.int64)
    high = np.repeat(greatest[None, :] + 1, steps, axis=0).astype(np.int64)
    while (low < high).any():
        middle = (low + high) // 2
        # Where the search is over, middle may be greatest + 1; evaluate inside, change nothing.
        reached = activation(np.minimum(middle, greatest)) >= levels[:, None]
        is_open = low < high
        high = np.where(is_open & reached, middle, high)
        low = np.where(is_open & ~reached, middle + 1, low)
    return np.ascontiguousarray(high.T)
