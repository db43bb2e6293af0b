"""What the readers of tool reports return: typed records, each saying where its numbers come from.

Unknown is None, never 0. Nothing here is a percentage: those are computed from counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from reports.utilization import Utilization


class ReportKind(StrEnum):
    """The kinds of report that can be read."""

    UTILIZATION = "utilization"
    HIERARCHY = "utilization by hierarchy"
    ACCELERATOR = "accelerator utilization"
    TIMING = "timing summary"
    POWER = "power"
    HLS = "hls synthesis"


@dataclass(frozen=True)
class Provenance:
    """Where a report comes from, as it says itself.

    ``line``: the line of ``file`` it starts on, from 1. ``state`` is the design state in the tool's
    words (``Fully Placed``), ``command`` the Tcl command that wrote it, ``date`` as printed; each
    None where the report does not say.
    """

    file: str
    line: int
    kind: ReportKind
    tool: str
    tool_version: str
    device: str
    design: str | None
    state: str | None
    command: str | None
    date: str | None


@dataclass(frozen=True)
class HierarchyRow:
    """One instance of a hierarchical report; ``depth`` 0 is the top.

    ``utilization`` counts the instance with everything below it; the rows that Vivado puts in
    parentheses count an instance without its children, and have ``own`` True.
    """

    instance: str
    module: str
    depth: int
    own: bool
    utilization: Utilization


@dataclass(frozen=True)
class UtilizationReport:
    """``report_utilization``, flat or hierarchical, or ``report_accelerator_utilization``.

    ``available``: how many of each resource the report says there are (of the device, or of the
    pblock if the command asked for one), None where it does not say. ``hierarchy``: the rows of a
    hierarchical report, the kernels and their instances of an accelerator report, else empty.
    An accelerator report counts the user's kernels, not the platform, and rounds half tiles down.
    ``bram18``: the RAMB18 among ``utilization.bram``, each half a tile of it.
    """

    provenance: Provenance
    utilization: Utilization
    available: Mapping[str, float | None]
    bram18: float | None = None
    hierarchy: tuple[HierarchyRow, ...] = ()


@dataclass(frozen=True)
class TimingReport:
    """``report_timing_summary``: nanoseconds; negative slack is a violation.

    Each is None where the design has no such constrained path (``NA``). ``clocks``: the name and
    the MHz of each clock in the summary of clocks; empty where there is none.
    """

    provenance: Provenance
    wns: float | None
    tns: float | None
    whs: float | None
    ths: float | None
    clocks: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class PowerReport:
    """``report_power``: watts. ``confidence`` is the tool's own word for it (``Low``)."""

    provenance: Provenance
    total: float
    dynamic: float | None
    static: float | None
    confidence: str | None


@dataclass(frozen=True)
class HlsReport:
    """The csynth report of Vivado HLS or Vitis HLS: estimates, before any synthesis.

    ``bram18`` counts RAMB18 (``utilization.bram`` is half of it). Latency and interval in clock
    cycles, None where HLS cannot tell (``?``, ``undef``); clock periods in ns.
    """

    provenance: Provenance
    utilization: Utilization
    available: Mapping[str, float | None]
    bram18: float | None
    latency_best: int | None
    latency_worst: int | None
    interval_min: int | None
    interval_max: int | None
    target_clock_ns: float | None
    estimated_clock_ns: float | None


Report = UtilizationReport | TimingReport | PowerReport | HlsReport
