"""Tool reports made up in code: every form the readers know, around numbers that are given.

The forms are Vivado's and HLS'; the designs and their numbers are nobody's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Family = Literal["7-series", "ultrascale", "versal"]

#: Part, and LUT, LUT as memory, FF, tile, DSP and URAM available.
PARTS: dict[Family, tuple[str, tuple[int, int, int, int, int, int | None]]] = {
    "7-series": ("7z020clg400-1", (53200, 17400, 106400, 140, 220, None)),
    "ultrascale": ("xczu7ev-ffvc1156-2-e", (230400, 101760, 460800, 312, 1728, 96)),
    "versal": ("xcvc1902-vsva2197-2MP-e-S", (899840, 449920, 1799680, 967, 1968, 463)),
}


@dataclass(frozen=True)
class Counts:
    """What a made-up design uses."""

    logic: int = 33019
    distributed: int = 4004
    shift: int = 1637
    flops: int = 53466
    latches: int = 0
    ramb36: int = 72
    ramb18: int = 5
    dsp: int = 134
    uram: int = 7

    @property
    def lutram(self) -> int:
        return self.distributed + self.shift

    @property
    def lut(self) -> int:
        return self.logic + self.lutram

    @property
    def ff(self) -> int:
        return self.flops + self.latches

    @property
    def bram(self) -> float:
        return self.ramb36 + self.ramb18 / 2


@dataclass(frozen=True)
class Form:
    """How a flat utilization report is laid out."""

    family: Family = "7-series"
    version: str = "2018.3"
    state: str = "Fully Placed"
    fixed: str = "Fixed"  # before 2014: Loced
    prohibited: bool = False  # since 2021.1, in front of Available
    star: bool = False  # row names with a footnote
    distribution: bool = True  # a second table that repeats row names, and moves the sections
    slr: bool = False
    uram: bool = True  # False: no such row, as in old versions
    command: str = "report_utilization -file top_utilization.rpt -pb top_utilization.pb"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """A Vivado table: ``left`` columns to the left, the others to the right."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    rule = "+" + "".join("-" * (width + 2) + "+" for width in widths) + "\n"

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "".join(f"| {cell} " for cell in padded) + "|\n"

    return rule + line(header) + rule + "".join(map(line, rows)) + rule


def box(title: str, fields: dict[str, str]) -> str:
    """The head of a Vivado report, with its title."""
    width = max(map(len, fields))
    rule = "-" * (width + 6 + max(map(len, fields.values()))) + "\n"
    lines = "".join(f"| {name.ljust(width)} : {value}\n" for name, value in fields.items())
    start = "Copyright 1986-2018 Xilinx, Inc. All Rights Reserved.\n"
    return start + rule + lines + rule + f"\n{title}\n\n"


def head(version: str, device: str, command: str, state: str | None) -> dict[str, str]:
    fields = {
        "Tool Version": f"Vivado v.{version} (lin64) Build 2405991 Thu Dec  6 23:36:41 MST 2018",
        "Date": "Sat Jun 13 10:50:17 2020",
        "Host": "bench running 64-bit Ubuntu 18.04.4 LTS",
        "Command": command,
        "Design": "top",
        "Device": device,
    }
    return fields if state is None else fields | {"Design State": state}


def share(used: float, available: float) -> str:
    exact = 100 * used / available
    return "<0.01" if 0 < exact < 0.01 else f"{exact:.2f}"


def number(value: float) -> str:
    return f"{value:g}" if value < 1e6 else str(int(value))


def sections(parts: Sequence[tuple[str, str]]) -> str:
    """Sections with numbers and underlines, behind a table of contents."""
    titles = [f"{i}. {title}" for i, (title, _) in enumerate(parts, 1)]
    text = "Table of Contents\n-----------------\n" + "".join(f"{title}\n" for title in titles)
    for title, (_, body) in zip(titles, parts, strict=True):
        text += f"\n{title}\n{'-' * len(title)}\n\n{body}\n"
    return text + "\n"


