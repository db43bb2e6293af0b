"""Reports in the format of Vivado's, as reports.readers and real files have it."""

from __future__ import annotations

import time
from dataclasses import dataclass

#: LUTs, LUTs as memory, registers, RAMB36 tiles, DSPs, and Vivado's name in a report.
CAPACITIES = {
    "xc7z010": (17600, 6000, 35200, 60, 80),
    "xc7z020": (53200, 17400, 106400, 140, 220),
    "xczu3eg": (70560, 28800, 141120, 216, 360),
    "xczu7ev": (230400, 101760, 460800, 312, 1728),
    "xck26": (117120, 57600, 234240, 144, 1248),
    "xczu9eg": (274080, 144000, 548160, 912, 2520),
    "xczu28dr": (425280, 213600, 850560, 1080, 4272),
    "xczu48dr": (425280, 213600, 850560, 1080, 4272),
    "xcu50": (871680, 403200, 1743360, 1344, 5952),
    "xcu200": (1182240, 591840, 2364480, 2160, 6840),
    "xcu250": (1728000, 791040, 3456000, 2688, 12288),
    "xcu280": (1303680, 600000, 2607360, 2016, 9024),
    "xcu55c": (1303680, 600000, 2607360, 2016, 9024),
}
_OTHER = (1000000, 500000, 2000000, 1000, 3000)


@dataclass(frozen=True)
class Subject:
    """What a report is about. ``state``: ``Synthesized``, ``Routed``. ``wns``: ns."""

    design: str
    part: str
    version: str
    state: str
    size: dict[str, int]
    clock_mhz: float = 100.0
    wns: float = 0.5


def capacity(part: str) -> tuple[int, int, int, int, int]:
    name = next((known for known in CAPACITIES if part.lower().startswith(known)), None)
    return CAPACITIES[name] if name else _OTHER


def counts(size: dict[str, int]) -> dict[str, float]:
    """What a design uses, in the words of the report."""
    return {
        "Slice LUTs": size["lut_as_logic"] + size["lutram"],
        "LUT as Logic": size["lut_as_logic"],
        "LUT as Memory": size["lutram"],
        "Slice Registers": size["ff"],
        "Block RAM Tile": size["bram18"] / 2,
        "DSPs": size["dsp"],
    }


def excesses(size: dict[str, int], part: str) -> list[tuple[str, int, int]]:
    """Cell type, how many are required, how many there are, for what does not fit."""
    luts, memory, registers, tiles, dsps = capacity(part)
    used = counts(size)
    checked = (
        ("LUT as Logic", used["LUT as Logic"], luts),
        ("LUT as Memory", used["LUT as Memory"], memory),
        ("RAMB18 and RAMB36/FIFO", used["Block RAM Tile"] * 2, tiles * 2),
        ("Slice LUTs", used["Slice LUTs"], luts),
        ("Slice Registers", used["Slice Registers"], registers),
        ("DSPs", used["DSPs"], dsps),
    )
    return [(name, int(need), room) for name, need, room in checked if need > room]


def _head(subject: Subject, command: str, state: str | None, device: str) -> str:
    fields = {
        "Tool Version": f"Vivado v.{subject.version} (lin64) Build 3671981 Fri Oct 14 2022",
        "Date": time.strftime("%a %b %d %H:%M:%S %Y"),
        "Host": "builder running 64-bit Debian GNU/Linux 12 (bookworm)",
        "Command": command,
        "Design": subject.design,
        "Device": device,
    }
    if state is not None:
        fields["Design State"] = state
    wide = max(map(len, fields))
    lines = [f"| {name:<{wide}} : {value}" for name, value in fields.items()]
    rule = "-" * max(map(len, lines))
    copyright = f"Copyright 1986-{subject.version[:4]} Xilinx, Inc. All Rights Reserved."
    return "\n".join([copyright, rule, *lines, rule, ""])


