"""FINN's Zynq shell for a board: one that FINN does not know, and the very clock asked for.

FINN keeps boards in tables and in the template of the script that makes the overlay. For the time
of a build these are ours: FINN itself stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dse.errors import BuildError
from finn_flows.vivado.board import VivadoBoard, finn_boards
from finn_flows.vivado.finn_session import replaced

#: Lines of FINN's template that are replaced; each must be there exactly once.
_CLOCK = "set FREQ_MHZ %s\n"
_RUNS = """
    launch_runs -jobs $NUM_JOBS$ -to_step write_bitstream impl_1
    wait_on_run [get_runs impl_1]

}
# generate synthesis report
open_run impl_1
report_utilization -hierarchical -hierarchical_depth 4 -file synth_report.xml -format xml
close_project
"""
#: Runs are calls of their own (project_runs); they start from what is generated of the design.
_NO_RUNS = """
}
generate_target all [get_files top.bd]
close_project
"""
_BOARD_FILES = (
    'lappend paths_prop "$BOARDFILES$"\n',
    'lappend paths_param "$BOARDFILES$"\n',
)
_FIRST_BOARD = 'if {$BOARD == "ZCU104"} {\n'
#: FINN opens the master port that it uses, and closes the third, of a board whose preset does not.
_PORTS = 'if {$BOARD == "AUP-ZU3_8GB"} {\n        set_property'
_LAST_BOARD = '} else {\n    puts "Unrecognized board"\n}\n'
_PRESET_AFTER = {
    "zynq-7000": (
        'apply_board_preset "1" Master "Disable" Slave "Disable" }  [get_bd_cells zynq_ps]\n'
    ),
    "zynq-ultrascale+": (
        "apply_bd_automation -rule xilinx.com:bd_rule:zynq_ultra_ps_e "
        '-config {apply_board_preset "1" }  [get_bd_cells zynq_ps]\n'
    ),
}
_ZYNQ_TYPE = {"zynq-7000": "zynq_7000", "zynq-ultrascale+": "zynq_us+"}


def clock_period_ns(clock_mhz: float) -> float:
    """What FINN, HLS and the packaged blocks are given. Not rounded: FINN takes Hz out of it."""
    return 1000 / clock_mhz


@contextmanager
def zynq_shell(board: VivadoBoard, clock_mhz: float) -> Iterator[None]:
    """Within: FINN makes overlays for ``board`` at ``clock_mhz``, whatever it knows by itself.

    FINN would round the clock down to whole MHz (99 for a period of 10.0000001 ns). Raises
    BuildError where FINN's template is not the one known here, or a board's folder cannot be
    written in Tcl.
    """
    from finn.transformation.fpgadataflow import make_zynq_proj, templates

    with ExitStack() as stack:
        for name, table, value in (
            ("pynq_part_map", make_zynq_proj.pynq_part_map, board.part),
            ("pynq_native_port_width", make_zynq_proj.pynq_native_port_width, board.port_bits),
        ):
            stack.enter_context(replaced(make_zynq_proj, name, {**table, board.name: value}))
        text = shell_template(templates.custom_zynq_shell_template, board, clock_mhz)
        stack.enter_context(replaced(templates, "custom_zynq_shell_template", text))
        yield


def shell_template(template: str, board: VivadoBoard, clock_mhz: float) -> str:
    """FINN's ``template`` for a board and a clock; still to be filled with % by FINN."""
    text = _with(template, _RUNS, _NO_RUNS)
    text = _with(text, _CLOCK, f"set FREQ_MHZ {clock_mhz:.10g}\n# FINN rounds to: %s\n")
    if board.board_files is not None:
        for line in _BOARD_FILES:
            command = line.split(" ", 2)
            own = f"{command[0]} {command[1]} {_tcl_path(board.board_files)}\n"
            text = _with(text, line, own + line)
    text = _with(text, _LAST_BOARD, _LAST_BOARD.replace("puts", "error"))
    branch = f'if {{$BOARD == "{board.name}"}} {{\n'
    if board.board_part is not None:
        branch += f"    set_property board_part {board.board_part} [current_project]\n"
    branch += f'    set ZYNQ_TYPE "{_ZYNQ_TYPE[board.processor]}"\n}} else'
    text = _with(text, _FIRST_BOARD, branch + _FIRST_BOARD)
    if board.name not in {known.name for known in finn_boards()}:
        also = f'|| $BOARD == "{board.name}"}} {{\n'
        text = _with(text, _PORTS, _PORTS.replace("} {\n", also))
    if board.ps_preset is not None:
        automation = _PRESET_AFTER[board.processor]
        text = _with(
            text,
            automation,
            automation.replace('apply_board_preset "1"', 'apply_board_preset "0"')
            + _preset(board.ps_preset),
        )
    return text


def _preset(file: Path) -> str:
    """Tcl that sets up the processing system, cell zynq_ps, before FINN opens its ports.

    Vivado's own export of a preset defines a procedure that returns properties; a script by hand
    sets them.
    """
    return (
        f"    source {_tcl_path(file)}\n"
        "    if {[llength [info procs apply_preset]] > 0} {\n"
        "        set_property -dict [apply_preset zynq_ps] [get_bd_cells zynq_ps]\n"
        "    }\n"
    )


def _with(template: str, old: str, new: str) -> str:
    if template.count(old) != 1:
        raise BuildError(
            f"FINN's template of the Zynq shell is not the known one: {old.strip()!r} is there "
            f"{template.count(old)} times",
            expected="finn-plus 1.6.1",
        )
    return template.replace(old, new)


def _tcl_path(path: Path) -> str:
    """``path`` as a word of Tcl within a template that is filled with %."""
    text = str(path.absolute())
    if any(letter in text for letter in "{}\\\n"):
        raise BuildError(f"a folder with that name cannot be written in Tcl: {text!r}")
    return "{" + text.replace("%", "%%") + "}"
