"""What reports of tools say, on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dse.errors import InputError
from reports.devices import device_of
from reports.readers.records import (
    HlsReport,
    PowerReport,
    Report,
    TimingReport,
    UtilizationReport,
)

if TYPE_CHECKING:
    from rich.console import Console

_NAMES = {
    "lut": "LUT",
    "lut_as_logic": "LUT as logic",
    "lutram": "LUTRAM",
    "ff": "FF",
    "bram": "BRAM (36 Kb)",
    "dsp": "DSP",
    "uram": "URAM",
}


def print_reports(reports: Sequence[Report], console: Console) -> None:
    """A table for each report; what it does not say is a dash. Percentages are computed."""
    from rich.table import Table
    from rich.text import Text

    for report in reports:
        provenance = report.provenance
        title = " · ".join(
            filter(
                None,
                (
                    provenance.kind.value,
                    f"{provenance.tool} {provenance.tool_version}",
                    provenance.device,
                    provenance.design,
                    provenance.state,
                ),
            )
        )
        place = f"{provenance.file}:{provenance.line}"
        console.print(Text(place, style="bold"), soft_wrap=True)
        console.print(Text(title))
        if isinstance(report, UtilizationReport | HlsReport):
            table = Table("Resource")
            for heading in ("Used", "Available", "%"):
                table.add_column(heading, justify="right")
            for row in _utilization_rows(report):
                table.add_row(*row)
        else:
            table = Table("Quantity")
            table.add_column("Value", justify="right")
        for name, value, unit in _quantities(report):
            cells = [name, _number(value) + (f" {unit}" if value is not None and unit else "")]
            table.add_row(*cells)
        console.print(table)


def _utilization_rows(report: UtilizationReport | HlsReport) -> list[list[str]]:
    rows = []
    try:
        capacity = device_of(report.provenance.device).available()
    except InputError:
        capacity = {}
    for name, used in report.utilization.resources().items():
        room = report.available[name]
        of = capacity.get(name) or room
        share = "–" if used is None or not of else f"{100 * used / of:.2f}"
        rows.append([_NAMES[name], _number(used), _number(room), share])
    return rows


def _quantities(report: Report) -> list[tuple[str, float | None, str]]:
    if isinstance(report, TimingReport):
        names = ("wns", "tns", "whs", "ths")
        return [(name.upper(), getattr(report, name), "ns") for name in names]
    if isinstance(report, PowerReport):
        return [
            ("Total on-chip", report.total, "W"),
            ("Dynamic", report.dynamic, "W"),
            ("Device static", report.static, "W"),
        ]
    if isinstance(report, HlsReport):
        return [
            ("Latency, best", report.latency_best, "cycles"),
            ("Latency, worst", report.latency_worst, "cycles"),
            ("Interval, least", report.interval_min, "cycles"),
            ("Interval, greatest", report.interval_max, "cycles"),
            ("Clock, target", report.target_clock_ns, "ns"),
            ("Clock, estimated", report.estimated_clock_ns, "ns"),
        ]
    return []


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.10g}"
