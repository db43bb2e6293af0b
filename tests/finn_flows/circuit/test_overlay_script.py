"""The Tcl script of a part, run by a fake of Vivado, which checks what it is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from finn_flows.circuit.render import render
from tests.fakes.vendor_tools import ToolsRun, VendorTools, install

#: As much of a part as its ports.
_PART = """
module part (
    input  wire        ap_clk,
    input  wire        ap_rst_n,
    input  wire [63:0] s_axis_0_tdata,
    input  wire        s_axis_0_tvalid,
    output wire        s_axis_0_tready,
    output wire [63:0] m_axis_0_tdata,
    output wire        m_axis_0_tvalid,
    input  wire        m_axis_0_tready,
    input  wire [15:0] s_axilite_awaddr,
    input  wire [15:0] s_axilite_araddr
);
endmodule
"""


@pytest.fixture
def tools(tmp_path: Path) -> VendorTools:
    return install(tmp_path / "vendor")


def run(
    tools: VendorTools,
    folder: Path,
    *arguments: str,
    configuration: str | None = "memory/configuration.bin",
) -> ToolsRun:
    (folder / "rtl").mkdir()
    (folder / "rtl" / "part.v").write_text(_PART)
    (folder / "memory").mkdir()
    (folder / "memory" / "conv0_weights.mem").write_text("0\n")
    text = render(
        "overlay.tcl.j2",
        network="CnvW2A2",
        part="first",
        device="xc7z020clg400-1",
        clock_mhz=100.0,
        configuration={"file": configuration},
    )
    (folder / "overlay.tcl").write_text(text)
    words = ("-mode", "batch", "-source", "overlay.tcl", *arguments)
    return tools.run("vivado", *words, folder=folder)


def test_script_runs_to_the_bitstream(tools: VendorTools, tmp_path: Path) -> None:
    ended = run(tools, tmp_path)
    assert ended.code == 0, ended.output
    (design,) = tools.events("design")
    assert design["cells"]["/ps"]["settings"]["CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ"] == "100.0"
    joined = design["connections"]
    assert ["/dma/M_AXIS_MM2S", "/part_0/s_axis_0"] in joined
    assert ["/dma/S_AXIS_S2MM", "/part_0/m_axis_0"] in joined
    # Registers of both, and the DMA's data, have a place and a way.
    assert {"/part_0/s_axilite/Reg", "/dma/S_AXI_LITE/Reg"} <= design["segments"].keys()
    reached = {end for pair in joined for end in pair}
    assert {"/ps/M_AXI_GP0", "/ps/S_AXI_HP0", "/dma/M_AXI_MM2S", "/dma/M_AXI_S2MM"} <= reached
    assert "conv0_weights.mem" not in "\n".join(ended.commands)
    assert (tmp_path / "overlay/part.bit").is_file()
    assert (tmp_path / "overlay/part.hwh").is_file()


def test_fixed_weights_are_added_as_memory_files(tools: VendorTools, tmp_path: Path) -> None:
    ended = run(tools, tmp_path, configuration=None)
    assert "conv0_weights.mem" in "\n".join(ended.commands)


def test_device_and_board_can_be_given(tools: VendorTools, tmp_path: Path) -> None:
    arguments = ("-tclargs", "xc7z010clg400-1", "xilinx.com:zcu104:part0:1.1")
    ended = run(tools, tmp_path, *arguments)
    assert ended.code == 0, ended.output
    assert any("-part xc7z010clg400-1" in command for command in ended.commands)
    assert "set_property board_part xilinx.com:zcu104:part0:1.1 part" in ended.commands


def test_an_unfinished_run_is_an_error(tools: VendorTools, tmp_path: Path) -> None:
    tools.break_at({"tool": "vivado", "step": "routing", "kind": "abnormal"})
    ended = run(tools, tmp_path)
    assert ended.code == 1
    assert "did not finish" in ended.output
