"""Simulation models of the cells in a netlist: Yosys' own, and block RAMs from UG473."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path


def cell_models(kinds: Iterable[str]) -> str:
    """Verilog of the cells of these kinds. KeyError for one that Yosys has no model of."""
    import pyosys

    text = (Path(pyosys.__file__).parent / "share" / "xilinx" / "cells_sim.v").read_text()
    # Timing, which no simulation here uses and Verilator does not read in all its forms.
    text = re.sub(r"^\s*specify\b.*?^\s*endspecify\b", "", text, flags=re.DOTALL | re.MULTILINE)
    modules = {
        match[1]: match[0]
        for match in re.finditer(
            r"^module (\w+)\b.*?^endmodule", text, flags=re.DOTALL | re.MULTILINE
        )
    }
    block = {"RAMB18E1": _block_memory(18), "RAMB36E1": _block_memory(36)}
    wanted = sorted(set(kinds))
    found = [block[kind] if kind in block else modules[kind] for kind in wanted]
    if any(kind in block for kind in wanted):
        found.append(Path(__file__).with_name("block_memory.sv").read_text())
    return "\n".join(found) + "\n"


def _block_memory(size: int) -> str:
    """RAMB18E1 or RAMB36E1 (``size`` 18 or 36) around block_memory: the ports of UG473."""
    lines = {18: 64, 36: 128}[size]  # of INIT, 256 bits each
    data, bytes_ = {18: (16, 2), 36: (32, 4)}[size]  # of one port
    address = {18: 14, 36: 16}[size]
    write_b = {18: 4, 36: 8}[size]
    inits = [f"INIT_{line:02X}" for line in range(lines)]
    parities = [f"INITP_{line:02X}" for line in range(lines // 8)]
    parameters = "".join(f"    bit [255:0] {name} = '0,\n" for name in (*inits, *parities))
    widths = "".join(
        f"    int {what}_WIDTH_{port} = 0,\n" for what in ("READ", "WRITE") for port in "AB"
    )
    values = "".join(
        f"    bit [{size - 1}:0] {what}_{port} = '0,\n"
        for what in ("INIT", "SRVAL")
        for port in "AB"
    )
    extension = "".join(f'    string RAM_EXTENSION_{port} = "NONE",\n' for port in "AB")
    # {parity, data} of a value as INIT_A and SRVAL_A have it: the parity follows the data.
    fields = f"""
    function automatic bit [71:0] placed(input bit [{size - 1}:0] value, input int width);
        automatic int bits = width < 9 ? width : width / 9 * 8;
        placed = '0;
        for (int i = 0; i < bits && i < {data}; i++) placed[i] = value[i];
        if (width >= 9) for (int i = 0; i < width / 9 && i < {bytes_}; i++)
            placed[64+i] = value[bits > {data} ? {data} + i : bits + i];
    endfunction
    // A simple dual-port memory of the full width reads and writes with the pins of both ports.
    function automatic bit [71:0] both(input bit [71:0] low, input bit [71:0] high);
        both = low;
        for (int i = 0; i < {data}; i++) both[{data}+i] = high[i];
        for (int i = 0; i < {bytes_}; i++) both[64+{bytes_}+i] = high[64+i];
    endfunction
"""
    cascade_ports, cascade = _cascade(size)
    return f"""