def flat(counts: Counts | None = None, form: Form | None = None) -> str:
    """``report_utilization``."""
    counts, form = counts or Counts(), form or Form()
    device, available = PARTS[form.family]
    luts, memory, registers, tiles, dsps, urams = available
    header = ["Site Type", "Used", form.fixed, "Available", "Util%"]
    if form.prohibited:
        header.insert(3, "Prohibited")
    star = "*" if form.star else ""

    def row(name: str, used: float, room: float | None, depth: int = 0) -> list[str]:
        cells = ["  " * depth + name, number(used), "0"]
        cells += ["0"] * form.prohibited
        return [*cells, "", ""] if room is None else [*cells, number(room), share(used, room)]

    def resources(rows: list[list[str]]) -> str:
        return table(header, rows)

    lut_rows = [
        row(("Slice LUTs" if form.family == "7-series" else "CLB LUTs") + star, counts.lut, luts),
        row("LUT as Logic", counts.logic, luts, 1),
        row("LUT as Memory", counts.lutram, memory, 1),
        row("LUT as Distributed RAM", counts.distributed, None, 2),
        row("LUT as Shift Register", counts.shift, None, 2),
    ]
    names = {"7-series": "Slice Registers", "ultrascale": "CLB Registers", "versal": "Registers"}
    register_rows = [
        row(names[form.family], counts.ff, registers),
        row("Register as Flip Flop", counts.flops, registers, 1),
        row("Register as Latch", counts.latches, registers, 1),
    ]
    logic = [*lut_rows, *register_rows, row("F7 Muxes", 316, luts / 2)]
    if form.family == "versal":
        logic = [*register_rows, *lut_rows]
    distribution = [
        row("Slice" if form.family == "7-series" else "CLB", 7913, luts / 4),
        row("LUT as Logic", counts.logic, luts),
        row("using O5 output only", 721, None, 1),
        row("using O6 output only", 3, None, 1),
        row("LUT as Memory", counts.lutram, memory),
        row("LUT as Distributed RAM", counts.distributed, None, 1),
        row("using O5 output only", 12, None, 2),
    ]
    memories = [
        row("Block RAM Tile", counts.bram, tiles),
        row("RAMB36/FIFO*", counts.ramb36, tiles, 1),
        row("RAMB36E1 only", counts.ramb36, None, 2),
        row("RAMB18", counts.ramb18, 2 * tiles, 1),
        row("RAMB18E1 only", counts.ramb18, None, 2),
    ]
    if form.uram and urams is not None:
        memories.append(row("URAM", counts.uram, urams))
    arithmetic = [
        row("DSP Slices" if form.family == "versal" else "DSPs", counts.dsp, dsps),
        row("DSP48E1 only", counts.dsp, None, 1),
    ]
    named = {
        "7-series": ("Slice Logic", "Slice Logic Distribution", "Memory", "DSP"),
        "ultrascale": ("CLB Logic", "CLB Logic Distribution", "BLOCKRAM", "ARITHMETIC"),
        "versal": ("Netlist Logic", "CLB Distribution", "BLOCKRAM", "ARITHMETIC"),
    }[form.family]
    parts = [
        (named[0], resources(logic) + "* Warning! LUT value is adjusted.\n"),
        ("Summary of Registers by Type", table(["Total", "Clock Enable"], [["53466", "Yes"]])),
    ]
    if form.distribution:
        parts.append((named[1], resources(distribution)))
    parts += [
        (named[2], resources(memories)),
        (named[3], resources(arithmetic)),
        ("IO and GT Specific", resources([row("Bonded IOB", 21, 200)])),
        ("Primitives", table(["Ref Name", "Used"], [["FDRE", "53466"], ["LUT6", "13661"]])),
        ("Black Boxes", table(["Ref Name", "Used"], [])),
    ]
    if form.slr:
        by_slr = [["CLB LUTs", "11", "12", "0.01", "0.01"], ["DSPs", "3", "4", "0.10", "0.10"]]
        parts.append(
            (
                "SLR CLB Logic and Dedicated Block Utilization",
                table(["Site Type", "SLR0", "SLR1", "SLR0 %", "SLR1 %"], by_slr),
            )
        )
    fields = head(form.version, device, form.command, form.state)
    return box("Utilization Design Information", fields) + sections(parts)


