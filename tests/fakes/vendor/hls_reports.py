"""The csynth reports of HLS, as XML and as text."""

from __future__ import annotations

from report_texts import capacity
from session import Session

#: UltraRAMs of devices that have any.
_URAMS = {
    "xczu7ev": 96,
    "xczu28dr": 80,
    "xczu48dr": 80,
    "xck26": 64,
    "xcu50": 640,
    "xcu200": 960,
    "xcu250": 1280,
    "xcu280": 960,
    "xcu55c": 960,
}


def _urams(part: str) -> int:
    return next((count for name, count in _URAMS.items() if part.lower().startswith(name)), 0)


def _figures(size: dict[str, int], part: str) -> tuple[dict[str, int], dict[str, int]]:
    luts, _, registers, tiles, dsps = capacity(part)
    used = {
        "BRAM_18K": size["bram18"],
        "DSP": size["dsp"],
        "FF": size["ff"],
        "LUT": size["lut_as_logic"] + size["lutram"],
        "URAM": 0,
    }
    room = {"BRAM_18K": tiles * 2, "DSP": dsps, "FF": registers, "LUT": luts}
    room["URAM"] = _urams(part)
    return used, room


def _names(session: Session, figures: dict[str, int]) -> dict[str, int]:
    """Vivado HLS counts DSP48E, Vitis HLS DSP."""
    old = session.tool == "vivado_hls"
    return {"DSP48E" if old and name == "DSP" else name: value for name, value in figures.items()}


def csynth_xml(session: Session, top: str, part: str, period: float, size: dict[str, int]) -> str:
    used, room = _figures(size, part)

    def rows(figures: dict[str, int]) -> str:
        return "\n".join(
            f"<{name}>{value}</{name}>" for name, value in _names(session, figures).items()
        )

    cycles = 1000 + size["ff"]
    return f"""<profile>

<ReportVersion>
<Version>{session.version}</Version>
</ReportVersion>

<UserAssignments>
<unit>ns</unit>
<ProductFamily>zynq</ProductFamily>
<Part>{part}</Part>
<TopModelName>{top}</TopModelName>
<TargetClockPeriod>{period:.2f}</TargetClockPeriod>
<ClockUncertainty>{period * 0.27:.2f}</ClockUncertainty>
</UserAssignments>

<PerformanceEstimates>
<PipelineType>dataflow</PipelineType>
<SummaryOfTimingAnalysis>
<unit>ns</unit>
<EstimatedClockPeriod>{period * 0.7:.3f}</EstimatedClockPeriod>
</SummaryOfTimingAnalysis>
<SummaryOfOverallLatency>
<unit>clock cycles</unit>
<Best-caseLatency>{cycles}</Best-caseLatency>
<Average-caseLatency>{cycles}</Average-caseLatency>
<Worst-caseLatency>{cycles}</Worst-caseLatency>
<Interval-min>{cycles}</Interval-min>
<Interval-max>{cycles}</Interval-max>
</SummaryOfOverallLatency>
</PerformanceEstimates>

<AreaEstimates>
<Resources>
{rows(used)}
</Resources>
<AvailableResources>
{rows(room)}
</AvailableResources>
</AreaEstimates>
</profile>
"""


def csynth_rpt(session: Session, top: str, part: str, period: float, size: dict[str, int]) -> str:
    used, room = _figures(size, part)
    names = list(_names(session, used))
    cells = " | ".join(f"{name:>8}" for name in names)
    rule = "+-----------------+" + "+".join("-" * 10 for _ in names) + "+"

    def row(title: str, figures: dict[str, int]) -> str:
        return f"|{title:<17}| " + " | ".join(f"{value:>8}" for value in figures.values()) + " |"

    return f"""

================================================================
== Vitis HLS Report for '{top}'
================================================================
* Date:           Fri Oct 14 04:59:54 2022

* Version:        {session.version}
* Project:        {top}
* Solution:       sol1 (Vivado IP Flow Target)
* Product family: zynq
* Target device:  {part}


================================================================
== Utilization Estimates
================================================================
* Summary:
{rule}
|       Name      | {cells} |
{rule}
{row("Total", used)}
{rule}
{row("Available", room)}
{rule}
"""
