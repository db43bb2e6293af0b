"""The module around ``part`` that shows the harness every stream's handshake."""

from __future__ import annotations

#: Name of the generated module and, with ``.sv``, of its file.
WRAPPER = "simulated_part"

#: Handshakes leave the wrapper in one wide port each; from 65 bits on Verilator makes an array of
#: 32-bit words of it, so that the harness need not tell narrow ports from wide ones.
_LEAST_WIDTH = 96

_PORTS = (
    ("input", 64, "s_axis_0_tdata"),
    ("input", 1, "s_axis_0_tvalid"),
    ("output", 1, "s_axis_0_tready"),
    ("output", 64, "m_axis_0_tdata"),
    ("output", 1, "m_axis_0_tvalid"),
    ("input", 1, "m_axis_0_tready"),
    ("output", 1, "m_axis_0_tlast"),
    ("input", 8, "s_axilite_awaddr"),
    ("input", 1, "s_axilite_awvalid"),
    ("output", 1, "s_axilite_awready"),
    ("input", 32, "s_axilite_wdata"),
    ("input", 4, "s_axilite_wstrb"),
    ("input", 1, "s_axilite_wvalid"),
    ("output", 1, "s_axilite_wready"),
    ("output", 2, "s_axilite_bresp"),
    ("output", 1, "s_axilite_bvalid"),
    ("input", 1, "s_axilite_bready"),
    ("input", 8, "s_axilite_araddr"),
    ("input", 1, "s_axilite_arvalid"),
    ("output", 1, "s_axilite_arready"),
    ("output", 32, "s_axilite_rdata"),
    ("output", 2, "s_axilite_rresp"),
    ("output", 1, "s_axilite_rvalid"),
    ("input", 1, "s_axilite_rready"),
)


def wrapper_source(streams: int) -> tuple[str, str]:
    """(file name, SystemVerilog) of the wrapper of a part with that many streams inside.

    Bit i of ``stream_tvalid`` and ``stream_tready`` is ``stream_<i>_tvalid``/``_tready`` of
    ``part``; unused upper bits are 0.
    """
    width = max(_LEAST_WIDTH, -(-streams // 32) * 32)
    ports = [("input", 1, "ap_clk"), ("input", 1, "ap_rst_n"), *_PORTS]
    declared = [
        f"    {direction} logic{'' if bits == 1 else f' [{bits - 1}:0]'} {name}"
        for direction, bits, name in ports
    ]
    declared += [f"    output logic [{width - 1}:0] stream_{what}" for what in ("tvalid", "tready")]
    connected = [f"        .{name}({name})" for _, _, name in ports]
    assigned = [
        f"    assign stream_{what}[{index}] = part.stream_{index}_{what};"
        for what in ("tvalid", "tready")
        for index in range(streams)
    ]
    unused = [
        f"    assign stream_{what}[{width - 1}:{streams}] = '0;" for what in ("tvalid", "tready")
    ] * (streams < width)
    lines = [
        f"module {WRAPPER} (",
        ",\n".join(declared),
        ");",
        "    part part (",
        ",\n".join(connected),
        "    );",
        *assigned,
        *unused,
        "endmodule",
        "",
    ]
    return f"{WRAPPER}.sv", "\n".join(lines)