@dataclass(frozen=True)
class Instance:
    """An instance with what it uses by itself, and its children."""

    name: str
    counts: Counts
    children: tuple[Instance, ...] = ()

    def total(self) -> Counts:
        total = self.counts
        for child in self.children:
            below = child.total()
            total = replace(
                total, **{name: getattr(total, name) + getattr(below, name) for name in vars(total)}
            )
        return total


TREE = Instance(
    "top",
    Counts(3, 0, 0, 2083, 0, 0, 0, 0, 0),
    (
        Instance("core", Counts(900, 40, 7, 800, 0, 16, 3, 12, 1)),
        Instance(
            "shell",
            Counts(100, 8, 0, 90, 0, 0, 0, 0, 0),
            (Instance("dma[0].inst", Counts(55, 0, 2, 61, 0, 2, 1, 0, 0)),),
        ),
    ),
)


def hierarchical(
    tree: Instance = TREE,
    dsp: str = "DSP48 Blocks",
    uram: bool = True,
    percentages: bool = False,
    version: str = "2019.2",
) -> str:
    """``report_utilization -hierarchical``."""
    header = ["Instance", "Module", "Total LUTs", "Logic LUTs", "LUTRAMs", "SRLs", "FFs"]
    header += ["RAMB36", "RAMB18", *(["URAM"] if uram else []), dsp]
    rows: list[list[str]] = []

    def add(name: str, module: str, counts: Counts, depth: int) -> None:
        values = [counts.lut, counts.logic, counts.distributed, counts.shift, counts.ff]
        values += [counts.ramb36, counts.ramb18, *([counts.uram] if uram else []), counts.dsp]
        cells = [f"{v}({100 * v / 53200:.2f}%)" if percentages else str(v) for v in values]
        rows.append(["  " * depth + name, module, *cells])

    def walk(instance: Instance, depth: int) -> None:
        module = "(top)" if depth == 0 else f"{instance.name}_module"
        add(instance.name, module, instance.total(), depth)
        if instance.children:
            add(f"({instance.name})", module, instance.counts, depth + 1)
        for child in instance.children:
            walk(child, depth + 1)

    walk(tree, 0)
    fields = head(version, "7z020clg400-1", "report_utilization -hierarchical", "Fully Placed")
    body = table(header, rows)
    return box("Utilization Design Information", fields) + sections(
        [("Utilization by Hierarchy", body)]
    )


def accelerator(counts: Counts | None = None) -> str:
    """``report_accelerator_utilization`` of one kernel."""
    counts = counts or Counts()
    used = [counts.lut, counts.lutram, counts.ff, int(counts.bram), counts.uram, counts.dsp]
    budget = [769788, 393543, 1616627, 1166, 640, 5936]

    def row(name: str, values: Sequence[int]) -> list[str]:
        cells = [f"{v} [{100 * v / room:6.2f}%]" for v, room in zip(values, budget, strict=True)]
        return [name, *cells]

    unused = [room - v for room, v in zip(budget, used, strict=True)]
    rows = [
        row("Platform", [100228, 8473, 123405, 178, 0, 4]),
        row("User Budget", budget),
        row("   Used Resources", used),
        row("   Unused Resources", unused),
        row("krnl_rtl", used),
        row("   krnl_rtl_1", used),
    ]
    header = ["Name", "LUT", "LUTAsMem", "REG", "BRAM", "URAM", "DSP"]
    fields = head("2020.1", "xcu50", "report_accelerator_utilization -json", "Synthesized")
    return box("Accelerator Utilization Design Information", fields) + sections(
        [("System Utilization", table(header, rows))]
    )