def _table(header: list[str], rows: list[list[str]]) -> str:
    wide = [max(len(row[at]) for row in [header, *rows]) for at in range(len(header))]
    rule = "+" + "+".join("-" * (width + 2) for width in wide) + "+"

    def line(cells: list[str]) -> str:
        shown = [f" {cells[0]:<{wide[0]}} "]
        shown += [f" {cell:>{width}} " for cell, width in zip(cells[1:], wide[1:], strict=True)]
        return "|" + "|".join(shown) + "|"

    return "\n".join([rule, line(header), rule, *map(line, rows), rule, ""])


def _row(name: str, used: float, available: int | None) -> list[str]:
    shown = f"{used:g}" if used % 1 else str(int(used))
    if available is None:
        return [name, shown, "0", "0", "", ""]
    share = 100 * used / available
    percent = "<0.01" if 0 < share < 0.01 else f"{share:.2f}"
    return [name, shown, "0", "0", str(available), percent]


def utilization(subject: Subject, command: str) -> str:
    luts, memory, registers, tiles, dsps = capacity(subject.part)
    used = counts(subject.size)
    ultra = subject.part.lower().startswith(("xczu", "xck", "xcu"))
    site = "CLB" if ultra else "Slice"
    state = "Synthesized" if subject.state == "Synthesized" else "Fully Placed"
    device = subject.part.lower().removeprefix("xc")
    header = ["Site Type", "Used", "Fixed", "Prohibited", "Available", "Util%"]
    half = subject.size["bram18"]
    whole, single = divmod(half, 2)
    logic = [
        _row(f"{site} LUTs", used["Slice LUTs"], luts),
        _row("  LUT as Logic", used["LUT as Logic"], luts),
        _row("  LUT as Memory", used["LUT as Memory"], memory),
        _row("    LUT as Distributed RAM", used["LUT as Memory"], None),
        _row("    LUT as Shift Register", 0, None),
        _row(f"{site} Registers", used["Slice Registers"], registers),
        _row("  Register as Flip Flop", used["Slice Registers"], registers),
        _row("  Register as Latch", 0, registers),
    ]
    blocks = [
        _row("Block RAM Tile", used["Block RAM Tile"], tiles),
        _row("  RAMB36/FIFO*", whole, tiles),
        _row("  RAMB18", single, tiles * 2),
    ]
    arithmetic = [
        _row("DSPs", used["DSPs"], dsps),
        _row("  DSP48E2 only" if ultra else "  DSP48E1 only", used["DSPs"], None),
    ]
    memory_section, dsp_section = (
        ("2. BLOCKRAM", "3. ARITHMETIC") if ultra else ("2. Memory", "3. DSP")
    )
    logic_section = f"1. {site} Logic"
    sections = [(logic_section, logic), (memory_section, blocks), (dsp_section, arithmetic)]
    body = "\n".join(
        f"{title}\n{'-' * len(title)}\n\n{_table(header, rows)}\n" for title, rows in sections
    )
    contents = "\n".join(title for title, _ in sections)
    return (
        _head(subject, command, state, device)
        + "\nUtilization Design Information\n\nTable of Contents\n-----------------\n"
        + f"{contents}\n\n{body}\n"
    )


_SLACKS = (
    "    WNS(ns)      TNS(ns)  TNS Failing Endpoints  TNS Total Endpoints      WHS(ns)      THS(ns)"
    "  THS Failing Endpoints  THS Total Endpoints     WPWS(ns)     TPWS(ns)  "
    "TPWS Failing Endpoints  TPWS Total Endpoints  "
)
_RULES = (
    "    -------      -------  ---------------------  -------------------      -------      -------"
    "  ---------------------  -------------------     --------     --------  "
    "----------------------  --------------------  "
)


