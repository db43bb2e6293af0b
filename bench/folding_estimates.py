"""Design points per second: folding and estimating, ours against FINN's passes afresh each time."""

from __future__ import annotations

import random

from bench.comparison import Comparison, compare
from finn_flows.cut import Cut
from finn_flows.fold_nodes import fold
from finn_flows.folding import Folding, LayerFolding, divisors, simd_limit
from finn_flows.hardware_network import hardware_network
from finn_flows.layer_estimates import LayerEstimates
from finn_flows.specialise import insert_converters, specialise
from finn_flows.weights import load_weights

DEVICE = "xc7z020clg400-1"
CUT = Cut(5)
FRESH_POINTS, OUR_POINTS = 10, 20_000


def folding_estimates() -> Comparison:
    """First part of split 5 of CnvW2A2, random legal foldings; both sides must agree."""
    from finn.analysis.fpgadataflow.exp_cycles_per_layer import exp_cycles_per_layer
    from finn.analysis.fpgadataflow.res_estimation import res_estimation

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

    def fresh(folding: Folding) -> tuple[float, float, int]:
        model = specialise(hardware.part(CUT), DEVICE)
        fold(hardware, model, folding)
        model = insert_converters(model, DEVICE, wire_before=False, wire_after=True)
        resources = res_estimation(model, DEVICE).values()
        cycles = max(exp_cycles_per_layer(model).values())
        return sum(r["LUT"] for r in resources), sum(r["BRAM_18K"] for r in resources), cycles

    def ours(estimates: LayerEstimates, folding: Folding) -> tuple[float, float, int]:
        part = estimates.first(CUT, folding)
        luts = sum(node.lut for node in part.nodes)
        return luts, 2 * sum(node.bram for node in part.nodes), part.cycles

    drawn = [draw() for _ in range(OUR_POINTS)]

    def run_fresh() -> int:
        for folding in drawn[:FRESH_POINTS]:
            fresh(folding)
        return FRESH_POINTS

    def run_ours() -> int:
        # A new cache each round: what it costs to fill is part of the figure.
        estimates = LayerEstimates(hardware, DEVICE)
        for folding in drawn:
            ours(estimates, folding)
        return OUR_POINTS

    for folding in drawn[-5:]:
        if fresh(folding) != ours(LayerEstimates(hardware, DEVICE), folding):
            raise AssertionError(f"the two sides disagree on {folding}")
    return compare(
        "fold + estimate, first part of split 5",
        "design points/s",
        ("one question per layer and folding", run_ours),
        ("FINN's passes afresh for each point", run_fresh),
    )
