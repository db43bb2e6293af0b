"""``report_accelerator_utilization``: what the user's kernels take of what the platform leaves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from dse.errors import ReportError
from reports.readers.cell_values import check_share, count
from reports.readers.records import HierarchyRow, UtilizationReport
from reports.readers.report_lines import Numbered
from reports.readers.report_start import is_start
from reports.readers.vivado_header import Header
from reports.readers.vivado_text_tables import TextTable, read_table
from reports.utilization import RESOURCES, Scope, Utilization

_SECTION = "System Utilization"
_CELL = re.compile(r"([0-9.]+)\s*\[\s*(<?[0-9.]+)\s*%\s*\]")
_COLUMNS = {
    "lut": "LUT",
    "lutram": "LUTAsMem",
    "ff": "REG",
    "bram": "BRAM",
    "uram": "URAM",
    "dsp": "DSP",
}
_BUDGET, _USED, _UNUSED = "User Budget", "Used Resources", "Unused Resources"


def read_accelerator(
    header: Header, lines: Iterator[Numbered]
) -> tuple[UtilizationReport, Numbered | None]:
    """The report behind ``header``, and the first line of the next report in the file, if any.

    Raises ReportError.
    """
    where = header.where
    table: TextTable | None = None
    following: Numbered | None = None
    wanted = False
    number = header.line
    for number, line in lines:
        first = line[:1]
        if first == "+" and wanted:
            if table is not None:
                raise ReportError("two tables of the system", where=where, line=number)
            table = read_table(line, number, lines, where)
        elif first in ("|", "=") and is_start(line):
            following = (number, line)
            break
        elif first.isdigit():
            wanted = line.partition(" ")[2].strip() == _SECTION
    if table is None:
        raise ReportError(
            "no table of the system",
            where=where,
            line=number,
            expected=f"a section {_SECTION} with a table",
        )
    return _report(header, table), following


def _report(header: Header, table: TextTable) -> UtilizationReport:
    where = header.where
    name_at = table.column("Name")
    columns = {resource: table.column(title) for resource, title in _COLUMNS.items()}
    provenance = header.provenance()
    stage = header.stage()
    rows: dict[str, tuple[int, dict[str, float], dict[str, str]]] = {}
    hierarchy: list[HierarchyRow] = []
    for number, cells in table.rows:
        name = cells[name_at].strip()
        if name in rows:
            raise ReportError(f"row {name!r} stands there twice", where=where, line=number)
        used: dict[str, float] = {}
        share: dict[str, str] = {}
        for resource, position in columns.items():
            match = _CELL.fullmatch(cells[position].strip())
            if match is None:
                raise ReportError(
                    f"{resource} of {name} is {cells[position].strip()!r}",
                    where=where,
                    line=number,
                    expected="a count and its share, such as 559 [0.14%]",
                )
            used[resource], share[resource] = count(match[1], where, number, name), match[2]
        rows[name] = (number, used, share)
        if len(rows) > 4 or name not in ("Platform", _BUDGET, _USED, _UNUSED):
            depth = (len(cells[name_at]) - len(cells[name_at].lstrip()) - 1) // 3
            hierarchy.append(
                HierarchyRow(
                    name,
                    "",
                    depth,
                    False,
                    Utilization(
                        provenance.device,
                        provenance.tool,
                        provenance.tool_version,
                        stage,
                        Scope.OUT_OF_CONTEXT,
                        **used,
                    ),
                )
            )
    for name in (_BUDGET, _USED, _UNUSED):
        if name not in rows:
            raise ReportError(
                f"no row {name}",
                where=where,
                line=table.line,
                expected=f"it among {', '.join(rows)}",
            )
    (_, budget, _), (line, used, share), (_, unused, _) = (
        rows[name] for name in (_BUDGET, _USED, _UNUSED)
    )
    for resource, value in used.items():
        check_share(value, budget[resource], share[resource], where, line, resource)
        if value + unused[resource] != budget[resource]:
            _disagree(f"{resource} used and unused", "the budget", where, line)
    _check_kernels(hierarchy, used, where, line)
    return UtilizationReport(
        provenance,
        Utilization(
            provenance.device,
            provenance.tool,
            provenance.tool_version,
            stage,
            Scope.OUT_OF_CONTEXT,
            lut_as_logic=used["lut"] - used["lutram"],
            **used,
        ),
        dict.fromkeys(RESOURCES),
        hierarchy=tuple(hierarchy),
    )


def _check_kernels(
    hierarchy: list[HierarchyRow], used: dict[str, float], where: Path, line: int
) -> None:
    """The kernels against what is used; half tiles were rounded down before they were added."""
    kernels = [row.utilization.resources() for row in hierarchy if row.depth == 0]
    for resource, value in used.items():
        total = sum(kernel[resource] or 0 for kernel in kernels)
        slack = len(kernels) if resource == "bram" else 0
        if kernels and not value - slack <= total <= value:
            _disagree(f"{value:g} {resource} used", f"{total:g} of the kernels", where, line)


def _disagree(what: str, other: str, where: Path, line: int) -> None:
    raise ReportError(
        f"{what} does not agree with {other}",
        where=where,
        line=line,
        expected="counts that agree with each other",
    )
