"""The Tcl scripts of a kernel, run by a real Tcl interpreter against commands that note calls."""

from __future__ import annotations

import tkinter
from pathlib import Path

import pytest

from finn_flows.cut import Cut
from hls_templates.kernel_files import render
from hls_templates.kernel_folder import processing_system
from hls_templates.layer_processes import kernel_design
from tests.hls_templates.parts import shipped_parts

#: What of the tools gives something back that the scripts go on with. Vivado HLS knows no flow
#: target; ``exit``, the last command, would end the tests too.
_STUBS = """
set called {}
rename unknown tcl_unknown
proc exit {} { lappend ::called exit }
proc unknown {name args} {
    global called
    lappend called [concat $name $args]
    switch -- $name {
        open_solution {
            if {$::old_tool && "-flow_target" in $args} { error "unknown option -flow_target" }
        }
        csynth_design {
            file mkdir hls/solution/syn/report
            foreach kind {rpt xml} {
                close [open hls/solution/syn/report/split5_first_csynth.$kind w]
            }
        }
        get_property {
            if {[lindex $args 0] eq "PROGRESS"} { return $::progress }
            return $::run_folder
        }
        create_bd_cell { return /[lindex $args end] }
        default { return [lindex $args end] }
    }
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


def run(
    text: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    old_tool: bool = False,
    progress: str = "100%",
    arguments: str = "",
) -> list[str]:
    """The vendor's commands that ``text``, in ``folder``, calls; TclError where it stops."""
    monkeypatch.chdir(folder)  # the script of HLS changes it
    path = folder / "script.tcl"
    path.write_text(text)
    interpreter = tkinter.Tcl()
    interpreter.setvar("progress", progress)
    interpreter.setvar("run_folder", str(folder / "run"))
    interpreter.setvar("old_tool", old_tool)
    interpreter.eval(_STUBS)
    interpreter.eval(f"set argv [list {arguments}]")
    interpreter.eval(f"source {{{path}}}")
    calls = interpreter.splitlist(interpreter.eval("set called"))
    return [" ".join(call) for call in map(interpreter.splitlist, calls)]