module RAMB{size}E1 #(
{parameters}{widths}{values}{extension}    int DOA_REG = 0,
    int DOB_REG = 0,
    string RAM_MODE = "TDP",
    string WRITE_MODE_A = "WRITE_FIRST",
    string WRITE_MODE_B = "WRITE_FIRST"
) (
    input  logic CLKARDCLK, CLKBWRCLK, ENARDEN, ENBWREN, REGCEAREGCE, REGCEB,
    input  logic RSTRAMARSTRAM, RSTRAMB, RSTREGARSTREG, RSTREGB,
    input  logic [{address - 1}:0] ADDRARDADDR, ADDRBWRADDR,
    input  logic [{data - 1}:0] DIADI, DIBDI,
    input  logic [{bytes_ - 1}:0] DIPADIP, DIPBDIP,
    input  logic [{bytes_ - 1}:0] WEA,
    input  logic [{write_b - 1}:0] WEBWE,
    output logic [{data - 1}:0] DOADO, DOBDO,
    output logic [{bytes_ - 1}:0] DOPADOP, DOPBDOP{cascade_ports}
);
    if (DOA_REG != 0 || DOB_REG != 0) $error("output registers are not modelled");
{cascade}{fields}
    localparam bit SIMPLE = RAM_MODE == "SDP";
    localparam bit WIDE_READ = SIMPLE && READ_WIDTH_A == {2 * size};
    localparam bit WIDE_WRITE = SIMPLE && WRITE_WIDTH_B == {2 * size};
    logic [71:0] out_a, out_b, in_a, in_b;
    assign in_a = {{{8 - bytes_}'d0, DIPADIP, {64 - data}'d0, DIADI}};
    assign in_b = WIDE_WRITE
        ? both(in_a, {{{8 - bytes_}'d0, DIPBDIP, {64 - data}'d0, DIBDI}})
        : {{{8 - bytes_}'d0, DIPBDIP, {64 - data}'d0, DIBDI}};
    block_memory #(
        .DATA_BITS({lines * 256}),
        .INIT({{{", ".join(reversed(inits))}}}),
        .INITP({{{", ".join(reversed(parities))}}}),
        .READ_WIDTH_A(READ_WIDTH_A), .READ_WIDTH_B(READ_WIDTH_B),
        .WRITE_WIDTH_A(WRITE_WIDTH_A), .WRITE_WIDTH_B(WRITE_WIDTH_B),
        .WRITE_MODE_A(WRITE_MODE_A), .WRITE_MODE_B(WRITE_MODE_B),
        .INIT_A(WIDE_READ ? both(placed(INIT_A, {size}), placed(INIT_B, {size}))
                          : placed(INIT_A, READ_WIDTH_A)),
        .INIT_B(placed(INIT_B, READ_WIDTH_B)),
        .SRVAL_A(WIDE_READ ? both(placed(SRVAL_A, {size}), placed(SRVAL_B, {size}))
                           : placed(SRVAL_A, READ_WIDTH_A)),
        .SRVAL_B(placed(SRVAL_B, READ_WIDTH_B))
    ) memory (
        .clock(READ_WIDTH_A + WRITE_WIDTH_A > 0 ? CLKARDCLK : CLKBWRCLK),
        .enable_a(ENARDEN && here_a), .enable_b(ENBWREN && here_b),
        .reset_a(RSTRAMARSTRAM), .reset_b(RSTRAMB),
        .address_a(ADDRARDADDR[{size // 18 + 12}:0]), .address_b(ADDRBWRADDR[{size // 18 + 12}:0]),
        .write_a(8'(WEA)), .write_b(8'(WEBWE)),
        .in_a(in_a), .in_b(in_b), .out_a(out_a), .out_b(out_b)
    );
    assign DOADO = from_lower_a ? {data}'(lower_a) : out_a[{data - 1}:0];
    assign DOPADOP = out_a[{64 + bytes_ - 1}:64];
    assign DOBDO = WIDE_READ ? out_a[{2 * data - 1}:{data}]
        : from_lower_b ? {data}'(lower_b) : out_b[{data - 1}:0];
    assign DOPBDOP = WIDE_READ ? out_a[{64 + 2 * bytes_ - 1}:{64 + bytes_}]
                               : out_b[{64 + bytes_ - 1}:64];
endmodule
"""


def _cascade(size: int) -> tuple[str, str]:
    """Ports and body of 64K x 1 out of two RAMB36E1: address bit 15 says which of them is meant.

    The upper one hands out the lower one's data where the last read was of the lower (UG473,
    "Cascadable Block RAM").
    """
    if size == 18:
        body = "".join(
            f"""
    logic here_{port}, from_lower_{port}, lower_{port};
    assign {{here_{port}, from_lower_{port}, lower_{port}}} = 3'b100;
    if (RAM_EXTENSION_{port.upper()} != "NONE") $error("a RAMB18E1 has no cascade");
"""
            for port in "ab"
        )
        return "", body
    ports = """,
    input  logic CASCADEINA, CASCADEINB,
    output logic CASCADEOUTA, CASCADEOUTB"""
    body = "".join(
        f"""
    logic here_{port}, from_lower_{port}, lower_{port};
    assign lower_{port} = CASCADEIN{port.upper()};
    assign here_{port} = RAM_EXTENSION_{port.upper()} == "NONE"
        || {address}[15] == (RAM_EXTENSION_{port.upper()} == "UPPER");
    always_ff @(posedge {clock})
        if ({enable}) from_lower_{port} <= RAM_EXTENSION_{port.upper()} == "UPPER" && !here_{port};
    assign CASCADEOUT{port.upper()} = out_{port}[0];
"""
        for port, address, clock, enable in (
            ("a", "ADDRARDADDR", "CLKARDCLK", "ENARDEN"),
            ("b", "ADDRBWRADDR", "CLKBWRCLK", "ENBWREN"),
        )
    )
    return ports, body
