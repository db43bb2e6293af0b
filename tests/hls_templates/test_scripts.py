"""The Tcl scripts of a kernel, run by fakes of the tools, which check what they are asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from finn_flows.cut import Cut
from hls_templates.kernel_files import render
from hls_templates.kernel_folder import processing_system
from hls_templates.layer_processes import kernel_design
from tests.fakes.vendor_tools import ToolsRun, VendorTools, install
from tests.hls_templates.parts import shipped_parts

#: As much of a kernel as its interface.
_KERNEL = """
unsigned split5_first(ap_uint<64> *in, ap_uint<64> *out, bool doInit) {
#pragma HLS INTERFACE s_axilite port=return bundle=control
#pragma HLS INTERFACE m_axi offset=slave port=in bundle=hostmem depth=768
#pragma HLS INTERFACE m_axi offset=slave port=out bundle=hostmem depth=16
}
"""


def script(name: str, device: str = "xc7z020clg400-1") -> str:
    return render(
        f"{name}.j2",
        design=kernel_design(shipped_parts(Cut(5))[0]),
        device=device,
        clock_mhz=100.0,
        family=processing_system(device),
    )


def kernel_folder(folder: Path, device: str = "xc7z020clg400-1") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "kernel.cpp").write_text(_KERNEL)
    (folder / "testbench.cpp").write_text("int main() {}\n")
    for name in ("hls.tcl", "overlay.tcl"):
        (folder / name).write_text(script(name, device))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return kernel_folder(tmp_path / "kernel")


@pytest.fixture
def tools(tmp_path: Path) -> VendorTools:
    return install(tmp_path / "vendor")


@pytest.fixture
def old_tools(tmp_path: Path) -> VendorTools:
    """Of the years of Vivado HLS."""
    return install(tmp_path / "vendor", ["vivado", "vivado_hls"], "2019.2")


@pytest.fixture
def hlslib(tmp_path: Path) -> Path:
    """What the script takes for the newest finn-hlslib."""
    library = tmp_path / "finn-hlslib"
    library.mkdir()
    (library / "bnn-library.h").write_text("")
    return library


def hls(tools: VendorTools, folder: Path, library: Path, **variables: str) -> ToolsRun:
    old = list(tools.root.glob("Xilinx/Vivado/*/bin/vivado_hls"))
    tool = "vivado_hls" if old else "vitis_hls"
    return tools.run(tool, "-f", "hls.tcl", folder=folder, FINN_HLSLIB=str(library), **variables)


def overlay(tools: VendorTools, folder: Path, *arguments: str) -> ToolsRun:
    words = ("-mode", "batch", "-source", "overlay.tcl", *arguments)
    return tools.run("vivado", *words, folder=folder)


def assert_refused(run: ToolsRun, said: str) -> None:
    assert run.code == 1
    assert said in run.output


def test_vitis_hls_makes_and_exports_the_kernel(
    tools: VendorTools, hlslib: Path, folder: Path
) -> None:
    run = hls(tools, folder, hlslib)
    assert run.code == 0, run.output
    flags = f"-std=c++14 -I{hlslib}"
    assert run.commands == [
        "open_project -reset hls",
        f"add_files {folder}/kernel.cpp -cflags {flags} -I{folder}",
        f"add_files -tb {folder}/testbench.cpp -cflags -std=c++14 -I{folder}",
        "set_top split5_first",
        "open_solution -reset -flow_target vivado solution",
        "set_part xc7z020clg400-1",
        "create_clock -period 10 -name default",
        "config_interface -m_axi_addr64",
        "csynth_design",
        "export_design -format ip_catalog",
        "exit 0",
    ]
    assert (folder / "reports/csynth.xml").is_file()


def test_vivado_hls_has_the_older_library_and_standard(
    old_tools: VendorTools, hlslib: Path, folder: Path
) -> None:
    (hlslib / "fclayer.h").write_text("")
    run = hls(old_tools, folder, hlslib)
    assert run.code == 0, run.output
    flags = f"-std=c++0x -I{hlslib}"
    assert f"add_files {folder}/kernel.cpp -cflags {flags} -I{folder}" in run.commands
    assert "open_solution -reset solution" in run.commands
    assert run.commands[-2:] == ["export_design -format ip_catalog", "exit 0"]


def test_steps_are_done_in_their_order(tools: VendorTools, hlslib: Path, folder: Path) -> None:
    run = hls(tools, folder, hlslib, HLS_STEPS="export cosim csim csynth")
    assert run.commands[-5:-1] == [
        f"csim_design -argv {folder}",
        "csynth_design",
        f"cosim_design -argv {folder} without-weights",
        "export_design -format ip_catalog",
    ]
    for steps, said in (
        ("csynth bitstream", "HLS_STEPS names bitstream"),
        ("csim export", "without csynth"),
    ):
        assert_refused(hls(tools, folder, hlslib, HLS_STEPS=steps), said)


def test_a_folder_with_a_space_is_refused(tools: VendorTools, hlslib: Path, tmp_path: Path) -> None:
    folder = kernel_folder(tmp_path / "two words")
    assert_refused(hls(tools, folder, hlslib), f"with a space in its name: {folder}")


def test_a_library_for_the_other_tool_is_refused(
    old_tools: VendorTools, hlslib: Path, folder: Path
) -> None:
    assert_refused(hls(old_tools, folder, hlslib), "as of commit 8b7f5f5")


def test_an_old_library_is_refused_by_the_new_tool(
    tools: VendorTools, hlslib: Path, folder: Path
) -> None:
    (hlslib / "fclayer.h").write_text("")
    assert_refused(hls(tools, folder, hlslib), "wants the newest finn-hlslib")


def test_a_library_that_is_not_there_is_named(
    tools: VendorTools, hlslib: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (hlslib / "bnn-library.h").unlink()
    assert_refused(hls(tools, folder, hlslib), "is no checkout of finn-hlslib")
    monkeypatch.delenv("FINN_HLSLIB", raising=False)
    run = tools.run("vitis_hls", "-f", "hls.tcl", folder=folder)
    assert_refused(run, "FINN_HLSLIB is not set")


@pytest.mark.parametrize("version", ["2019.2", "2022.2"])
@pytest.mark.parametrize(
    ("device", "master", "slave", "clock"),
    [
        ("xc7z020clg400-1", "M_AXI_GP0", "S_AXI_HP0", "CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ"),
        (
            "xczu3eg-sbva484-1-e",
            "M_AXI_HPM0_FPD",
            "S_AXI_HP0_FPD",
            "CONFIG.PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ",
        ),
    ],
)
def test_the_overlay_connects_the_kernel_and_keeps_the_reports(
    tmp_path: Path, hlslib: Path, version: str, device: str, master: str, slave: str, clock: str
) -> None:
    folder = kernel_folder(tmp_path / "kernel", device)
    tools = install(tmp_path / "vendor", ["vivado", "vitis_hls"], version)
    assert hls(tools, folder, hlslib).code == 0
    run = overlay(tools, folder)
    assert run.code == 0, run.output
    assert f"create_project -force part {folder}/overlay/project -part {device}" in run.commands
    (design,) = tools.events("design")
    assert design["cells"]["/ps"]["settings"][clock] == "100.0"
    through = [set(pair) for pair in design["connections"]]
    assert {f"/ps/{master}", "/axi_smc_0/S00_AXI"} in through
    assert {"/kernel/s_axi_control", "/axi_smc_0/M00_AXI"} in through
    assert {"/kernel/m_axi_hostmem", "/axi_smc_1/S00_AXI"} in through
    assert {f"/ps/{slave}", "/axi_smc_1/M00_AXI"} in through
    made = {path.name for path in (folder / "overlay").iterdir() if path.is_file()}
    assert made == {
        "part.bit",
        "part.hwh",
        "power.rpt",
        "timing.rpt",
        "utilization.rpt",
        "utilization_hierarchical.rpt",
    }


def test_device_and_board_can_be_given(tools: VendorTools, hlslib: Path, folder: Path) -> None:
    assert hls(tools, folder, hlslib).code == 0
    arguments = ("-tclargs", "xc7z010clg400-1", "xilinx.com:zcu104:part0:1.1")
    run = overlay(tools, folder, *arguments)
    assert run.code == 0, run.output
    assert f"create_project -force part {folder}/overlay/project -part {arguments[1]}" in (
        run.commands
    )
    assert f"set_property board_part {arguments[2]} part" in run.commands


def test_an_overlay_without_kernel_or_with_an_unfinished_run_is_an_error(
    tools: VendorTools, hlslib: Path, folder: Path
) -> None:
    assert_refused(overlay(tools, folder), "hls.tcl makes it")
    assert hls(tools, folder, hlslib).code == 0
    tools.break_at({"tool": "vivado", "step": "routing", "kind": "abnormal"})
    assert_refused(overlay(tools, folder), "did not finish")
