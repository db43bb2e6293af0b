"""What Vivado reports of a finished project: written by a short run of its own, read, checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from finn_flows.vendor.checked_report import Kind, read_checked
from finn_flows.vendor.failure import FailureKind, ToolError
from reports.readers.records import (
    PowerReport,
    TimingReport,
    UtilizationReport,
)
from reports.utilization import Stage

#: What FINN calls its project around a part, and the module around everything in it.
PROJECT, TOP = "finn_zynq_link", "top_wrapper"
SYNTHESISED, PLACED = "synthesised_utilization.rpt", "placed_utilization.rpt"
TIMING, POWER = "timing_summary.rpt", "power.rpt"
_STEP = "reports"


#: How the clock is called that the Clocking Wizard of FINN's shell makes.
_CLOCK = "clk_out1_"


@dataclass(frozen=True)
class ImplementationReports:
    """The reports of a build. After synthesis alone the others are None."""

    synthesised: UtilizationReport
    placed: UtilizationReport | None
    timing: TimingReport | None
    power: PowerReport | None

    @property
    def clock_mhz(self) -> float | None:
        """Of the clock that the shell makes for the part; None if the report does not name it."""
        clocks = () if self.timing is None else self.timing.clocks
        return next((mhz for name, mhz in clocks if name.startswith(_CLOCK)), None)


def report_names(*, placed: bool) -> list[str]:
    """The files that the script of :func:`report_script` writes."""
    return [SYNTHESISED, *([PLACED, TIMING, POWER] if placed else [])]


def report_script(project: Path, folder: Path, *, placed: bool) -> str:
    """Tcl for Vivado in batch mode: opens the project's runs, writes their reports to ``folder``.

    A report that FINN's script has Vivado write is XML of one level of the hierarchy, without
    flip-flops by name, timing or power.
    """
    lines = [
        f"open_project {{{project / f'{PROJECT}.xpr'}}}",
        "open_run synth_1 -name synthesised",
        f"report_utilization -file {{{folder / SYNTHESISED}}}",
        "close_design",
    ]
    if placed:
        lines += [
            "open_run impl_1 -name implemented",
            f"report_utilization -file {{{folder / PLACED}}}",
            f"report_timing_summary -file {{{folder / TIMING}}}",
            f"report_power -file {{{folder / POWER}}}",
            "close_design",
        ]
    return "\n".join([*lines, "close_project", "exit", ""])


def read_implementation_reports(
    folder: Path, device: str, *, placed: bool
) -> ImplementationReports:
    """The reports in ``folder``. ToolError (damaged result) for one that is cut short, not what it
    should be, or of another design, device or state."""
    synthesised = _read(folder / SYNTHESISED, UtilizationReport, device)
    _check_stage(folder / SYNTHESISED, synthesised, Stage.SYNTHESISED)
    if not placed:
        return ImplementationReports(synthesised, None, None, None)
    found = _read(folder / PLACED, UtilizationReport, device)
    _check_stage(folder / PLACED, found, Stage.PLACED)
    return ImplementationReports(
        synthesised,
        found,
        _read(folder / TIMING, TimingReport, device),
        _read(folder / POWER, PowerReport, device),
    )


def _read(file: Path, kind: type[Kind], device: str) -> Kind:
    return read_checked(file, kind, step=_STEP, design=TOP, device=device)


def _check_stage(file: Path, report: UtilizationReport, stage: Stage) -> None:
    found = report.utilization.stage
    if found is not stage:
        raise _damaged(file, f"is of a design {found.value}, not {stage.value}")


def _damaged(file: Path, what: str) -> ToolError:
    return ToolError(_STEP, FailureKind.DAMAGED_RESULT, f"{file.name} {what}", log=file)
