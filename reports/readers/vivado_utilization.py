"""``report_utilization``, the flat form: one table each for logic, memory and DSPs.

What is redundant is compared, so that damage shows: totals with their parts, percentages with their
counts, capacities with each other and with the device table.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dse.errors import ReportError
from reports.readers.cell_values import check_share, count
from reports.readers.device_check import check_available
from reports.readers.records import ReportKind, UtilizationReport
from reports.readers.report_lines import Numbered
from reports.readers.report_start import is_start
from reports.readers.vivado_header import Header
from reports.readers.vivado_hierarchy import HIERARCHY_SECTION, hierarchy_report
from reports.readers.vivado_text_tables import TextTable, read_table
from reports.utilization import Scope, Utilization

#: Titles of the sections that hold the numbers, by family and version; their numbers move.
_SECTIONS = {
    "Slice Logic": "logic",
    "CLB Logic": "logic",
    "Netlist Logic": "logic",
    "Memory": "memory",
    "BLOCKRAM": "memory",
    "DSP": "dsp",
    "ARITHMETIC": "dsp",
    HIERARCHY_SECTION: "hierarchy",
}

_LUTS = ("Slice LUTs", "CLB LUTs")
_REGISTERS = ("Slice Registers", "CLB Registers", "Registers")
_DSPS = ("DSPs", "DSP Slices")


class _Row:
    """A row of a resource table: ``used``, ``available`` (None if blank), ``share`` as printed."""

    __slots__ = ("available", "children", "line", "name", "used")

    def __init__(self, name: str, line: int, used: float, available: float | None) -> None:
        self.name, self.line, self.used, self.available = name, line, used, available
        self.children: list[_Row] = []


def read_utilization(
    header: Header, lines: Iterator[Numbered], scope: Scope
) -> tuple[UtilizationReport, Numbered | None]:
    """The report behind ``header``, and the first line of the next report in the file, if any.

    Raises ReportError.
    """
    where = header.where
    tables: dict[str, TextTable] = {}
    wanted: str | None = None
    following: Numbered | None = None
    number = header.line
    for number, line in lines:
        first = line[:1]
        if first == "+":
            if wanted is not None:
                if wanted in tables:
                    raise ReportError(
                        f"two tables of {wanted}",
                        where=where,
                        line=number,
                        expected="one table in each section",
                    )
                tables[wanted] = read_table(line, number, lines, where)
        elif first == "|" or first == "=":
            if is_start(line):
                following = (number, line)
                break
        elif first.isdigit():
            wanted = _SECTIONS.get(line.partition(" ")[2].strip())
    if "hierarchy" in tables:
        if len(tables) > 1:
            raise ReportError("a table by hierarchy beside others", where=where, line=header.line)
        return hierarchy_report(header, tables["hierarchy"], scope), following
    for name in ("logic", "memory", "dsp"):
        if name not in tables:
            titles = [title for title, kind in _SECTIONS.items() if kind == name]
            raise ReportError(
                f"no table of {name}",
                where=where,
                line=number,
                expected=f"a section {' or '.join(titles)} with a table",
            )
    return _flat_report(header, tables, scope), following


def _flat_report(header: Header, tables: dict[str, TextTable], scope: Scope) -> UtilizationReport:
    where = header.where
    logic, memory = _rows(tables["logic"]), _rows(tables["memory"])
    lut = _required(logic, _LUTS, tables["logic"])
    as_logic = _required(logic, ("LUT as Logic",), tables["logic"])
    as_memory = _required(logic, ("LUT as Memory",), tables["logic"])
    ff = _required(logic, _REGISTERS, tables["logic"])
    bram = _required(memory, ("Block RAM Tile",), tables["memory"])
    dsp = _required(_rows(tables["dsp"]), _DSPS, tables["dsp"])
    uram, ramb18 = memory.get("URAM"), memory.get("RAMB18")

    _same(lut.used, as_logic.used + as_memory.used, lut, "logic and memory", where)
    _same(lut.available, as_logic.available, lut, "available as logic", where)
    if ff.children:
        _same(ff.used, sum(child.used for child in ff.children), ff, "its kinds", where)
    for child in ff.children:
        if child.available is not None:
            _same(ff.available, child.available, child, "available registers", where)
    if bram.children:
        tiles = {"RAMB36": 1.0, "RAMB18": 0.5}
        weights = [tiles.get(child.name[:6]) for child in bram.children]
        if None not in weights:
            total = sum(c.used * (w or 0) for c, w in zip(bram.children, weights, strict=True))
            _same(bram.used, total, bram, "RAMB36 and half of RAMB18", where)
        for child, weight in zip(bram.children, weights, strict=True):
            if child.available is not None and weight and bram.available is not None:
                _same(bram.available / weight, child.available, child, "available tiles", where)
    if dsp.children and all(child.name.endswith(" only") for child in dsp.children):
        _same(dsp.used, sum(child.used for child in dsp.children), dsp, "its kinds", where)

    provenance = header.provenance(ReportKind.UTILIZATION)
    found = {
        "lut": lut,
        "lut_as_logic": as_logic,
        "lutram": as_memory,
        "ff": ff,
        "bram": bram,
        "dsp": dsp,
        "uram": uram,
    }
    available = {name: None if row is None else row.available for name, row in found.items()}
    command = provenance.command or ""
    # Of a part of the device there is less.
    if "-pblock" not in command and "-slr" not in command:
        check_available(provenance.device, available, where, lut.line)
    return UtilizationReport(
        provenance,
        Utilization(
            device=provenance.device,
            tool=provenance.tool,
            tool_version=provenance.tool_version,
            stage=header.stage(),
            scope=scope,
            lut=lut.used,
            lut_as_logic=as_logic.used,
            lutram=as_memory.used,
            ff=ff.used,
            bram=bram.used,
            dsp=dsp.used,
            uram=None if uram is None else uram.used,
        ),
        available,
        bram18=None if ramb18 is None else ramb18.used,
    )


def _rows(table: TextTable) -> dict[str, _Row]:
    """The rows by name, without the trailing ``*`` of a footnote; two levels of them."""
    where = table.where
    site = table.column("Site Type")
    used_at, available_at = table.column("Used"), table.column("Available")
    share_at = table.column("Util%")
    rows: dict[str, _Row] = {}
    parent: _Row | None = None
    for number, cells in table.rows:
        cell = cells[site]
        depth = len(cell) - len(cell.lstrip())
        if depth > 3:
            continue
        name = cell.strip().rstrip("*").rstrip()
        if name in rows:
            raise ReportError(f"row {name!r} stands there twice", where=where, line=number)
        used = count(cells[used_at], where, number, name)
        text = cells[available_at].strip()
        row = _Row(name, number, used, None)
        if text:
            row.available = count(text, where, number, name)
            check_share(used, row.available, cells[share_at], where, number, name)
        if depth < 3:
            parent = row
        elif parent is not None:
            parent.children.append(row)
        rows[name] = row
    return rows


def _required(rows: dict[str, _Row], names: tuple[str, ...], table: TextTable) -> _Row:
    found = [rows[name] for name in names if name in rows]
    if len(found) != 1:
        raise ReportError(
            f"{'no row' if not found else 'more than one row'} {' or '.join(names)}",
            where=table.where,
            line=table.line,
            expected=f"one of them among {', '.join(rows)}",
        )
    if found[0].available is None:
        raise ReportError(
            f"{found[0].name} without a number available", where=table.where, line=found[0].line
        )
    return found[0]


def _same(printed: float | None, other: float | None, row: _Row, what: str, where: Path) -> None:
    if printed != other:
        raise ReportError(
            f"{row.name}: {printed} does not agree with {other}, {what}",
            where=where,
            line=row.line,
            expected="counts that agree with each other",
        )
