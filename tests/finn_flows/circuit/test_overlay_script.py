"""The Tcl script of a part, run by a real Tcl interpreter against commands that only note calls."""

from __future__ import annotations

import tkinter
from pathlib import Path

import pytest

from finn_flows.circuit.render import render

#: What of Vivado gives something back that the script goes on with.
_STUBS = """
set called {}
rename unknown tcl_unknown
proc unknown {name args} {
    global called
    lappend called [concat $name $args]
    switch -- $name {
        get_property {
            if {[lindex $args 0] eq "PROGRESS"} { return $::progress }
            return $::run_folder
        }
        create_bd_cell { return /[lindex $args end] }
        default { return [lindex $args end] }
    }
}
"""


def run(script: str, folder: Path, progress: str = "100%", arguments: str = "") -> list[str]:
    """The vendor's commands that ``script``, in ``folder``, calls; TclError where it stops."""
    (folder / "rtl").mkdir()
    (folder / "rtl" / "part.v").write_text("module part; endmodule\n")
    (folder / "memory").mkdir()
    (folder / "memory" / "conv0_weights.mem").write_text("0\n")
    run_folder = folder / "run"
    run_folder.mkdir()
    (run_folder / "part_bd_wrapper.bit").write_text("bits\n")
    handoff = folder / "overlay/project/part.gen/sources_1/bd/part_bd/hw_handoff"
    handoff.mkdir(parents=True)
    (handoff / "part_bd.hwh").write_text("<EDKSYSTEM/>\n")
    path = folder / "overlay.tcl"
    path.write_text(script)
    interpreter = tkinter.Tcl()
    interpreter.setvar("progress", progress)
    interpreter.setvar("run_folder", str(run_folder))
    interpreter.eval(_STUBS)
    interpreter.eval(f"set argv [list {arguments}]")
    interpreter.eval(f"source {{{path}}}")
    return [
        " ".join(call)
        for call in map(
            interpreter.splitlist, interpreter.splitlist(interpreter.eval("set called"))
        )
    ]


def overlay(configuration: str | None = "memory/configuration.bin") -> str:
    return render(
        "overlay.tcl.j2",
        network="CnvW2A2",
        part="first",
        device="xc7z020clg400-1",
        clock_mhz=100.0,
        configuration={"file": configuration},
    )


def test_script_runs_to_the_bitstream(tmp_path: Path) -> None:
    calls = run(overlay(), tmp_path)
    text = "\n".join(calls)
    for expected in (
        "create_project -force part",
        "create_bd_cell -type module -reference part part_0",
        "CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ 100.0",
        "connect_bd_intf_net dma/M_AXIS_MM2S part_0/s_axis_0",
        "connect_bd_intf_net part_0/m_axis_0 dma/S_AXIS_S2MM",
        "launch_runs impl_1 -to_step write_bitstream",
        "report_utilization",
    ):
        assert expected in text
    assert "conv0_weights.mem" not in text
    assert (tmp_path / "overlay/part.bit").read_text() == "bits\n"
    assert (tmp_path / "overlay/part.hwh").is_file()


def test_fixed_weights_are_added_as_memory_files(tmp_path: Path) -> None:
    assert "conv0_weights.mem" in "\n".join(run(overlay(None), tmp_path))


def test_device_and_board_can_be_given(tmp_path: Path) -> None:
    calls = run(overlay(), tmp_path, arguments="xc7z010clg400-1 tul.com.tw:pynq-z2:part0:1.0")
    assert any(call.startswith("create_project") and "xc7z010clg400-1" in call for call in calls)
    assert any("board_part tul.com.tw:pynq-z2:part0:1.0" in call for call in calls)


def test_an_unfinished_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(tkinter.TclError, match="did not finish"):
        run(overlay(), tmp_path, progress="42%")
