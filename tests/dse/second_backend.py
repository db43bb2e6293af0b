"""A second backend with numbers that are its own: FINN's estimate, told as another source would.

It stands for a tool that counts every resource and measures cycles. No number of it equals the
estimate's, so that a mixed column shows.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from finn_flows.backends.estimate import EstimateBackend
from finn_flows.backends.interface import BuildResult, Part
from reports.utilization import Source, Stage, Utilization, total

TOOL = "second tool"


class SecondBackend(EstimateBackend):
    """Three LUTs more in each node, and cycles that count as measured."""

    name = "second"
    source = Source.YOSYS

    def build(self, part: Part, directory: Path) -> BuildResult:
        said = super().build(part, directory)
        assert said.cycles is not None
        layers = tuple(
            replace(layer, utilization=_other(layer.utilization), logic_depth=4, carry_depth=1)
            for layer in said.layers
        )
        return replace(
            said,
            utilization=total([layer.utilization for layer in layers]),
            layers=layers,
            cycles=said.cycles + 11,
            cycles_measured=True,
            latency_cycles=2 * said.cycles + 5,
        )


def _other(usage: Utilization) -> Utilization:
    return replace(
        usage,
        tool=TOOL,
        stage=Stage.SYNTHESISED,
        lut=(usage.lut or 0) + 3,
        lut_as_logic=(usage.lut or 0) + 1,
        lutram=2,
        ff=7,
        bram=(usage.bram or 0) + 0.5,
        dsp=1,
        uram=0,
    )
