"""Many design points of a chain at once: what each takes and how fast it is, as arrays.

The same sums as :func:`dse.plan.plan.part_use`, for one part of the chain with thousands of
foldings instead of a plan at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dse.plan.chain import PLAN_RESOURCES, Chain, Counts

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PointFigures:
    """``use``: float64 (points, resources) by PLAN_RESOURCES, NaN where unknown. ``cycles``: int64
    (points,), between two images. ``latency``: int64 (points,), of one image alone."""

    use: Floats
    cycles: NDArray[np.int64]
    latency: NDArray[np.int64]


class DesignPoints:
    """``chain.blocks[first:last]`` on one board, ready to be evaluated with any foldings.

    With the width converters to the wire at a cut before ``first`` and behind ``last``.
    """

    def __init__(self, chain: Chain, first: int = 0, last: int | None = None) -> None:
        last = len(chain.blocks) if last is None else last
        self._blocks = [
            _BlockArrays(
                use=_array(tuple(option.use for option in block.options)),
                times=np.array([(o.cycles, o.fill, o.drain) for o in block.options]),
                into=np.array([option.stream_in for option in block.options]),
                out=np.array([option.stream_out for option in block.options]),
            )
            for block in chain.blocks[first:last]
        ]
        between = [boundary.converters.joint for boundary in chain.boundaries[first : last - 1]]
        # Flat, since one index is quicker than two: row out * (widths in) + in.
        self._joint = [
            (_array(tuple(counts for row in joint for counts in row)), len(joint[0]))
            if joint
            else None
            for joint in between
        ]
        if first > 0 and (enter := chain.boundaries[first - 1].converters.enter):
            self._blocks[0].use += _array(enter)[self._blocks[0].into]
        if last < len(chain.blocks) and (leave := chain.boundaries[last - 1].converters.leave):
            self._blocks[-1].use += _array(leave)[self._blocks[-1].out]

    def figures(self, options: NDArray[np.integer]) -> PointFigures:
        """What each point comes to. ``options``: (points, blocks), which option of each block."""
        points = len(options)
        use = np.zeros((points, len(PLAN_RESOURCES)))
        cycles, filled, latency = (np.zeros(points, dtype=np.int64) for _ in range(3))
        for k, block in enumerate(self._blocks):
            chosen = options[:, k]
            use += block.use[chosen]
            joint = self._joint[k - 1] if k else None
            if joint is not None:
                leaving = self._blocks[k - 1].out[options[:, k - 1]]
                use += joint[0][leaving * joint[1] + block.into[chosen]]
            own, fill, drain = block.times[chosen].T
            np.maximum(cycles, own, out=cycles)
            latency = np.maximum(latency + drain, filled + own)
            filled += fill
        return PointFigures(use, cycles, latency)


@dataclass(eq=False)
class _BlockArrays:
    use: Floats
    times: NDArray[np.int64]
    into: NDArray[np.int64]
    out: NDArray[np.int64]


def _array(counts: tuple[Counts, ...]) -> Floats:
    return np.array([[np.nan if one is None else one for one in row] for row in counts], float)
