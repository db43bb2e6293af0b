"""Source and netlist side by side under Verilator, with the same streams, compared every cycle.

What is random comes from a seed: data, stalls on both sides (calm and hectic in turn), what
registers and memories hold at power-up. All pairs of a bench share one compiled model.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from finn_flows.simulation.compiled_model import compile_model
from finn_flows.simulation.verilator import PREFIX
from finn_flows.synthesis.design import Design
from tests.finn_flows.synthesis.cell_models import cell_models

NO_WRITES: NDArray[np.uint32] = np.zeros((0, 2), dtype=np.uint32)

_MAIN = f"""
#include "{PREFIX}.h"
#include "verilated.h"
int main(int argc, char **argv) {{
    VerilatedContext context;
    context.commandArgs(argc, argv);
    {PREFIX} top(&context);
    while (!context.gotFinish()) {{
        for (int level = 0; level < 2; level++) {{
            top.ap_clk = level;
            top.eval();
        }}
    }}
    top.final();
    return 0;
}}
"""


@dataclass(frozen=True)
class Pair:
    """A design with one stream in and one out, and the text of a netlist of it.

    ``writes``: (writes, 2), address and data, through the configuration port before the first
    element, None for a design without that port. ``has_last``: its stream out has TLAST.
    """

    name: str
    design: Design
    netlist: str
    kinds: tuple[str, ...]
    in_width: int
    out_width: int
    writes: NDArray[np.uint32] | None = None
    has_last: bool = False


@dataclass(frozen=True)
class Comparison:
    """``difference``: the cycle of the first difference, None without one. Elements in and out."""

    difference: int | None
    elements_in: int
    elements_out: int


def compare(
    pairs: list[Pair], directory: Path, *, cycles: int, seed: int = 1
) -> dict[str, Comparison]:
    """Run all pairs for ``cycles`` cycles behind the reset and their configuration."""
    sources: dict[str, str] = {}
    for pair in pairs:
        for name, text in pair.design.sources:
            assert sources.setdefault(name, text) == text, f"two sources are called {name}"
        for name, text in pair.design.memory_files:
            (directory / name).write_text(text)
        if pair.writes is not None:
            words = "".join(f"{address:08x}{data:08x}\n" for address, data in pair.writes)
            (directory / f"{pair.name}.writes").write_text(words)
    listed = [*sources.items(), *((f"netlist_{p.name}.v", _prepared(p)) for p in pairs)]
    listed.append(("cells.sv", cell_models({kind for pair in pairs for kind in pair.kinds})))
    listed += [(f"pair_{pair.name}.sv", _pair(pair)) for pair in pairs]
    listed.append(("bench.sv", _bench(pairs, cycles)))
    # At power-up everything holds something else.
    unknown = ("--x-assign", "unique", "--x-initial", "unique")
    model = compile_model(listed, "bench", harness=_MAIN, flags=unknown)
    ran = subprocess.run(
        [str(model.program), "+verilator+rand+reset+2", f"+verilator+seed+{seed}"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    print(ran.stdout)
    found = {}
    for match in re.finditer(r"^PAIR (\w+) (-?\d+) (\d+) (\d+)$", ran.stdout, re.MULTILINE):
        cycle, taken, given = (int(match[group]) for group in (2, 3, 4))
        found[match[1]] = Comparison(None if cycle < 0 else cycle, taken, given)
    assert set(found) == {pair.name for pair in pairs}, ran.stdout + ran.stderr
    return found


def _prepared(pair: Pair) -> str:
    """The netlist, flat as it is, under a name of its own; undefined bits of parameters drawn.

    Verilator draws all bits of a parameter (what a memory holds) of which one is undefined.
    """
    text, count = re.subn(
        rf"^module {pair.design.top}\b", f"module netlist_{pair.name}", pair.netlist, flags=re.M
    )
    assert count == 1
    random = Random(pair.name)

    def drawn(match: re.Match[str]) -> str:
        digits = "01" if match[1] == "b" else "0123456789abcdef"
        return re.sub("x", lambda _: random.choice(digits), match[0])

    return re.sub(r"'([bh])[0-9a-f]*x[0-9a-fx]*", drawn, text)


def _pair(pair: Pair) -> str:
    """A module that drives both and compares them."""
    words = -(-pair.in_width // 32)
    writes = NO_WRITES if pair.writes is None else pair.writes
    pins = ".ap_clk, .ap_rst_n, .in0_V_TDATA(in_data), .in0_V_TVALID(in_valid), " + (
        ".out0_V_TREADY(out_ready)"
    )
    configuration = ""
    if pair.writes is not None:
        pins += ", .config_ce(1'b1), .config_we, .config_address, .config_d0"
        configuration = f"""
    logic [63:0] writes [{max(len(writes), 1)}];
    initial $readmemh("{pair.name}.writes", writes);
    assign config_we = ap_rst_n && written < {len(writes)};
    assign {{config_address, config_d0}} = writes[written < {len(writes)} ? written : 0];"""
    last = {side: f", .out0_V_TLAST({side}_last)" if pair.has_last else "" for side in "ab"}
    no_last = "" if pair.has_last else "assign a_last = 1'b0, b_last = 1'b0;"
    sides = "\n".join(
        f"    {module} {side} ({pins}, .in0_V_TREADY({side}_ready), "
        f".out0_V_TVALID({side}_valid), .out0_V_TDATA({side}_data){last[side]});"
        for side, module in (("a", pair.design.top), ("b", f"netlist_{pair.name}"))
    )
    return f"""
