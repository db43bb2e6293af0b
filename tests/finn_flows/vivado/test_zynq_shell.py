"""FINN's shell for any board and clock, run by a Tcl interpreter."""

from __future__ import annotations

import tkinter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.errors import BuildError
from finn_flows.vivado.board import VivadoBoard, find_board, finn_boards
from finn_flows.vivado.zynq_shell import clock_period_ns, shell_template, zynq_shell

OWN = VivadoBoard("Mine", "xc7z010clg400-1", "zynq-7000", 64, None, ps_preset=Path("preset.tcl"))
_STUBS = """
set called {}
rename unknown tcl_unknown
proc unknown {name args} { lappend ::called [concat $name $args]; return made }
rename source tcl_source
proc source {file} {
    lappend ::called [list source $file]
    proc apply_preset {cell} { return [list CONFIG.PCW_PRESET_BANK1_VOLTAGE {LVCMOS 1.8V}] }
}
"""


def template() -> str:
    from finn.transformation.fpgadataflow import templates

    return str(templates.custom_zynq_shell_template)


def calls(text: str, board: VivadoBoard) -> list[str]:
    """What the shell's script, filled as FINN fills it, calls before the block design is wired."""
    filled = text % (100, 2, 2, board.name, board.part, "", 0, 0, 0)
    filled = filled.replace("$BOARDFILES$", "/finn/board_files")
    interpreter = tkinter.Tcl()
    interpreter.eval(_STUBS)
    interpreter.eval(filled[: filled.index("#instantiate axi interconnect")])
    found = interpreter.splitlist(interpreter.eval("set called"))
    return [
        *(" ".join(interpreter.splitlist(call)) for call in found),
        interpreter.getvar("FREQ_MHZ"),
    ]


@pytest.mark.parametrize("board", finn_boards(), ids=lambda board: board.name)
def test_a_board_of_finns_is_set_up_as_finn_does(board: VivadoBoard) -> None:
    ours = calls(shell_template(template(), board, 100.0), board)
    finns = calls(template(), board)
    assert [call.replace(" -force", "") for call in ours] == finns
    assert f"set_property board_part {board.board_part} made" in ours


@given(st.floats(10, 400))
def test_the_clock_is_the_one_asked_for(clock_mhz: float) -> None:
    board = find_board("Pynq-Z1")
    asked = calls(shell_template(template(), board, clock_mhz), board)[-1]
    assert float(asked) == pytest.approx(clock_mhz, rel=1e-9)
    # As FINN's stitching takes it out of the period.
    hertz = round(1 / (clock_period_ns(clock_mhz) * 0.001) * 1000000)
    assert hertz == pytest.approx(clock_mhz * 1e6, abs=0.6)


def test_a_board_of_the_users_is_set_up_by_its_preset() -> None:
    found = calls(shell_template(template(), OWN, 100.0), OWN)
    assert not [call for call in found if "board_part " in call]
    automation = next(n for n, call in enumerate(found) if call.startswith("apply_bd_automation"))
    assert 'apply_board_preset "0"' in found[automation]
    assert found[automation + 1] == f"source {Path('preset.tcl').absolute()}"
    # Before FINN opens its port to memory.
    preset, port = (
        next(n for n, call in enumerate(found) if text in call)
        for text in ("PCW_PRESET_BANK1_VOLTAGE", "PCW_USE_S_AXI_HP0")
    )
    assert automation < preset < port


@pytest.mark.parametrize("processor", ["zynq-7000", "zynq-ultrascale+"])
def test_board_files_of_the_users_are_looked_at_first(processor: str) -> None:
    board = replace(
        OWN,
        processor=processor,
        board_part="me.org:mine:part0:1.0",
        board_files=Path("/my 100%/{files}".replace("{", "").replace("}", "")),
        ps_preset=None,
    )
    found = calls(shell_template(template(), board, 100.0), board)
    assert "set_property board_part me.org:mine:part0:1.0 made" in found
    (paths,) = [call for call in found if "BOARD_PART_REPO_PATHS" in call and "set_" in call]
    assert paths.index("/my 100%/files") < paths.index("/finn/board_files")
    kind = "processing_system7" if processor == "zynq-7000" else "zynq_ultra_ps_e"
    assert [call for call in found if call.startswith("apply_bd_automation") and kind in call]


def test_what_cannot_be_written_or_found_is_refused() -> None:
    with pytest.raises(BuildError, match="cannot be written in Tcl"):
        shell_template(template(), replace(OWN, ps_preset=Path("a}b")), 100.0)
    with pytest.raises(BuildError, match="not the known one"):
        shell_template(template().replace("FREQ_MHZ", "MHZ"), OWN, 100.0)


def test_an_unknown_board_stops_the_script() -> None:
    filled = shell_template(template(), OWN, 100.0)
    with pytest.raises(tkinter.TclError, match="Unrecognized board"):
        calls(filled, replace(OWN, name="Other"))


def test_finns_tables_are_afterwards_as_they_were() -> None:
    from finn.transformation.fpgadataflow import make_zynq_proj, templates
    from finn.util import basic

    before = templates.custom_zynq_shell_template
    with zynq_shell(OWN, 50.0):
        assert make_zynq_proj.pynq_part_map["Mine"] == OWN.part
        assert "set FREQ_MHZ 50\n" in templates.custom_zynq_shell_template
    assert templates.custom_zynq_shell_template is before
    assert make_zynq_proj.pynq_part_map is basic.pynq_part_map
    assert "Mine" not in basic.pynq_part_map
