"""Other ways to multiply and accumulate ternary values: as right as the library's, and larger.

``pytest -m slow -s tests/finn_flows/rtl/test_dot_product_alternatives.py`` prints the table of
docs/rtl.md.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from finn_flows.integer_type import IntegerType
from finn_flows.synthesis.design import Synthesis
from tests.finn_flows.rtl.module_synthesis import synthesise_module
from tests.finn_flows.rtl.mvau_cases import elements, random_values
from tests.finn_flows.rtl.stream_bench import StreamCircuit, run_circuits

ALTERNATIVES = (
    *("adders", "multipliers", "unary", "nonzero_negative", "offset", "grouped", "compressors"),
    *("pairs", "library"),
)
FOLDER = Path(__file__).with_name("alternatives")
SOURCES = tuple((path.name, path.read_text()) for path in sorted(FOLDER.glob("*.sv")))
TERNARY = IntegerType.signed(2, narrow=True)
SIMD, PE, SF, ACCU_WIDTH = 16, 8, 36, 12


def test_all_ways_give_the_same_sums(tmp_path: Path) -> None:
    rows, elements_of_row, lanes, pes = 4, 5, 6, 3
    generator = np.random.default_rng(7)
    shape = (rows, elements_of_row, lanes)
    activations = random_values(generator, TERNARY, shape)
    weights = random_values(generator, TERNARY, (pes, *shape))
    sums = (activations * weights).sum(axis=(2, 3)).T  # (rows, PE)
    operands = np.concatenate([activations[:, :, None], weights.transpose(1, 2, 0, 3)], axis=2)
    circuits = [
        StreamCircuit(
            "ternary_frame",
            {"METHOD": method, "SIMD": lanes, "PE": pes, "SF": elements_of_row, "ACCU_WIDTH": 9},
            (pes + 1) * lanes * 2,
            pes * 9,
            elements(operands, (pes + 1) * lanes, TERNARY),
            rows,
            stalls_in=80,
            sources=SOURCES,
        )
        for method in ALTERNATIVES
    ]
    expected = elements(sums, pes, IntegerType.signed(9))
    for method, result in zip(ALTERNATIVES, run_circuits(circuits, tmp_path), strict=True):
        assert result.elements == expected, method


@pytest.mark.slow
def test_the_way_chosen_takes_the_fewest_luts(tmp_path: Path) -> None:
    found = {method: _synthesise(method, tmp_path / method) for method in ALTERNATIVES}
    print(f"\n| way | LUT per PE | FF per PE | LUT levels |\n|{'---|' * 4}")
    for method, made in found.items():
        lut, ff = made.utilization.lut, made.utilization.ff
        assert lut is not None
        assert ff is not None
        print(f"| {method} | {lut / PE:.1f} | {ff / PE:.1f} | {made.logic_depth.luts} |")
        assert made.utilization.dsp == 0
        assert made.logic_depth.luts <= 10
    assert min(found, key=lambda method: found[method].utilization.lut or 0) == "library"


def _synthesise(method: str, directory: Path) -> Synthesis:
    return synthesise_module(
        "ternary_frame",
        {"METHOD": method, "SIMD": SIMD, "PE": PE, "SF": SF, "ACCU_WIDTH": ACCU_WIDTH},
        {
            "ap_clk": ("input", 1),
            "ap_rst_n": ("input", 1),
            "in0_V_TDATA": ("input", (PE + 1) * SIMD * 2),
            "in0_V_TVALID": ("input", 1),
            "in0_V_TREADY": ("output", 1),
            "out0_V_TDATA": ("output", PE * ACCU_WIDTH),
            "out0_V_TVALID": ("output", 1),
            "out0_V_TREADY": ("input", 1),
        },
        directory,
        library=("multiply_accumulate",),
        sources=SOURCES,
    )
