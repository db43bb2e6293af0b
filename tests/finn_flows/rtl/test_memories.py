"""What memories become: weights in the block RAMs they should take, thresholds in few LUTs.

``pytest -m slow -s tests/finn_flows/rtl/test_memories.py`` prints the tables of docs/rtl.md.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from finn_flows.circuit.memory_contents import memory_file, threshold_lines
from finn_flows.synthesis.design import Synthesis
from tests.finn_flows.rtl.module_synthesis import synthesise_module

#: Layer of CnvW2A2 at the published folding -> PE, bits of a line of one PE, lines, style, most
#: RAMB36 tiles, most LUTs used as memory.
WEIGHTS = {
    1: (16, 32, 144, "distributed", 0, 1280),
    2: (8, 32, 576, "block", 8, 0),
    3: (8, 32, 1152, "block", 16, 0),
    4: (4, 16, 9216, "block", 18, 0),
    5: (1, 16, 73728, "block", 36, 0),
}


@pytest.mark.slow
@pytest.mark.parametrize("layer", WEIGHTS)
def test_weights_take_the_memory_they_should(layer: int, tmp_path: Path) -> None:
    pe, width, depth, style, tiles, lutram = WEIGHTS[layer]
    made = synthesise_module(
        "weight_memories",
        {"PE": pe, "WIDTH": width, "DEPTH": depth, "RAM_STYLE": style},
        {
            "ap_clk": ("input", 1),
            "ap_rst_n": ("input", 1),
            "config_we": ("input", 1),
            "config_address": ("input", 32),
            "config_d0": ("input", 32),
            "writing": ("output", 1),
            "enable": ("input", 1),
            "line": ("input", (depth - 1).bit_length()),
            "weights": ("output", pe * width),
        },
        tmp_path / "weights",
        library=("weight_memories",),
    )
    used = made.utilization
    print(f"\nlayer {layer}: {used.bram} BRAM, {used.lutram} LUT as memory, {used.lut} LUT")
    assert used.bram is not None
    assert used.lutram is not None
    assert used.bram <= tiles
    assert used.lutram <= lutram


PE, NF, STEPS, ACCU_WIDTH = 16, 4, 2, 10


@pytest.mark.slow
def test_thresholds_one_after_another_take_fewer_luts_than_side_by_side(tmp_path: Path) -> None:
    """Layer 1's: INTERVAL, the cycles between results, decides how many comparators there are."""
    made = {
        (interval, style, writeable): _thresholding(interval, style, writeable, tmp_path)
        for interval in (36, 8, 1)
        for style in ("distributed", "block")
        for writeable in (True, False)
    }
    print("\n| cycles between results | memory | LUT | of them memory | FF | BRAM |")
    print("|---|---|---|---|---|---|")
    for (interval, style, writeable), synthesis in made.items():
        used = synthesis.utilization
        memory = f"{style}, {'writeable' if writeable else 'fixed'}"
        print(f"| {interval} | {memory} | {used.lut} | {used.lutram} | {used.ff} | {used.bram} |")
    for style in ("distributed", "block"):
        serial = made[36, style, True].utilization.lut
        parallel = made[1, style, True].utilization.lut
        assert serial is not None
        assert parallel is not None
        assert 2 * serial < parallel


def _thresholding(interval: int, style: str, writeable: bool, directory: Path) -> Synthesis:
    generator = np.random.default_rng(3)
    thresholds = np.sort(generator.integers(-300, 300, (PE * NF, STEPS)))
    return synthesise_module(
        "thresholding",
        {
            "PE": PE,
            "NF": NF,
            "THRESHOLDS": STEPS,
            "ACCU_WIDTH": ACCU_WIDTH,
            "INTERVAL": interval,
            "RAM_STYLE": style,
            "RUNTIME_WRITEABLE": int(writeable),
            "FILE": "" if writeable else "thresholds.mem",
        },
        {
            "ap_clk": ("input", 1),
            "ap_rst_n": ("input", 1),
            "config_we": ("input", 1),
            "config_address": ("input", 32),
            "config_d0": ("input", 32),
            "advance": ("output", 1),
            "load": ("input", 1),
            "accumulators": ("input", PE * ACCU_WIDTH),
            "out0_V_TDATA": ("output", PE * 2),
            "out0_V_TVALID": ("output", 1),
            "out0_V_TREADY": ("input", 1),
        },
        directory / f"{interval}_{style}_{writeable}",
        library=("thresholding",),
        memory_files=()
        if writeable
        else (("thresholds.mem", memory_file(threshold_lines(thresholds, PE, ACCU_WIDTH))),),
    )
