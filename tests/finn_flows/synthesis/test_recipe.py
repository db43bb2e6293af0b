"""Synthesis with Yosys of designs whose result can be told by hand."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from finn_flows.synthesis.design import Design, Synthesis
from finn_flows.synthesis.recipe import synthesise
from finn_flows.tool_process import Limits
from tests.finn_flows.synthesis.small_designs import CONSTANTS, DEVICE, design, parity

#: Of each kind of memory one, each with its own width.
MEMORIES = """\
module memories(
  input logic ap_clk, we,
  input logic [9:0] read, write,
  input logic [35:0] data,
  output logic [35:0] from_block,
  output logic [5:0] from_luts,
  output logic from_shift
);
  (* ram_style = "block" *) logic [35:0] block [1024];
  (* ram_style = "distributed" *) logic [5:0] luts [32];
  logic [19:0] shift;
  always_ff @(posedge ap_clk) begin
    if (we) block[write] <= data;
    if (we) luts[write[4:0]] <= data[5:0];
    from_block <= block[read];
    shift <= {shift[18:0], data[0]};
  end
  assign from_luts = luts[read[4:0]];
  assign from_shift = shift[19];
endmodule
"""


def synthesised(directory: Path, wanted: Design) -> Synthesis:
    directory.mkdir(exist_ok=True)
    return synthesise(wanted, Limits(), directory)


@pytest.mark.parametrize(
    ("device", "block", "luts"),
    [(DEVICE, "RAMB36E1", "RAM32M"), ("xczu3eg-sbva484-1-e", "RAMB36E2", "RAM32M16")],
)
def test_memories_become_the_cells_of_the_family(
    tmp_path: Path, device: str, block: str, luts: str
) -> None:
    made = synthesised(tmp_path, design("memories", MEMORIES, device=device))
    assert made.cells == {block: 1, luts: 1, "SRLC32E": 1}
    used = made.utilization
    assert (used.device, used.bram, used.ff, used.dsp) == (device, 1, 0, 0)
    assert used.lut == used.lutram == {"RAM32M": 5, "RAM32M16": 9}[luts]
    assert (made.logic_depth.luts, made.logic_depth.carries) == (1, 0)
    assert made.seconds > 0.3
    assert made.peak_memory_bytes is not None
    assert 50 * 2**20 < made.peak_memory_bytes < 300 * 2**20


def test_contents_of_a_memory_file_reach_the_netlist(tmp_path: Path) -> None:
    # Of four inputs: their parity (all of them matter) in bit 0, nothing in the others.
    text = "".join(f"{address.bit_count() % 2:02x}\n" for address in range(16))
    made = synthesised(tmp_path / "a", design("constants", CONSTANTS, ("constants.hex", text)))
    other = synthesised(
        tmp_path / "b", design("constants", CONSTANTS, ("constants.hex", "00\n" * 16))
    )
    assert (made.utilization.lut, made.utilization.ff) == (1, 1)
    assert (other.utilization.lut, other.utilization.ff) == (0, 0)


def test_the_memory_of_the_caller_does_not_count(tmp_path: Path) -> None:
    held = bytearray(500 * 2**20)
    held[:: 2**12] = b"x" * len(held[:: 2**12])
    made = synthesised(tmp_path, parity())
    assert made.peak_memory_bytes is not None
    assert 50 * 2**20 < made.peak_memory_bytes < 300 * 2**20


def test_the_same_design_gives_the_same_bytes_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = design("memories", MEMORIES)
    here = synthesised(tmp_path / "here", wanted)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    there = synthesised(tmp_path / "quite another folder", wanted)
    assert here.netlist.read_bytes() == there.netlist.read_bytes()
    for place in (str(tmp_path), str(Path.cwd()), str(Path(os.__file__).parents[1])):
        assert place not in here.netlist.read_text()
    what = ("cells", "utilization", "logic_depth")
    assert [getattr(here, name) for name in what] == [getattr(there, name) for name in what]


def test_only_the_results_are_left(tmp_path: Path) -> None:
    made = synthesised(tmp_path, parity())
    assert {made.netlist, made.log} == set(tmp_path.iterdir())


@pytest.mark.parametrize(
    "change",
    [
        {"top": "two words"},
        {"sources": ()},
        {"sources": (("../up.sv", ""),)},
        {"sources": (("a.sv", ""), ("a.sv", ""))},
        {"memory_files": (("parity.sv", ""),)},
        {"memory_files": (("a;b", ""),)},
    ],
)
def test_names_that_could_be_taken_for_something_else(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="name"):
        replace(parity(), **change)  # type: ignore[arg-type]
