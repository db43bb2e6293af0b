"""Design points per second: the planner's arrays against FINN called for each point.

Ours starts from the chain, which FINN was asked for once (and which is kept on disk); FINN's starts
from its hardware layers, already converted. Both end with LUT, BRAM, DSP and cycles.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.comparison import Comparison, compare
from bench.folding_estimates import CUT, DEVICE, finns_estimate
from dse.plan.chain import PLAN_RESOURCES, Chain
from dse.plan.design_points import DesignPoints
from dse.plan.plan import PlannedPart
from dse.plan_chains import estimated_chain, planned_folding
from finn_flows.cut import cut_position
from finn_flows.hardware_network import hardware_network
from finn_flows.weights import load_weights

#: How many times faster ours is to be.
TARGET = 1_000
POINTS = 100_000
#: FINN's passes take the same time for every point, so a few tell their speed.
FINN_POINTS = 5
CHECKED_POINTS = 20


def planner_points(seed: int = 0) -> list[Comparison]:
    """First part of the published cut of CnvW2A2, foldings drawn from all that FINN builds.

    Raises AssertionError where the two sides disagree on LUT, BRAM, DSP or cycles.
    """
    network = load_weights("digits").network
    hardware = hardware_network(network)
    chain = estimated_chain(network, DEVICE, every_option=True)
    ends = np.cumsum([len(block.layers) for block in chain.blocks])
    last = int(np.searchsorted(ends, cut_position(network, CUT))) + 1
    points = DesignPoints(chain, 0, last)
    random = np.random.default_rng(seed)
    drawn = np.stack([random.integers(len(b.options), size=POINTS) for b in chain.blocks], axis=1)

    def finns(options: NDArray[np.int64]) -> tuple[float, float, float, int]:
        return finns_estimate(hardware, planned_folding(chain, [_whole(chain, options)]))

    figures = points.figures(drawn[:CHECKED_POINTS, :last])
    lut, bram, dsp = (PLAN_RESOURCES.index(name) for name in ("lut", "bram", "dsp"))
    for options, use, cycles in zip(drawn, figures.use, figures.cycles, strict=False):
        if finns(options) != (use[lut], 2 * use[bram], use[dsp], cycles):
            raise AssertionError(f"the two sides disagree on foldings {options}")

    def run_ours() -> int:
        points.figures(drawn[:, :last])
        return POINTS

    def run_finn() -> int:
        for options in drawn[:FINN_POINTS]:
            finns(options)
        return FINN_POINTS

    return [
        compare(
            f"{POINTS:,} foldings of the first part of split 5",
            "design points/s",
            ("all at once, FINN's numbers known", run_ours),
            ("FINN called for each", run_finn),
        )
    ]


def _whole(chain: Chain, options: NDArray[np.int64]) -> PlannedPart:
    return PlannedPart(0, len(chain.blocks), tuple(map(int, options)), (0,))