def timing(subject: Subject, command: str) -> str:
    failing = 3 if subject.wns < 0 else 0
    total = subject.wns * 2.5 if failing else 0.0
    ends = subject.size["ff"] * 2
    row = (
        f"{subject.wns:11.3f}{total:13.3f}{failing:23d}{ends:21d}{0.031:13.3f}{0.0:13.3f}"
        f"{0:23d}{ends:21d}{3.75:13.3f}{0.0:13.3f}{0:24d}{ends // 2:22d}  "
    )
    met = "All user specified timing constraints are met."
    verdict = "Timing constraints are not met." if failing else met
    period = 1000 / subject.clock_mhz
    line = "-" * 96

    def box(title: str) -> str:
        return f"{line}\n| {title}\n| {'-' * len(title)}\n{line}\n\n"

    name = "clk_out1_top_clk_wiz_0_0"
    return (
        _head(subject, command, None, f"{subject.part.lower().removeprefix('xc')}")
        + "\nTiming Summary Report\n\n"
        + box("Design Timing Summary")
        + f"{_SLACKS}\n{_RULES}\n{row}\n\n\n{verdict}\n\n\n"
        + box("Clock Summary")
        + f"{'Clock':<{len(name)}}  Waveform(ns)         Period(ns)      Frequency(MHz)\n"
        + f"{'-----':<{len(name)}}  ------------         ----------      --------------\n"
        + f"{name}  {{0.000 {period / 2:.3f}}}        {period:.3f}          "
        + f"{subject.clock_mhz:.3f}\n"
        + "\n\n"
        + box("Intra Clock Table")
        + f"{'Clock':<{len(name)}}{_SLACKS}\n{'-----':<{len(name)}}{_RULES}\n{name}{row}\n\n\n"
        + box("Inter Clock Table")
        + box("Other Path Groups Table")
        + box("Timing Details")
    )


def power(subject: Subject, command: str) -> str:
    logic = round(counts(subject.size)["Slice LUTs"] * subject.clock_mhz * 2e-7, 3)
    dynamic, static = round(1.25 + logic, 3), 0.142
    total = round(dynamic + static, 3)
    summary = [
        ["Total On-Chip Power (W)", f"{total:.3f}"],
        ["Design Power Budget (W)", "Unspecified*"],
        ["Power Budget Margin (W)", "NA"],
        ["Dynamic (W)", f"{dynamic:.3f}"],
        ["Device Static (W)", f"{static:.3f}"],
        ["Confidence Level", "Medium"],
    ]
    wide = [max(len(row[at]) for row in summary) for at in (0, 1)]
    rule = f"+{'-' * (wide[0] + 2)}+{'-' * (wide[1] + 2)}+"
    rows = "\n".join(f"| {row[0]:<{wide[0]}} | {row[1]:<{wide[1]}} |" for row in summary)
    parts = _table(
        ["On-Chip", "Power (W)", "Used", "Available", "Utilization (%)"],
        [
            ["Slice Logic", f"{logic:.3f}", str(subject.size["lut_as_logic"]), "---", "---"],
            ["PS7", f"{1.25:.3f}", "1", "---", "---"],
            ["Static Power", f"{static:.3f}", "", "", ""],
            ["Total", f"{total:.3f}", "", "", ""],
        ],
    )
    state = "synthesized" if subject.state == "Synthesized" else "routed"
    return (
        _head(subject, command, state, subject.part.lower())
        + "\nPower Report\n\n1. Summary\n----------\n\n"
        + f"{rule}\n{rows}\n{rule}\n\n1.1 On-Chip Components\n----------------------\n\n{parts}\n"
    )


def hierarchy(subject: Subject, command: str) -> str:
    size = subject.size
    names = ["Instance", "Module", "Total LUTs", "Logic LUTs", "LUTRAMs", "SRLs", "FFs", "RAMB36"]
    header = [*names, "RAMB18", "DSP Blocks"]
    luts = size["lut_as_logic"] + size["lutram"]
    numbers = [luts, size["lut_as_logic"], size["lutram"], 0, size["ff"], size["bram18"] // 2]
    row = [subject.design, "(top)", *map(str, [*numbers, size["bram18"] % 2, size["dsp"]])]
    state = "Synthesized" if subject.state == "Synthesized" else "Fully Placed"
    title = "1. Utilization by Hierarchy"
    return (
        _head(subject, command, state, subject.part.lower().removeprefix("xc"))
        + "\nUtilization Design Information\n\nTable of Contents\n-----------------\n"
        + f"{title}\n\n{title}\n{'-' * len(title)}\n\n{_table(header, [row])}\n"
    )
