"""Design points per second: folding and estimating, ours against FINN's passes afresh each time.

Ours asks FINN once for each layer and folding, so the more points, the more of them are known. A
ratio means nothing without the number of points: there is a row for each of several.
"""

from __future__ import annotations

import random
from functools import partial

from bench.comparison import Comparison, compare
from finn_flows.cut import Cut
from finn_flows.fold_nodes import fold
from finn_flows.folding import Folding, LayerFolding, divisors, simd_limit
from finn_flows.hardware_network import HardwareNetwork, hardware_network
from finn_flows.layer_estimates import LayerEstimates
from finn_flows.specialise import insert_converters, specialise
from finn_flows.weights import load_weights

DEVICE = "xc7z020clg400-1"
CUT = Cut(5)
#: From a sweep by hand to a search; ours starts each round with nothing known.
SIZES = (20, 1_000, 20_000)
#: FINN's passes take the same time for every point, so a few tell their speed.
FRESH_POINTS = 5
#: Points on which both sides must agree, ours with everything known that the others made known.
CHECKED_POINTS = 10


def folding_estimates() -> list[Comparison]:
    """First part of split 5 of CnvW2A2, random legal foldings; a comparison for each of SIZES.

    Raises AssertionError where the two sides disagree on LUT, BRAM, DSP or cycles.
    """
    network = load_weights("digits").network
    hardware = hardware_network(network)
    generator = random.Random(0)

    def draw() -> Folding:
        return Folding(
            "drawn",
            tuple(
                LayerFolding(
                    generator.choice(divisors(simd_limit(layer))),
                    generator.choice(divisors(layer.output_channels)),
                )
                for _, layer in network.numbered()
            ),
        )

    def ours(estimates: LayerEstimates, folding: Folding) -> tuple[float, float, float, int]:
        part = estimates.first(CUT, folding)
        lut = sum(node.lut for node in part.nodes)
        bram = 2 * sum(node.bram for node in part.nodes)
        return lut, bram, sum(node.dsp for node in part.nodes), part.cycles

    drawn = [draw() for _ in range(max(SIZES))]

    def run_fresh() -> int:
        for folding in drawn[:FRESH_POINTS]:
            finns_estimate(hardware, folding)
        return FRESH_POINTS

    def run_ours(points: int) -> int:
        # A new cache each round: what it costs to fill is part of the figure.
        estimates = LayerEstimates(hardware, DEVICE)
        for folding in drawn[:points]:
            ours(estimates, folding)
        return points

    known = LayerEstimates(hardware, DEVICE)
    for folding in drawn:
        ours(known, folding)
    for folding in drawn[:: len(drawn) // CHECKED_POINTS]:
        if finns_estimate(hardware, folding) != ours(known, folding):
            raise AssertionError(f"the two sides disagree on {folding}")
    return [
        compare(
            f"fold + estimate {points:,} foldings of the first part of split 5, nothing known",
            "design points/s",
            ("one question per layer and folding", partial(run_ours, points)),
            ("FINN's passes afresh for each point", run_fresh),
        )
        for points in SIZES
    ]


def finns_estimate(hardware: HardwareNetwork, folding: Folding) -> tuple[float, float, float, int]:
    """LUT, BRAM_18K, DSP and cycles of the first part of CUT: FINN's passes on a new graph."""
    from finn.analysis.fpgadataflow.exp_cycles_per_layer import exp_cycles_per_layer
    from finn.analysis.fpgadataflow.res_estimation import res_estimation

    model = specialise(hardware.part(CUT), DEVICE)
    fold(hardware, model, folding)
    model = insert_converters(model, DEVICE, wire_before=False, wire_after=True)
    resources = res_estimation(model, DEVICE).values()
    lut, bram, dsp = (sum(r[name] for r in resources) for name in ("LUT", "BRAM_18K", "DSP"))
    return lut, bram, dsp, max(exp_cycles_per_layer(model).values())
