"""A report that a build has just had written: read, and held against what it should be of."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from dse.errors import ReportError
from finn_flows.vendor.failure import FailureKind, ToolError
from reports.readers.read_report import read_report
from reports.readers.records import HlsReport, PowerReport, TimingReport, UtilizationReport
from reports.utilization import Scope

Kind = TypeVar("Kind", UtilizationReport, TimingReport, PowerReport, HlsReport)


def read_checked(
    file: Path, kind: type[Kind], *, step: str, design: str | None, device: str
) -> Kind:
    """The one report in ``file``, with the shell. ToolError (damaged result) of ``step`` for one
    that is not there, cut short, not a ``kind``, or of another design or device.

    ``design``: None where its name is not known beforehand.
    """

    def damaged(what: str) -> ToolError:
        return ToolError(step, FailureKind.DAMAGED_RESULT, f"{file.name} {what}", log=file)

    try:
        reports = read_report(file, Scope.WITH_SHELL)
    except ReportError as error:
        raise ToolError(step, FailureKind.DAMAGED_RESULT, str(error)) from error
    report = reports[0]
    if len(reports) != 1 or not isinstance(report, kind):
        raise damaged(f"is not one {kind.__name__}")
    said = report.provenance
    if design is not None and said.design not in (None, design):
        raise damaged(f"is of design {said.design}, not of {design}")
    if not _same_device(said.device, device):
        raise damaged(f"is for {said.device}, not for {device}")
    return report


def _same_device(said: str, device: str) -> bool:
    """Reports leave out hyphens and the xc, and some of them speed and temperature grades."""
    plain, expected = (name.lower().removeprefix("xc").replace("-", "") for name in (said, device))
    return bool(plain) and expected.startswith(plain)
