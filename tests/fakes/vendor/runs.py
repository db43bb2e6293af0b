"""Runs that the fake ``vivado`` launches: processes of their own, each with its ``runme.log``."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import report_texts
from project import Project, Run
from report_texts import Subject
from session import TclFailure, ToolStop

if TYPE_CHECKING:
    from vivado_tool import Vivado

_POLL_SECONDS = 0.002
_processes: dict[str, int] = {}

_SYNTHESIS = (
    "Start RTL Component Statistics",
    "Start Cross Boundary and Area Optimization",
    "Start Timing Optimization",
    "Start Technology Mapping",
    "Start IO Insertion",
    "Start Writing Synthesis Report",
)
_PLACEMENT = (
    "Phase 1 Placer Initialization",
    "Phase 1.1 Placer Initialization Netlist Sorting",
    "Phase 1.2 IO Placement/ Clock Placement/ Build Placer Device",
    "Phase 2 Global Placement",
    "Phase 2.3 Post-Processing in Floorplanning",
    "Phase 3 Detail Placement",
    "Phase 4 Post Placement Optimization and Clean-Up",
)
_ROUTING = (
    "Phase 1 Build RT Design",
    "Phase 2 Router Initialization",
    "Phase 3 Initial Routing",
    "Phase 4 Rip-up And Reroute",
    "Phase 5 Delay and Skew Optimization",
    "Phase 6 Post Hold Fix",
)


def launch(vivado: Vivado, names: list[str], to_step: str) -> None:
    """Start the runs, in order, in a process of their own."""
    project, session = vivado.needed(), vivado.session
    for name in names:
        project.run_folder(name).mkdir(parents=True, exist_ok=True)
        project.runs[name].status = "Running"
    project.save()
    logs = {name: project.run_folder(name) / "runme.log" for name in names}
    session.say(f"[{session.now()}] Launched {', '.join(names)}...")
    if len(names) == 1:
        session.say(f"Run output will be captured here: {logs[names[0]]}")
    else:
        session.say("Run output will be captured here:")
        for name, log in logs.items():
            session.say(f"{name}: {log}")
    child = os.fork()
    if child:
        _processes.update(dict.fromkeys(names, child))
        return
    code = 1
    try:
        for name in names:
            _in_log(logs[name])
            code = 1
            _run(vivado, project, project.runs[name], to_step)
            code = 0
    except (TclFailure, ToolStop):
        # Neither stop nor failure is the parent's: it reads the state of the run.
        sys.stdout.flush()
    finally:
        os._exit(code)


def wait(vivado: Vivado, name: str) -> None:
    """Until the run has ended; what its log says is printed, as Vivado does in batch mode."""
    project, session = vivado.needed(), vivado.session
    if name not in project.runs:
        session.error(f"[Vivado 12-821] No runs matched '{name}'")
    session.say(f"[{session.now()}] Waiting for {name} to finish...")
    child = _processes.pop(name, None)
    if child is not None:
        for other in [other for other, pid in _processes.items() if pid == child]:
            del _processes[other]
        os.waitpid(child, 0)
    from project import open_project

    saved = open_project(project.folder / f"{project.name}.xpr")
    if saved is not None:
        project.runs, project.properties = saved.runs, saved.properties
    log = project.run_folder(name) / "runme.log"
    if log.exists():
        session.say(log.read_text())
    run = project.runs[name]
    if run.progress != "100%":
        run.status = "ERROR"
    session.say(f"[{session.now()}] {name} finished")
    if run.progress != "100%":
        failed = [other.name for other in project.runs.values() if other.status == "ERROR"]
        session.say(f"WARNING: [Vivado 12-8222] Failed run(s) : '{', '.join(failed)}'")
        session.say("wait_on_runs: Time (s): cpu = 00:00:01 ; elapsed = 00:00:02")


def _in_log(path: Path) -> None:
    sys.stdout.flush()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)


def _run(vivado: Vivado, project: Project, run: Run, to_step: str) -> None:
    session = vivado.session
    session.say("\n*** Running vivado")
    session.say(f"    with args -log {project.top}.vds -m64 -product Vivado -mode batch\n")
    try:
        if run.name.startswith("synth"):
            _synthesise(vivado, project)
            run.status = "synth_design Complete!"
        else:
            _implement(vivado, project, to_step)
            late = "!" if float(project.properties["fake_wns"]) >= 0 else ", Failed Timing!"
            run.status = f"{to_step or 'route_design'} Complete{late}"
        run.progress = "100%"
    except (TclFailure, ToolStop):
        run.status = "ERROR"
        raise
    finally:
        project.save()


def subject_of(project: Project, version: str, state: str, wns: float = 0.5) -> Subject:
    return Subject(
        project.top or project.design,
        project.part,
        version,
        state,
        project.size,
        project.clock_mhz,
        wns,
    )


def _synthesise(vivado: Vivado, project: Project) -> None:
    session = vivado.session
    session.say(f"Command: synth_design -top {project.top} -part {project.part}")
    session.say("Starting synth_design")
    session.step("synthesis", 120)
    session.say("INFO: [Common 17-349] Got license for feature 'Synthesis' and/or device 'xc7z020'")
    for line in _SYNTHESIS:
        session.say("-" * 81)
        session.say(line)
        session.say("-" * 81)
        session.take(20)
    folder = project.run_folder("synth_1")
    subject = subject_of(project, session.version, "Synthesized")
    name = project.top
    (folder / f"{name}.dcp").write_bytes(f"checkpoint {project.size}\n".encode())
    report = f"{name}_utilization_synth.rpt"
    (folder / report).write_text(
        report_texts.utilization(subject, f"report_utilization -file {report}")
    )
    session.say("Synthesis finished with 0 errors, 0 critical warnings and 12 warnings.")
    session.say("synth_design completed successfully")


def _implement(vivado: Vivado, project: Project, to_step: str) -> None:
    session = vivado.session
    folder, name = project.run_folder("impl_1"), project.top
    if not (project.run_folder("synth_1") / f"{name}.dcp").exists():
        session.error("[Common 17-69] Command failed: Run 'synth_1' has not been run")
    if not (folder / f"{name}_routed.dcp").exists():
        _place_and_route(vivado, project)
    if to_step == "write_bitstream":
        session.say(f"Command: write_bitstream -force {name}.bit")
        session.step("bitstream", 20)
        if not session.spoil("missing_output"):
            (folder / f"{name}.bit").write_bytes(bitstream_of(project))
        session.say("Bitgen Completed Successfully.")


def bitstream_of(project: Project) -> bytes:
    return f"bitstream of {project.top} for {project.part}: {project.size}\n".encode() * 40


def _place_and_route(vivado: Vivado, project: Project) -> None:
    session = vivado.session
    folder, name = project.run_folder("impl_1"), project.top
    session.say("Command: opt_design")
    session.say("Starting Logic Optimization Task")
    session.say("Phase 1 Retarget")
    session.say("Command: place_design")
    session.say("Running DRC as a precondition to command place_design")
    session.step("placement", 60)
    _fit(vivado, project)
    session.say("Starting Placer Task")
    for line in _PLACEMENT:
        session.say(line)
        session.take(10)
    (folder / f"{name}_placed.dcp").write_bytes(b"placed\n")
    session.say("Command: route_design")
    session.say("Starting Routing Task")
    session.step("routing", 60)
    for line in _ROUTING:
        session.say(line)
        session.take(10)
    missed = session.spoil("timing")
    project.properties["fake_wns"] = str(missed["wns"]) if missed else "0.437"
    if missed:
        session.say(
            "CRITICAL WARNING: [Timing 38-282] The design failed to meet the timing requirements."
        )
    (folder / f"{name}_routed.dcp").write_bytes(b"routed\n")
    session.say("Router Completed Successfully")


def _fit(vivado: Vivado, project: Project) -> None:
    session = vivado.session
    short = report_texts.excesses(project.size, project.part)
    forced = session.spoil("no_fit")
    if forced:
        short = [(forced["resource"], forced["needed"], forced["available"])]
        if forced.get("slices"):
            session.error(
                "[Place 30-487] The packing of instances into the device could not be obeyed. "
                f"There are a total of {forced['available']} slices in the device, of which "
                f"{forced['available']} slices are available, however, the unplaced instances "
                f"require {forced['needed']} slices. Please analyze your design"
            )
    for cells, needed, room in short:
        session.say(
            f"ERROR: [DRC UTLZ-1] Resource utilization: {cells} over-utilized in Top Level Design "
            f"(This design requires more {cells} cells than are available in the target device. "
            f"This design requires {needed} of such cell types but only {room} compatible sites are"
            " available in the target device. Please analyze your synthesis results and constraints"
            " to ensure the design is mapped to Xilinx primitives as expected.)"
        )
    if short:
        session.say("INFO: [Vivado_Tcl 4-198] DRC finished with 1 Errors")
        session.error("[Vivado_Tcl 4-23] Error(s) found during DRC. Placer not run.")


def write_hand_off(vivado: Vivado, project: Project) -> None:
    """The hardware hand-off of the block design: where each register block lies."""
    design = vivado.design.open
    if design is None:
        return
    path = project.design_folder(True, vivado.session.version) / "hw_handoff" / f"{design.name}.hwh"
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = "\n".join(
        f'    <MODULE FULLNAME="{name}" INSTANCE="{name[1:]}" '
        f'VLNV="{cell.block.vlnv if cell.block else ""}"/>'
        for name, cell in design.cells.items()
    )
    ranges = "\n".join(
        f'    <MEMRANGE INSTANCE="{segment.split("/")[1]}" BASEVALUE="{place["offset"]}" '
        f'RANGE="{place["range"]}"/>'
        for segment, place in design.segments.items()
    )
    path.write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<EDKSYSTEM TIMESTAMP="{time.ctime()}">\n'
        f'  <SYSTEMINFO ARCH="zynq" NAME="{design.name}" DEVICE="{project.part}"/>\n'
        f"  <MODULES>\n{cells}\n  </MODULES>\n  <MEMORYMAP>\n{ranges}\n  </MEMORYMAP>\n"
        "</EDKSYSTEM>\n"
    )
