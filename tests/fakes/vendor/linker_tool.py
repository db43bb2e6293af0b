"""The fake ``v++``: links kernels into a platform, or compiles one; refuses what does not fit."""

from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path
from typing import NoReturn

import ip
import report_texts
import runs
from link_configuration import Kernel, LinkConfiguration, LinkError, read_configuration
from project import Project, Run
from session import Session, ToolStop
from tcl_shell import options

_FLAGS = ("link", "l", "compile", "c", "g", "s", "save-temps")
_KNOWN = {
    *_FLAGS,
    *("t", "target", "f", "platform", "o", "output", "config", "optimize", "O", "report_level"),
    *("kernel_frequency", "jobs", "j", "temp_dir", "log_dir", "kernel", "k"),
}
#: What a platform is made for, and what its memory is; of DDR the number of banks.
_CARDS = {
    "u250": ("xcu250-figd2104-2L-e", {"DDR": 4, "PLRAM": 4, "HOST": 1}),
    "u55c": ("xcu55c-fsvh2892-2L-e", {"HBM": 32, "PLRAM": 6, "HOST": 1}),
}
#: Platforms take some of the device for themselves.
_SHELL = {"lut_as_logic": 101000, "lutram": 16000, "ff": 163000, "bram18": 410, "dsp": 10}
_TOP = "level0_wrapper"
_MOST_MHZ = 650


def run_linker(session: Session) -> None:
    """``v++ --link|--compile --platform P -o out inputs…``. Raises ToolStop, TclFailure."""
    words = [
        word.lstrip("-") and f"-{word.lstrip('-')}" if word.startswith("-") else word
        for word in session.arguments
    ]
    given, inputs = options(tuple(words), *_FLAGS)
    linking = bool({"link", "l"} & set(given))
    output = given.get("o") or given.get("output") or ("a.xclbin" if linking else None)
    if output is None or not (linking or {"compile", "c"} & set(given)):
        _refuse(session, "[v++ 60-602] Neither --compile nor --link, or no --output")
    if unknown := sorted(set(given) - _KNOWN):
        _refuse(session, f"[v++ 82-1531] unrecognised option '--{unknown[0]}'")
    for name in inputs:
        if not Path(name).is_file():
            _refuse(session, f"[v++ 60-600] Kernel file does not exist: {name}")
    session.design = Path(output).stem
    session.say(f"****** v++ v{session.version} (64-bit)")
    session.step("start")
    if linking:
        _link(session, given, [Path(name) for name in inputs], Path(output))
    else:
        session.step("synthesis", 60)
        Path(output).write_bytes(b"".join(Path(name).read_bytes() for name in inputs))
    session.say(f"INFO: [v++ 60-586] Created {output}")


def _refuse(session: Session, text: str) -> NoReturn:
    session.say(f"ERROR: {text}")
    raise ToolStop(1)


def _link(session: Session, given: dict[str, str], inputs: list[Path], output: Path) -> None:
    part, memory = _platform(session, given)
    frequency = given.get("kernel_frequency", "")
    if not frequency.isdecimal() or not 0 < int(frequency) <= _MOST_MHZ:
        _refuse(session, f"[v++ 60-1308] --kernel_frequency {frequency}: whole MHz are expected")
    kernels = {}
    for path in inputs:
        kernel = _kernel(session, path)
        kernels[kernel.name] = kernel
    try:
        link = read_configuration(Path(given.get("config", "")))
        link.check(kernels, memory)
    except (LinkError, OSError) as error:
        _refuse(session, f"[CFGEN 83-2284] {error}")
    session.record("link", nk=link.nk, sc=link.sc, sp=link.sp, mhz=int(frequency), part=part)
    size = ip.total_size([_SHELL, *(kernels[kernel].size for kernel, _ in link.nk)])
    folder = Path("_x/link/vivado/vpl/prj").absolute()
    project = Project("prj", str(folder), part, top=_TOP, design="ulp", size=size)
    project.clock_mhz = float(frequency)
    project.runs = {name: Run(name) for name in ("my_rm_synth_1", "impl_1")}
    for name in project.runs:
        project.run_folder(name).mkdir(parents=True, exist_ok=True)
    achieved = _implement(session, project)
    project.save()
    if session.spoil("missing_output"):
        return
    _write(output, link, inputs, project, achieved)


def _platform(session: Session, given: dict[str, str]) -> tuple[str, dict[str, int]]:
    """The device and the memory of the platform asked for."""
    name = given.get("platform", given.get("f", ""))
    folders = os.environ.get("PLATFORM_REPO_PATHS", "").split(os.pathsep)
    if not Path(name).is_file() and not any(
        Path(folder, name, f"{name}.xpfm").is_file() for folder in folders
    ):
        _refuse(session, f"[v++ 60-1258] No valid platform was found that matches '{name}'.")
    if given.get("target", given.get("t")) not in ("hw", None):
        _refuse(session, "[v++ 60-1200] the fake builds hardware only")
    session.say(f"INFO: [v++ 60-629] Linking for hardware target\n\tTarget platform: {name}")
    return next(facts for card, facts in _CARDS.items() if card in Path(name).stem)