module pair_{pair.name} (
    input  logic ap_clk, ap_rst_n,
    output int difference, elements_in, elements_out
);
    logic [{words * 32 - 1}:0] fresh;
    logic [{pair.in_width - 1}:0] in_data;
    logic in_valid, out_ready, config_we;
    logic [31:0] config_address, config_d0;
    logic a_ready, a_valid, a_last, b_ready, b_valid, b_last;
    logic [{pair.out_width - 1}:0] a_data, b_data;
    int cycle, written, calm;
    {no_last}{configuration}
{sides}
    always_ff @(posedge ap_clk) begin
        if (!ap_rst_n) begin
            in_valid <= 1'b0;
            out_ready <= 1'b0;
            difference <= -1;
            {{elements_in, elements_out, cycle, written}} <= '0;
        end else begin
            cycle <= cycle + 1;
            if (config_we) written <= written + 1;
            // 64 cycles each: no stalls, a slow source, a slow sink, both.
            if ((!in_valid || a_ready) && written == {len(writes)}) begin
                in_valid <= !cycle[6] || $urandom % 3 == 0;
                for (int i = 0; i < {words}; i++) fresh[32*i+:32] = $urandom;
                in_data <= fresh[{pair.in_width - 1}:0];
            end
            out_ready <= !cycle[7] || $urandom % 3 == 0;
            elements_in <= elements_in + 32'(in_valid && a_ready);
            elements_out <= elements_out + 32'(a_valid && out_ready);
            if (difference < 0 && (a_ready != b_ready || a_valid != b_valid
                || (a_valid && (a_data != b_data || a_last != b_last)))) begin
                difference <= cycle;
                $display("%m, cycle %0d: ready valid last data", cycle);
                $display("  source  %b %b %b %h", a_ready, a_valid, a_last, a_data);
                $display("  netlist %b %b %b %h", b_ready, b_valid, b_last, b_data);
            end
        end
    end
endmodule
"""


def _bench(pairs: list[Pair], cycles: int) -> str:
    signals, instances, reports = [], [], []
    for pair in pairs:
        name = pair.name
        signals.append(f"    int {name}_difference, {name}_in, {name}_out;")
        instances.append(
            f"    pair_{name} pair_{name} (.ap_clk, .ap_rst_n, .difference({name}_difference), "
            f".elements_in({name}_in), .elements_out({name}_out));"
        )
        reports.append(
            f'$display("PAIR {name} %0d %0d %0d", {name}_difference, {name}_in, {name}_out);'
        )
    longest = (
        max(len(pair.writes) for pair in pairs if pair.writes is not None)
        if any(pair.writes is not None for pair in pairs)
        else 0
    )
    lines = "\n".join((*signals, *instances))
    return f"""
module bench (input logic ap_clk);
    logic ap_rst_n = 1'b0;
    int cycle = 0;
{lines}
    always_ff @(posedge ap_clk) begin
        cycle <= cycle + 1;
        ap_rst_n <= cycle >= 8;
        if (cycle == {cycles + longest + 16}) begin
            {" ".join(reports)}
            $finish;
        end
    end
endmodule
"""
