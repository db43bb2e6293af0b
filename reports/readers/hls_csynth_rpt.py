"""The csynth text report of Vivado HLS and Vitis HLS (``<function>_csynth.rpt``)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from dse.errors import ReportError
from reports.readers.cell_values import count, decimal
from reports.readers.hls_estimates import Range, hls_report
from reports.readers.records import HlsReport
from reports.readers.report_lines import Numbered
from reports.readers.report_start import HLS_TITLE, is_start

_VERSION = re.compile(r"([0-9]{4}\.[0-9]+(?:\.[0-9]+)*)(?![0-9]).*")
_CLOCK = re.compile(r"([0-9]+\.[0-9]+)\s*(ns)?")
_UNKNOWN = ("?", "-", "undef", "inf", "")
_MOST_FIELDS = 40
_FIELDS = ("Date", "Version", "Target device")

#: A table: groups of rows between rules, each row with its line number.
_Groups = list[list[tuple[int, list[str]]]]


def read_csynth_rpt(
    start: Numbered, lines: Iterator[Numbered], where: Path
) -> tuple[HlsReport, Numbered | None]:
    """The report that begins with ``start``, and the first line of the next, if any.

    Raises ReportError.
    """
    number, line = start
    title = HLS_TITLE.fullmatch(line)
    assert title is not None
    fields: dict[str, str] = {}
    tables: dict[str, _Groups] = {}
    section = block = ""
    following: Numbered | None = None
    for number, line in lines:
        text = line.strip()
        if text.startswith(("| Tool", "== ")) and is_start(line):
            following = (number, line)
            break
        if text.startswith("== "):
            section, block = text[3:].strip(), ""
        elif text.startswith("* "):
            name, _, value = text[2:].partition(":")
            if not section:
                if name in fields or len(fields) == _MOST_FIELDS:
                    raise ReportError(f"a line * {name} too many", where=where, line=number)
                fields[name] = value.strip()
            elif name == "Summary" and not block.endswith("Summary"):
                block = f"{block}Summary"
            else:
                block = name
        elif text.startswith("+ "):
            block = text[2:].partition(":")[0].partition("(")[0].strip() + " "
        elif text.startswith("+-") and (section, block.strip()) in _TABLES:
            wanted = _TABLES[section, block.strip()]
            if wanted in tables:
                raise ReportError(f"two tables of {wanted}", where=where, line=number)
            tables[wanted] = _read_groups(text, number, lines, where)
    for name in _FIELDS[1:]:
        if not fields.get(name):
            raise ReportError(f"no line * {name}", where=where, line=start[0])
    version = _VERSION.fullmatch(fields["Version"])
    if version is None:
        raise ReportError(f"version {fields['Version']!r}", where=where, line=start[0])
    for wanted in _TABLES.values():
        if wanted not in tables:
            raise ReportError(
                f"no table of {wanted}",
                where=where,
                line=number,
                expected="the summaries of timing, latency and utilization",
            )
    used, available = _resources(tables["utilization"], where)
    latency, interval = _cycles(tables["latency"], where)
    return (
        hls_report(
            where,
            start[0],
            f"{title[1]} HLS",
            version[1],
            fields["Target device"],
            title[2],
            fields.get("Date"),
            used,
            available,
            latency,
            interval,
            _clock(tables["timing"], where),
        ),
        following,
    )


_TABLES = {
    ("Performance Estimates", "Timing Summary"): "timing",
    ("Performance Estimates", "Latency Summary"): "latency",
    ("Utilization Estimates", "Summary"): "utilization",
}


def _read_groups(rule: str, number: int, lines: Iterator[Numbered], where: Path) -> _Groups:
    """The rows between rules, up to the blank line behind the closing one."""
    groups: _Groups = [[]]
    ends = [position for position, letter in enumerate(rule) if letter == "+"]
    closed = False
    for number, line in lines:
        text = line.strip()
        if text == rule:
            groups.append([])
            closed = True
        elif text.startswith("|"):
            closed = False
            if len(text) != len(rule) or not text.endswith("|"):
                break
            # A bar within a group of columns may be missing: cells are cut by it, not by the rule.
            if any(position not in ends for position, c in enumerate(text) if c == "|"):
                break
            groups[-1].append((number, text.split("|")))
            if len(groups[-1]) > 1000:
                break
        elif not text and closed:
            return groups[:-1]
        else:
            break
    if closed and not line.strip().startswith("|"):
        return groups[:-1]
    raise ReportError(
        "a damaged table",
        where=where,
        line=number,
        expected="rows that line up with the table's rules, down to a closing one",
    )


def _resources(
    groups: _Groups, where: Path
) -> tuple[dict[str, float | None], dict[str, float | None]]:
    """Used and available by name; the total is held against the sum of what it totals."""
    if len(groups) < 3 or len(groups[0]) != 1:
        raise ReportError("the utilization table lacks rows", where=where)
    head, names = groups[0][0]
    columns = {name.strip(): position for position, name in enumerate(names) if name.strip()}
    if len(columns) != len(names) - 2:
        raise ReportError("a column without a name or two of one", where=where, line=head)
    if "DSP48E" in columns:
        columns["DSP"] = columns.pop("DSP48E")
    for name in ("Name", "LUT", "FF", "BRAM_18K", "DSP"):
        if name not in columns:
            raise ReportError(f"no column {name}", where=where, line=head)
    rows: dict[str, tuple[int, list[str]]] = {}
    for number, cells in (row for group in groups[1:] for row in group):
        name = cells[columns["Name"]].strip()
        if name in rows or len(cells) != len(names):
            raise ReportError(f"row {name!r} twice or cut", where=where, line=number)
        rows[name] = (number, cells)
    for name in ("Total", "Available", "Instance", "Expression"):
        if name not in rows:
            raise ReportError(
                f"no row {name}", where=where, line=head, expected=f"it among {', '.join(rows)}"
            )
    used: dict[str, float | None] = {"URAM": None}
    available: dict[str, float | None] = {"URAM": None}
    for name, position in columns.items():
        if name == "Name":
            continue
        line, cells = rows["Total"]
        total = count(cells[position], where, line, f"total {name}")
        parts = [
            count(cells[position], where, line, name)
            for line, cells in groups[1]
            if cells[position].strip() != "-"
        ]
        if sum(parts) != total:
            raise ReportError(
                f"{total:g} {name} in total, but {sum(parts):g} of its parts",
                where=where,
                line=line,
                expected="counts that agree with each other",
            )
        used[name] = total
        line, cells = rows["Available"]
        available[name] = count(cells[position], where, line, f"available {name}")
        _check_whole_share(rows, position, total, available[name] or 0, name, where)
    return used, available


def _check_whole_share(
    rows: dict[str, tuple[int, list[str]]],
    position: int,
    used: float,
    available: float,
    name: str,
    where: Path,
) -> None:
    """Percentages are cut to whole ones here; ``~0`` is less than one."""
    if "Utilization (%)" not in rows:
        return
    line, cells = rows["Utilization (%)"]
    share = cells[position].strip()
    exact = 100 * used / available if available else 0.0
    if share == "~0":
        agrees = 0 < exact < 1
    else:
        agrees = abs(exact - count(share, where, line, f"share of {name}")) < 1
    if not agrees:
        raise ReportError(
            f"{name}: {used:g} of {available:g} is not {share}%",
            where=where,
            line=line,
            expected="counts that agree with each other",
        )


def _cycles(groups: _Groups, where: Path) -> tuple[Range, Range]:
    """Least and greatest latency and interval. The header has two rows: groups, then columns."""
    if len(groups) != 2 or len(groups[0]) != 2 or len(groups[1]) != 1:
        raise ReportError("the latency table is of another form", where=where)
    (head, over), (_, under) = groups[0]
    line, cells = groups[1][0]
    if len(cells) != len(under):
        raise ReportError("the latency table lacks a cell", where=where, line=line)
    ends = []
    position = 0
    for cell in over:
        position += len(cell) + 1
        ends.append((position, cell.strip()))
    found: dict[tuple[str, str], str] = {}
    position = 0
    for name, cell in zip(under, cells, strict=True):
        position += len(name) + 1
        group = next((title for end, title in ends if position <= end), "")
        found[group, name.strip()] = cell.strip()
    latency = "Latency (cycles)" if ("Latency (cycles)", "min") in found else "Latency"
    ranges = []
    for group in (latency, "Interval"):
        values: list[int | None] = []
        for end in ("min", "max"):
            if (group, end) not in found:
                raise ReportError(f"no column {group} {end}", where=where, line=head)
            text = found[group, end]
            values.append(
                None if text in _UNKNOWN else int(count(text, where, line, f"{group} {end}"))
            )
        ranges.append((values[0], values[1]))
    return ranges[0], ranges[1]


def _clock(groups: _Groups, where: Path) -> tuple[float | None, float | None]:
    """Target and estimate in ns. With several clocks neither is that of the design."""
    if len(groups) != 2 or len(groups[0]) != 1:
        raise ReportError("the timing table is of another form", where=where)
    if len(groups[1]) != 1:
        return None, None
    head, names = groups[0][0]
    line, cells = groups[1][0]
    columns = {name.strip(): cell.strip() for name, cell in zip(names, cells, strict=False)}
    values = []
    for name in ("Target", "Estimated"):
        if name not in columns:
            raise ReportError(f"no column {name}", where=where, line=head)
        match = _CLOCK.fullmatch(columns[name])
        unknown = columns[name] in _UNKNOWN
        if match is None and not unknown:
            raise ReportError(f"{name} clock {columns[name]!r}", where=where, line=line)
        values.append(None if match is None else decimal(match[1], where, line, name))
    return values[0], values[1]
