"""Designs for tests of synthesis: small ones, and one that takes Yosys half a minute."""

from __future__ import annotations

from finn_flows.synthesis.design import Design

DEVICE = "xc7z020clg400-1"

#: Two registers around an exclusive or of 36 bits: two levels of 6-input LUTs, seven in all.
PARITY = """\
module parity(input logic ap_clk, input logic [35:0] word, output logic odd);
  logic [35:0] held;
  always_ff @(posedge ap_clk) begin
    held <= word;
    odd <= ^held;
  end
endmodule
"""

#: A divider of 64 bits in one cycle.
DIVIDER = """\
module divider(input logic ap_clk, input logic [63:0] a, b, output logic [63:0] q, r);
  always_ff @(posedge ap_clk) begin
    q <= a / b;
    r <= a % b;
  end
endmodule
"""

#: Takes its contents from a file beside it.
CONSTANTS = """\
module constants(input logic ap_clk, input logic [3:0] address, output logic [7:0] value);
  logic [7:0] memory [16];
  initial $readmemh("constants.hex", memory);
  always_ff @(posedge ap_clk) value <= memory[address];
endmodule
"""


def design(top: str, text: str, *memory_files: tuple[str, str], device: str = DEVICE) -> Design:
    """One module in one file."""
    return Design(top, ((f"{top}.sv", text),), memory_files, device)


def parity() -> Design:
    return design("parity", PARITY)


def divider() -> Design:
    return design("divider", DIVIDER)
