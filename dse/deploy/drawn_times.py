"""Times of a model: one that is constant, or several of which one is drawn for each image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dse.errors import InputError


def service_times(values: ArrayLike) -> NDArray[np.int64]:
    """One number or several, as int64 (count,). InputError for what is no whole number."""
    array = np.atleast_1d(np.asarray(values))
    if array.dtype.kind not in "iu" or array.ndim != 1:
        raise InputError(f"service times {values!r}"[:80], expected="whole nanoseconds")
    return array.astype(np.int64)


def draw(
    choices: Sequence[NDArray[np.int64]], images: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Of each stage's ``choices`` one for each image, int64 (stages, images)."""
    drawn = np.empty((len(choices), images), dtype=np.int64)
    for row, times in zip(drawn, choices, strict=True):
        row[:] = times[0] if len(times) == 1 else random.choice(times, images)
    return drawn