def _kernel(session: Session, path: Path) -> Kernel:
    try:
        with zipfile.ZipFile(path) as archive:
            (name,) = archive.namelist()
            component = path.with_suffix(".xo.component")
            component.write_bytes(archive.read(name))
        block = ip.read_component(component)
        component.unlink()
    except (zipfile.BadZipFile, ValueError):
        _refuse(session, f"[v++ 60-661] v++ link run: {path} is no kernel")
    return Kernel(block.name, {bus.name: bus for bus in block.buses}, block.size)


def _implement(session: Session, project: Project) -> float:
    """Synthesis to bitstream, with the log of a real one; the kernels' clock in MHz."""

    def said(text: str) -> None:
        session.say(f"[{session.now()[11:19]}] {text}")

    for step in ("config_hw_emu.gen_scripts", "system_link", "cf2sw", "vpl"):
        said(f"Run run_link: Step {step}: Started")
    for step in ("create_project", "create_bd", "update_bd", "generate_target"):
        said(f"Run vpl: Step {step}: Completed")
    said("Run vpl: Step synth: Started")
    session.step("synthesis", 1200)
    project.runs["my_rm_synth_1"].progress = "100%"
    said("Run vpl: Step synth: Completed")
    said("Run vpl: Step impl: Started")
    said("Starting logic optimization..")
    said("Starting logic placement..")
    session.step("placement", 1800)
    _fit(session, project)
    said("Starting logic routing..")
    session.step("routing", 3600)
    achieved, missed = project.clock_mhz, session.spoil("timing")
    if session.spoil("system_clock"):
        said("Run vpl: Step impl: Failed")
        _fail(
            session,
            project,
            "[VPL 101-2] design did not meet timing - Design did not meet timing. One or more "
            "unscalable system clocks did not meet their required target frequency. For all system "
            "clocks, this design is using 0 nanoseconds as the threshold worst negative slack "
            "(WNS) value. List of system clocks with timing failure:",
        )
    if missed:
        wns = float(missed["wns"])
        achieved = round(1000 / (1000 / project.clock_mhz - wns), 1)
        project.properties["fake_wns"] = str(wns)
        session.say(
            "WARNING: [VPL-1] design did not meet timing: the kernel clock was automatically "
            f"changed from {project.clock_mhz:g} MHz to {achieved:g} MHz"
        )
    said("Starting bitstream generation..")
    session.step("bitstream", 900)
    said("Run vpl: Step impl: Completed")
    project.runs["impl_1"].progress = "100%"
    (project.run_folder("impl_1") / "runme.log").write_text("*** Running vivado\n")
    return achieved


def _fit(session: Session, project: Project) -> None:
    short = report_texts.excesses(project.size, project.part)
    if forced := session.spoil("no_fit"):
        short = [(forced["resource"], forced["needed"], forced["available"])]
    if not short:
        return
    cells, needed, room = short[0]
    _fail(
        session,
        project,
        f"[VPL UTLZ-1] Resource utilization: {cells} over-utilized in Top Level Design (This "
        f"design requires more {cells} cells than are available in the target device. This design "
        f"requires {needed} of such cell types but only {room} compatible sites are available in "
        "the target device.)",
    )


def _fail(session: Session, project: Project, text: str) -> NoReturn:
    log = project.run_folder("impl_1") / "runme.log"
    session.say(
        "===>The following messages were generated while  Compiling (bitstream) accelerator "
        f"binary: {session.design} Log file: {log}  :"
    )
    session.say(f"ERROR: {text}")
    session.say(
        f"ERROR: [VPL 60-773] In '{project.folder.parent}/runme.log', caught Tcl error:  problem "
        f"implementing dynamic region, impl_1: place_design ERROR, please look at '{log}'"
    )
    session.say("ERROR: [VPL 60-806] Failed to finish platform linker")
    session.say("ERROR: [v++ 60-661] v++ link run 'run_link' failed")
    session.say("ERROR: [v++ 60-703] Failed to finish linking")
    project.save()
    raise ToolStop(1)


def _write(
    output: Path, link: LinkConfiguration, inputs: list[Path], project: Project, achieved: float
) -> None:
    output.write_bytes(b"xclbin2\0" + b"".join(path.read_bytes() for path in inputs))
    Path(f"{output}.link_summary").write_text("{}\n")
    units = "\n".join(f"Instance:        {unit}" for _, unit in link.nk)
    Path(f"{output}.info").write_text(
        "Clocks\n------\n   Name:      DATA_CLK\n   Index:     0\n   Type:      DATA\n"
        "   Frequency: 300 MHz\n\nSystem Clocks\n-------------\n"
        "   Name:           ulp_ucs_aclk_kernel_01\n   Type:           SCALABLE\n"
        "   Default Freq:   500 MHz\n   Requested Freq: 500 MHz\n   Achieved Freq:  500 MHz\n\n"
        "   Name:           ulp_ucs_aclk_kernel_00\n   Type:           SCALABLE\n"
        f"   Default Freq:   300 MHz\n   Requested Freq: {project.clock_mhz:g} MHz\n"
        f"   Achieved Freq:  {achieved:g} MHz\n\n{units}\n"
    )
    subject = runs.subject_of(project, "2022.2", "Routed")
    name = f"{_TOP}_utilization_placed.rpt"
    (project.run_folder("impl_1") / name).write_text(
        report_texts.utilization(subject, f"report_utilization -file {name}")
    )
    sys.stdout.flush()
