"""Runs of a Vivado project (UG894, UG835): brought to their end one by one, whatever ended before.

Each is a call of its own, so that an implementation that fails does not cost its synthesis, nor a
bitstream that cannot be written the implementation. The project stays as it is in between; a run
that was killed or has failed is begun anew, one that has ended is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from finn_flows.vivado.implementation_reports import PROJECT, TOP

BITSTREAM, HANDOFF = f"{TOP}.bit", "top.hwh"
#: Written last by each script: it has come to its end and what it is for is there.
ENDED = "ended"


@dataclass(frozen=True)
class ProjectRun:
    """A step of a build that is one run of a project.

    ``run``: its name in the project. ``leaves``: what is there then, below the project's folder.
    """

    name: str
    run: str
    leaves: str


SYNTHESIS = ProjectRun("synthesis", "synth_1", f"{PROJECT}.runs/synth_1/{TOP}.dcp")
#: Placed and routed.
IMPLEMENTATION = ProjectRun("implementation", "impl_1", f"{PROJECT}.runs/impl_1/{TOP}_routed.dcp")


def run_script(project: Path, run: ProjectRun, jobs: int) -> str:
    """Tcl for Vivado in batch mode, run in the folder that gets the file :data:`ENDED`.

    A run that misses timing is complete: its status is ``route_design Complete, Failed Timing!``.
    """
    lines = [
        f"open_project {{{project / f'{PROJECT}.xpr'}}}",
        "foreach one [get_runs] {",
        "    set status [get_property STATUS $one]",
        '    if {$status ne "Not started" && ![string match {*Complete*} $status]'
        ' && [get_property PROGRESS $one] ne "100%"} {',
        "        reset_run $one",
        "    }",
        "}",
        f'if {{[get_property PROGRESS [get_runs {run.run}]] ne "100%"}} {{',
        f"    launch_runs {run.run} -jobs {jobs}",
        f"    wait_on_run {run.run}",
        "}",
        f'if {{[get_property PROGRESS [get_runs {run.run}]] ne "100%"}} {{',
        f'    error "{run.name} did not finish: see the log of run {run.run}"',
        "}",
        "close_project",
        *_stamp(project / run.leaves, run.name),
    ]
    return "\n".join([*lines, ""])


def bitstream_script(project: Path) -> str:
    """Tcl for Vivado in batch mode, run in the folder that gets bitstream and hand-off."""
    lines = [
        f"open_project {{{project / f'{PROJECT}.xpr'}}}",
        f"open_run {IMPLEMENTATION.run} -name implemented",
        f"write_bitstream -force {BITSTREAM}",
        "close_project",
        "# Where it lies depends on the release.",
        f"foreach made [glob -nocomplain -directory {{{project}}}"
        f" {{{PROJECT}.*/sources_1/bd/top/hw_handoff/{HANDOFF}}}] {{",
        "    file copy -force $made .",
        "}",
        *_stamp(Path(BITSTREAM), "bitstream"),
    ]
    return "\n".join([*lines, ""])


def _stamp(made: Path, name: str) -> list[str]:
    return [
        f"if {{[file exists {{{made}}}]}} {{",
        f"    set stamp [open {ENDED} w]",
        f'    puts $stamp "{name}"',
        "    close $stamp",
        "}",
    ]