def timing(
    wns: str = "3.856",
    tns: str = "0.000",
    failing: int = 0,
    whs: str = "0.041",
    ths: str = "0.000",
    clock: str = "clk_fpga_0",
    tables: bool = True,
) -> str:
    """``report_timing_summary`` of one clock."""
    names = []
    for slack, total in (("WNS", "TNS"), ("WHS", "THS"), ("WPWS", "TPWS")):
        names += [f"{slack}(ns)", f"{total}(ns)"]
        names += [f"{total} Failing Endpoints", f"{total} Total Endpoints"]
    values = [wns, tns, str(failing), "1850", whs, ths, "0", "1850", "3.921", "0.000", "0", "961"]
    if wns == "NA":
        values = ["NA"] * 12
    gaps = [4 if "(ns)" in name and name[0] in "WT" else 2 for name in names]

    def line(cells: Sequence[str], first: str = "") -> str:
        text = "".join(
            " " * gap + cell.rjust(len(name))
            for gap, cell, name in zip(gaps, cells, names, strict=True)
        )
        return first + text + "  \n"

    def titled(title: str, body: str) -> str:
        rule = "-" * 96
        return f"{rule}\n| {title}\n| {'-' * len(title)}\n{rule}\n\n{body}\n\n"

    dashes = ["-" * len(name) for name in names]
    summary = line(names) + line(dashes) + line(values)
    met = not wns.startswith("-")
    verdict = "All user specified timing constraints are met."
    text = box(
        "Timing Summary Report",
        head("2018.3", "7z020-clg400", "report_timing_summary -max_paths 10", None),
    )
    text += titled("Timer Settings", "  Multi Corner Analysis  :  Yes")
    text += titled("Design Timing Summary", summary)
    text += (verdict if met else "Timing constraints are not met.") + "\n\n\n"
    if tables:
        width = len(clock) + 4
        by_clock = line(names, "Clock".ljust(width)) + line(dashes, "-----".ljust(width))
        row = line(values, clock.ljust(width))
        text += titled("Intra Clock Table", by_clock + (row if wns != "NA" else ""))
        between = line(names, "From Clock".ljust(14) + "To Clock".ljust(12))
        text += titled("Inter Clock Table", between + line(dashes, "----------    --------    "))
        text += titled("Timing Details", "From Clock:  " + clock)
    return text


def power(total: str = "1.680", dynamic: str = "1.536", static: str = "0.144") -> str:
    """``report_power``."""
    rows = [
        ["Total On-Chip Power (W)", total],
        ["Design Power Budget (W)", "Unspecified*"],
        ["Dynamic (W)", dynamic],
        ["Device Static (W)", static],
        ["Confidence Level", "Low"],
    ]
    width = [max(len(row[i]) for row in rows) for i in (0, 1)]
    rule = f"+{'-' * (width[0] + 2)}+{'-' * (width[1] + 2)}+\n"
    lines = "".join(f"| {a.ljust(width[0])} | {b.ljust(width[1])} |\n" for a, b in rows)
    components = table(
        ["On-Chip", "Power (W)"],
        [
            ["Clocks", "0.005"],
            ["  LUT as Logic", "<0.001"],
            ["Static Power", static],
            ["Total", total.split(" ")[0]],
        ],
    )
    fields = head("2018.3", "xc7z020clg400-1", "report_power -file top.rpt", "routed")
    return box("Power Report", fields) + sections(
        [("Summary", rule + lines + rule), ("On-Chip Components", components)]
    )


def csynth_xml(counts: Counts | None = None, vitis: bool = False, latency: str = "679") -> str:
    """The csynth XML of HLS; BRAM_18K is twice the tiles."""
    counts = counts or Counts()
    dsp = "DSP" if vitis else "DSP48E"
    _, (luts, _, registers, tiles, dsps, _) = PARTS["7-series"]
    uram = "<URAM>0</URAM>\n" if vitis else ""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<profile>
