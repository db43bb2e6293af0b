"""What the cells of a netlist count as."""

from __future__ import annotations

import re
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from dse.errors import BuildError
from finn_flows.synthesis.cell_counts import count_cells
from finn_flows.synthesis.device_family import CellUse, device_family
from finn_flows.synthesis.errors import NetlistError
from reports.utilization import Scope, Stage, total
from tests.finn_flows.synthesis.small_designs import DEVICE

SERIES_7 = device_family(DEVICE)
ULTRASCALE = device_family("xczu3eg-sbva484-1-e")


def counts_of(family_cells: dict[str, object]) -> st.SearchStrategy[dict[str, int]]:
    return st.dictionaries(st.sampled_from(sorted(family_cells)), st.integers(0, 10**6))


def test_the_counting_rules() -> None:
    cells = {
        "LUT1": 1, "LUT6": 10, "LUT6_2": 100, "INV": 1000,
        "RAM32M": 1, "RAM64M": 1, "RAM64X1D": 1, "RAM32X1D": 1, "RAM128X1D": 1,
        "RAM32X1S": 1, "RAM256X1S": 1, "SRL16E": 1, "SRLC32E": 1,
        "FDRE": 7, "FDSE": 70, "FDCE": 700, "FDPE": 7000, "LDCE": 70000,
        "RAMB18E1": 3, "RAMB36E1": 5, "DSP48E1": 11, "CARRY4": 13, "MUXF7": 17, "MUXF8": 19,
    }  # fmt: skip
    used = count_cells(cells, DEVICE, "0.70")
    assert used.lut_as_logic == 1111
    assert used.lutram == 4 + 4 + 2 + 2 + 4 + 1 + 4 + 1 + 1
    assert used.lut == 1111 + 23
    assert used.ff == 77777
    assert used.bram == 6.5
    assert used.dsp == 11
    assert used.uram == 0  # the family has none
    assert (used.device, used.tool, used.tool_version) == (DEVICE, "yosys", "0.70")
    assert (used.stage, used.scope) == (Stage.SYNTHESISED, Scope.OUT_OF_CONTEXT)


def test_ultrascale_has_larger_memories_and_carry_chains() -> None:
    cells = {"RAM32M16": 1, "RAM64M8": 1, "CARRY8": 9, "RAMB18E2": 1, "DSP48E2": 2, "URAM288": 3}
    used = count_cells(cells, "xck26-sfvc784-2lv-c", "0.70")
    assert (used.lut, used.lutram, used.bram, used.dsp, used.uram) == (16, 16, 0.5, 2, 3)


@pytest.mark.parametrize("kind", ["RAMB36E2", "BUFG", "$_DFF_P_", "lut6"])
def test_a_cell_of_an_unknown_kind_is_an_error_that_names_it(kind: str) -> None:
    with pytest.raises(NetlistError) as caught:
        count_cells({"LUT6": 1, kind: 3}, DEVICE, "0.70")
    assert f"3 cells {kind!r}" in str(caught.value)


@given(counts_of(SERIES_7.cells), counts_of(SERIES_7.cells))
def test_the_counts_of_a_whole_are_the_sums_of_its_pieces(
    some: dict[str, int], others: dict[str, int]
) -> None:
    together = {kind: some.get(kind, 0) + others.get(kind, 0) for kind in {*some, *others}}
    pieces = [count_cells(cells, DEVICE, "0.70") for cells in (some, others)]
    assert count_cells(together, DEVICE, "0.70") == total(pieces)


@given(counts_of(ULTRASCALE.cells))
def test_slice_luts_are_those_of_logic_and_of_memory(cells: dict[str, int]) -> None:
    used = count_cells(cells, "xczu3eg", "0.70")
    assert used.lut_as_logic is not None
    assert used.lutram is not None
    assert used.lut == used.lut_as_logic + used.lutram


@pytest.mark.parametrize("family", [SERIES_7, ULTRASCALE], ids=lambda family: family.yosys_name)
def test_every_kind_of_cell_is_one_that_yosys_knows(family: object) -> None:
    import pyosys

    folder = Path(pyosys.__file__).parent / "share" / "xilinx"
    known = {
        name
        for file in ("cells_sim.v", "cells_xtra.v")
        for name in re.findall(r"^module (\w+)", (folder / file).read_text(), re.MULTILINE)
    }
    kinds = set(device_family(DEVICE if family is SERIES_7 else "xczu3eg").cells)
    assert kinds <= known


def test_the_luts_of_a_memory_follow_from_its_bits() -> None:
    """UG474: a LUT is 64 x 1 or 32 x 2; each read port of D and M cells reads a copy."""
    for kind, (use, luts) in SERIES_7.cells.items():
        match = re.fullmatch(r"RAM(\d+)X(\d)([SD])(_1)?", kind)
        if use is CellUse.LUT_AS_MEMORY and match:
            depth, width, ports = int(match[1]), int(match[2]), {"S": 1, "D": 2}[match[3]]
            # Two bits of 32 share a LUT only where they share its ports.
            per_bit = max(depth / 64, 1)
            assert luts == per_bit * width * ports, kind


@pytest.mark.parametrize(
    ("part", "family"),
    [
        ("xc7z020clg400-1", "xc7"),
        ("XC7A35T", "xc7"),
        ("xczu3eg-sbva484-1-e", "xcup"),
        ("xck26-sfvc784-2LV-c", "xcup"),
    ],
)
def test_the_family_of_a_part_name(part: str, family: str) -> None:
    assert device_family(part).yosys_name == family


@pytest.mark.parametrize("part", ["xcv1000", "xcu250", "7z020", "lfe5u-85f", ""])
def test_another_family_is_refused_with_the_choices(part: str) -> None:
    with pytest.raises(BuildError, match=r"xc7\*.*xczu\*") as caught:
        device_family(part)
    assert repr(part) in str(caught.value)
