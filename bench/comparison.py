"""Timing two ways of doing the same thing, in turns, so that a noisy machine hits both alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Comparison:
    """Things per second of ours and of the alternative: medians over rounds, and their ratio.

    ``least`` and ``most``: smallest and greatest ratio of any single round.
    """

    what: str
    unit: str
    ours: str
    alternative: str
    ours_per_second: float
    alternative_per_second: float
    ratio: float
    least: float
    most: float


def compare(
    what: str,
    unit: str,
    ours: tuple[str, Callable[[], int]],
    alternative: tuple[str, Callable[[], int]],
    rounds: int = 5,
) -> Comparison:
    """Run both in turns ``rounds`` times; each callable returns how many things it did."""
    speeds: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for side, (_, work) in enumerate((ours, alternative)):
            start = time.perf_counter()
            done = work()
            speeds[side].append(done / (time.perf_counter() - start))
    ratios = [mine / theirs for mine, theirs in zip(*speeds, strict=True)]
    return Comparison(
        what,
        unit,
        ours[0],
        alternative[0],
        statistics.median(speeds[0]),
        statistics.median(speeds[1]),
        statistics.median(ratios),
        min(ratios),
        max(ratios),
    )