<ReportVersion>
<Version>{"2022.2" if vitis else "2018.2"}</Version>
</ReportVersion>
<UserAssignments>
<unit>ns</unit>
<Part>xc7z020-clg400-1</Part>
<TopModelName>top</TopModelName>
<TargetClockPeriod>5.00</TargetClockPeriod>
</UserAssignments>
<PerformanceEstimates>
<SummaryOfTimingAnalysis>
<unit>ns</unit>
<EstimatedClockPeriod>4.049</EstimatedClockPeriod>
</SummaryOfTimingAnalysis>
<SummaryOfOverallLatency>
<Best-caseLatency>{"10" if latency.isdigit() else latency}</Best-caseLatency>
<Worst-caseLatency>{latency}</Worst-caseLatency>
<Interval-min>8</Interval-min>
<Interval-max>{latency}</Interval-max>
</SummaryOfOverallLatency>
</PerformanceEstimates>
<AreaEstimates>
<Resources>
<BRAM_18K>{int(2 * counts.bram)}</BRAM_18K>
<{dsp}>{counts.dsp}</{dsp}>
<FF>{counts.ff}</FF>
<LUT>{counts.lut}</LUT>
{uram}</Resources>
<AvailableResources>
<BRAM_18K>{2 * tiles}</BRAM_18K>
<{dsp}>{dsps}</{dsp}>
<FF>{registers}</FF>
<LUT>{luts}</LUT>
{uram}</AvailableResources>
</AreaEstimates>
</profile>
"""


def csynth_rpt(counts: Counts | None = None, vitis: bool = False, latency: str = "679") -> str:
    """The csynth text of HLS."""
    counts = counts or Counts()
    _, (luts, _, registers, tiles, dsps, _) = PARTS["7-series"]
    rule = "=" * 64
    names = ["Name", "BRAM_18K", "DSP" if vitis else "DSP48E", "FF", "LUT", "URAM"]
    used = [int(2 * counts.bram), counts.dsp, counts.ff, counts.lut, 0]
    room = [2 * tiles, dsps, registers, luts, 0]
    shares = [100 * u // r if r else 0 for u, r in zip(used, room, strict=True)]
    cells = ["~0" if s == 0 and u else str(s) for s, u in zip(shares, used, strict=True)]
    rows = [
        ["DSP", "-", "-", "-", "-", "-"],
        ["Expression", "-", "-", "0", "2", "-"],
        ["Instance", str(used[0]), str(used[1]), str(used[2]), str(used[3] - 2), "-"],
        ["Total", *map(str, used)],
        ["Available", *map(str, room)],
        ["Utilization (%)", *cells],
    ]
    text = table(names, rows)
    lines = text.splitlines(keepends=True)
    for place in (6, 8, 10):
        lines.insert(place, lines[0])
    return f"""

{rule}
== {"Vitis" if vitis else "Vivado"} HLS Report for 'top'
{rule}
* Date:           Sat Mar 18 22:59:37 2023

* Version:        {"2022.2" if vitis else "2020.1"} (Build 2897737 on Wed May 27 20:21:37 MDT 2020)
* Project:        project
* Target device:  xc7z020-clg400-1


{rule}
== Performance Estimates
{rule}
+ Timing: 
    * Summary: 
    +--------+---------+----------+------------+
    |  Clock |  Target | Estimated| Uncertainty|
    +--------+---------+----------+------------+
    |ap_clk  | 5.00 ns | 4.049 ns |   0.62 ns  |
    +--------+---------+----------+------------+

+ Latency: 
    * Summary: 
    +---------+---------+-----------+-----------+-----+-----+----------+
    |  Latency (cycles) |   Latency (absolute)  |  Interval | Pipeline |
    |   min   |   max   |    min    |    max    | min | max |   Type   |
    +---------+---------+-----------+-----------+-----+-----+----------+
    |{latency:>9}|{latency:>9}| 50.000 ns | 50.000 ns |{latency:>5}|{latency:>5}| dataflow |
    +---------+---------+-----------+-----------+-----+-----+----------+

    + Detail: 
        * Instance: 
        N/A


{rule}
== Utilization Estimates
{rule}
* Summary: 
{"".join(lines)}
+ Detail: 
    * Instance: 
    +-------+---------+-------+
    | Total |        0|     73|
    +-------+---------+-------+

    * Memory: 
    N/A
"""  # noqa: W291