@pytest.fixture
def hlslib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the script takes for the newest finn-hlslib."""
    folder = tmp_path / "finn-hlslib"
    folder.mkdir()
    (folder / "bnn-library.h").write_text("")
    monkeypatch.setenv("FINN_HLSLIB", str(folder))
    monkeypatch.delenv("HLS_STEPS", raising=False)
    return folder


def test_vitis_hls_makes_and_exports_the_kernel(
    hlslib: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = run(script("hls.tcl"), tmp_path, monkeypatch)
    flags = f"-std=c++14 -I{hlslib}"
    assert calls == [
        "open_project -reset hls",
        f"add_files {tmp_path}/kernel.cpp -cflags {flags} -I{tmp_path}",
        f"add_files -tb {tmp_path}/testbench.cpp -cflags -std=c++14 -I{tmp_path}",
        "set_top split5_first",
        "open_solution -reset -flow_target vivado solution",
        "set_part xc7z020clg400-1",
        "create_clock -period 10 -name default",
        "config_interface -m_axi_addr64",
        "csynth_design",
        "export_design -format ip_catalog",
        "exit",
    ]
    assert (tmp_path / "reports/csynth.xml").is_file()


def test_vivado_hls_has_the_older_library_and_standard(
    hlslib: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (hlslib / "fclayer.h").write_text("")
    calls = run(script("hls.tcl"), tmp_path, monkeypatch, old_tool=True)
    assert f"add_files {tmp_path}/kernel.cpp -cflags -std=c++0x -I{hlslib} -I{tmp_path}" in calls
    assert "open_solution -reset solution" in calls
    assert calls[-2:] == ["export_design -format ip_catalog", "exit"]


def test_steps_are_done_in_their_order(
    hlslib: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HLS_STEPS", "export cosim csim csynth")
    calls = run(script("hls.tcl"), tmp_path, monkeypatch)
    assert calls[-5:-1] == [
        f"csim_design -argv {tmp_path}",
        "csynth_design",
        f"cosim_design -argv {tmp_path} without-weights",
        "export_design -format ip_catalog",
    ]
    for steps, said in (
        ("csynth bitstream", "HLS_STEPS names bitstream"),
        ("csim export", "without csynth"),
    ):
        monkeypatch.setenv("HLS_STEPS", steps)
        with pytest.raises(tkinter.TclError, match=said):
            run(script("hls.tcl"), tmp_path, monkeypatch)


def test_a_folder_with_a_space_is_refused(
    hlslib: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "two words"
    folder.mkdir()
    with pytest.raises(tkinter.TclError, match=r"with a space in its name: .*two words"):
        run(script("hls.tcl"), folder, monkeypatch)


@pytest.mark.parametrize("old_tool", [True, False])
def test_a_library_for_the_other_tool_is_refused(
    hlslib: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old_tool: bool
) -> None:
    if not old_tool:
        (hlslib / "fclayer.h").write_text("")
    wanted = "as of commit 8b7f5f5" if old_tool else "wants the newest finn-hlslib"
    with pytest.raises(tkinter.TclError, match=wanted):
        run(script("hls.tcl"), tmp_path, monkeypatch, old_tool=old_tool)


def test_a_library_that_is_not_there_is_named(
    hlslib: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (hlslib / "bnn-library.h").unlink()
    with pytest.raises(tkinter.TclError, match=r"is no checkout of finn-hlslib"):
        run(script("hls.tcl"), tmp_path, monkeypatch)
    monkeypatch.delenv("FINN_HLSLIB")
    with pytest.raises(tkinter.TclError, match="FINN_HLSLIB is not set"):
        run(script("hls.tcl"), tmp_path, monkeypatch)


def exported(folder: Path, sources: str = "part.gen") -> None:
    """What hls.tcl and an implementation run leave behind."""
    (folder / "hls/solution/impl/ip").mkdir(parents=True)
    (folder / "run").mkdir()
    (folder / "run/part_bd_wrapper.bit").write_text("bits\n")
    handoff = folder / f"overlay/project/{sources}/sources_1/bd/part_bd/hw_handoff"
    handoff.mkdir(parents=True)
    (handoff / "part_bd.hwh").write_text("<EDKSYSTEM/>\n")


@pytest.mark.parametrize("sources", ["part.srcs", "part.gen"])
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
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sources: str,
    device: str,
    master: str,
    slave: str,
    clock: str,
) -> None:
    exported(tmp_path, sources)
    calls = run(script("overlay.tcl", device), tmp_path, monkeypatch)
    assert f"create_project -force part {tmp_path}/overlay/project -part {device}" in calls
    text = "\n".join(calls)
    for expected in (
        f"set_property ip_repo_paths {tmp_path}/hls/solution/impl/ip",
        "create_bd_cell -type ip -vlnv xilinx.com:hls:split5_first kernel",
        f"Master /ps/{master} Slave /kernel/s_axi_control",
        f"Master /kernel/m_axi_hostmem Slave /ps/{slave}",
        f"{clock} 100.0",
        "launch_runs impl_1 -to_step write_bitstream",
        f"report_utilization -file {tmp_path}/overlay/utilization.rpt",
        f"report_timing_summary -file {tmp_path}/overlay/timing.rpt",
        f"report_power -file {tmp_path}/overlay/power.rpt",
    ):
        assert expected in text
    assert (tmp_path / "overlay/part.bit").read_text() == "bits\n"
    assert (tmp_path / "overlay/part.hwh").is_file()


def test_device_and_board_can_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exported(tmp_path)
    calls = run(
        script("overlay.tcl"),
        tmp_path,
        monkeypatch,
        arguments="xc7z010clg400-1 tul.com.tw:pynq-z2:part0:1.0",
    )
    assert any(call.startswith("create_project") and "xc7z010clg400-1" in call for call in calls)
    assert any("board_part tul.com.tw:pynq-z2:part0:1.0" in call for call in calls)


def test_an_overlay_without_kernel_or_with_an_unfinished_run_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(tkinter.TclError, match=r"hls\.tcl makes it"):
        run(script("overlay.tcl"), tmp_path, monkeypatch)
    exported(tmp_path)
    with pytest.raises(tkinter.TclError, match="did not finish"):
        run(script("overlay.tcl"), tmp_path, monkeypatch, progress="42%")
