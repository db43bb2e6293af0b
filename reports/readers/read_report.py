"""Reading a report file of any kind, recognised by what it says, not by its name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dse.errors import ReportError
from reports.readers.hls_csynth_rpt import read_csynth_rpt
from reports.readers.hls_csynth_xml import read_csynth_xml
from reports.readers.records import Report, ReportKind
from reports.readers.report_lines import Numbered, open_lines
from reports.readers.report_start import VIVADO, is_start
from reports.readers.vivado_accelerator import read_accelerator
from reports.readers.vivado_header import read_header
from reports.readers.vivado_power import read_power
from reports.readers.vivado_timing import read_timing
from reports.readers.vivado_utilization import read_utilization
from reports.utilization import Scope

#: In one file, so that memory is bounded.
_MOST_REPORTS = 1000


def read_report(path: str | Path, scope: Scope = Scope.WITH_SHELL) -> list[Report]:
    """Every report in the file, in order: several text reports in a row are read one by one.

    Text before the first is skipped. ``scope``: what the design of a utilization report comprises;
    the report does not say (HLS and accelerator reports count the accelerator alone, whatever it
    is). Raises ReportError, naming file and line, for a file that is damaged, incomplete or of
    another kind: a number is right or it is not given.
    """
    where = Path(path)
    lines = open_lines(where)
    reports: list[Report] = []
    report: Report
    following: Numbered | None = None
    for number, line in lines:
        if is_start(line):
            following = (number, line)
            break
        if number == 1 and line.lstrip("\ufeff \t").startswith("<"):
            return [read_csynth_xml(where)]
    while following is not None:
        if not following[1].startswith(VIVADO):
            report, following = read_csynth_rpt(following, lines, where)
        else:
            header = read_header(following, lines, where)
            if header.kind is ReportKind.UTILIZATION:
                report, following = read_utilization(header, lines, scope)
            elif header.kind is ReportKind.TIMING:
                report, following = read_timing(header, lines)
            elif header.kind is ReportKind.POWER:
                report, following = read_power(header, lines)
            else:
                report, following = read_accelerator(header, lines)
        reports.append(report)
        if len(reports) > _MOST_REPORTS:
            raise ReportError(f"over {_MOST_REPORTS} reports in one file", where=where)
    if not reports:
        raise ReportError(
            "not a report that can be read",
            where=where,
            expected="a report of Vivado (report_utilization, report_timing_summary, report_power) "
            "or a csynth report of HLS",
        )
    return reports


def read_reports(
    paths: Iterable[str | Path], scope: Scope = Scope.WITH_SHELL
) -> list[list[Report]]:
    """:func:`read_report` of each path, in their order."""
    return [read_report(path, scope) for path in paths]
