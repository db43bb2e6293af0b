"""What is reported of a card: kernels synthesised, the whole card placed, its clock as linked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from finn_flows.vendor.checked_report import read_checked
from finn_flows.vendor.failure import FailureKind, ToolError
from finn_flows.vivado.implementation_reports import (
    PLACED,
    POWER,
    TIMING,
    ImplementationReports,
)
from reports.readers.records import PowerReport, TimingReport, UtilizationReport
from reports.utilization import Scope, Stage, total

#: Where v++ leaves Vivado's project of what it linked, below its folder.
LINKED_PROJECT = Path("_x/link/vivado/vpl/prj/prj.xpr")
_KERNEL = "kernel_{}_utilization.rpt"
_STEP = "reports"
#: In a file .xclbin.info: ``Name: ulp_ucs_aclk_kernel_00``, then ``Achieved Freq: 345 MHz``. The
#: first kernel clock is what --kernel_frequency asks for; the table "Clocks" has defaults.
_CLOCK_NAME = re.compile(r"^\s*Name:\s*(\S+)\s*$")
_ACHIEVED = re.compile(r"^\s*Achieved Freq:\s*([\d.]+)\s*MHz\s*$")
_KERNEL_CLOCK = "kernel_00"


def card_report_names(kernels: Mapping[str, Path], *, placed: bool) -> list[str]:
    """The files that the script of :func:`card_report_script` writes."""
    return [*map(_KERNEL.format, kernels), *([PLACED, TIMING, POWER] if placed else [])]


def card_report_script(
    kernels: Mapping[str, Path], linked: Path, folder: Path, *, placed: bool
) -> str:
    """Tcl for Vivado in batch mode: reports of each kernel's synthesis and of the linked card.

    ``kernels``: Vivado's project by the kernel's name; ``linked``: what v++ linked.
    """
    lines = []
    for name, project in kernels.items():
        lines += [
            f"open_project {{{project}}}",
            "open_run synth_1 -name synthesised",
            f"report_utilization -file {{{folder / _KERNEL.format(name)}}}",
            "close_design",
            "close_project",
        ]
    if placed:
        lines += [
            f"open_project {{{linked}}}",
            "open_run impl_1 -name implemented",
            f"report_utilization -file {{{folder / PLACED}}}",
            f"report_timing_summary -file {{{folder / TIMING}}}",
            f"report_power -file {{{folder / POWER}}}",
            "close_design",
            "close_project",
        ]
    return "\n".join([*lines, "exit", ""])


def read_card_reports(folder: Path, device: str, *, placed: bool) -> ImplementationReports:
    """The reports in ``folder``. Synthesis is the sum of the kernels, out of context: layers and
    DMA without the platform. What is placed is the whole device, platform included.

    ToolError (damaged result) for one that is cut short, not what it should be, or of another
    device, kernel or state, and where those of the card are not of one design.
    """
    kernels = []
    for file in sorted(folder.glob(_KERNEL.format("*"))):
        name = file.name.removeprefix("kernel_").removesuffix("_utilization.rpt")
        design = f"{name}_wrapper"
        report = read_checked(file, UtilizationReport, step=_STEP, design=design, device=device)
        _check_stage(file, report, Stage.SYNTHESISED)
        kernels.append(report)
    if not kernels:
        raise _damaged(folder, "has no report of a kernel")
    sum_of_kernels = total(
        [replace(report.utilization, scope=Scope.OUT_OF_CONTEXT) for report in kernels]
    )
    synthesised = replace(kernels[0], utilization=sum_of_kernels, bram18=None)
    if not placed:
        return ImplementationReports(synthesised, None, None, None)
    whole = read_checked(folder / PLACED, UtilizationReport, step=_STEP, design=None, device=device)
    _check_stage(folder / PLACED, whole, Stage.PLACED)
    # A platform names the design around the kernels as it likes.
    top = whole.provenance.design
    timing = read_checked(folder / TIMING, TimingReport, step=_STEP, design=top, device=device)
    power = read_checked(folder / POWER, PowerReport, step=_STEP, design=top, device=device)
    return ImplementationReports(synthesised, whole, timing, power)


def achieved_mhz(information: Path) -> float | None:
    """The kernels' clock that v++ linked for, of the text beside an xclbin; None: it is not said.

    v++ lowers it where timing is not met for the one that it was asked for.
    """
    try:
        lines = information.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return None
    ours = False
    for line in lines:
        if name := _CLOCK_NAME.match(line):
            ours = name[1].endswith(_KERNEL_CLOCK)
        elif ours and (found := _ACHIEVED.match(line)):
            return float(found[1])
    return None


def _check_stage(file: Path, report: UtilizationReport, stage: Stage) -> None:
    found = report.utilization.stage
    if found is not stage:
        raise _damaged(file, f"is of a design {found.value}, not {stage.value}")


def _damaged(file: Path, what: str) -> ToolError:
    return ToolError(_STEP, FailureKind.DAMAGED_RESULT, f"{file.name} {what}", log=file)
