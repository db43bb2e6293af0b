"""``report_utilization -hierarchical``: one row per instance, parents above their children."""

from __future__ import annotations

import re
from pathlib import Path

from dse.errors import ReportError
from reports.readers.cell_values import count
from reports.readers.records import HierarchyRow, ReportKind, UtilizationReport
from reports.readers.vivado_header import Header
from reports.readers.vivado_text_tables import TextTable
from reports.utilization import RESOURCES, Scope, Utilization

HIERARCHY_SECTION = "Utilization by Hierarchy"

#: With -hierarchical_percentages each count is followed by its share of the device.
_WITH_SHARE = re.compile(r"([0-9.]+)\s*[\[(]\s*<?[0-9.]+\s*%\s*[\])]")

_INDENT = 2


def hierarchy_report(header: Header, table: TextTable, scope: Scope) -> UtilizationReport:
    """The report whose only table is ``table``. Raises ReportError if its counts disagree."""
    where = header.where
    instance_at, module_at = table.column("Instance"), table.column("Module")
    columns = {
        "lut": table.column("Total LUTs"),
        "logic": table.column("Logic LUTs"),
        "lutrams": table.column("LUTRAMs"),
        "srls": table.column("SRLs"),
        "ff": table.column("FFs"),
        "ramb36": table.column("RAMB36"),
        "ramb18": table.column("RAMB18"),
        "dsp": table.column("DSP48 Blocks", "DSP Blocks", "DSP Slices", "DSPs"),
    }
    if "URAM" in table.columns:
        columns["uram"] = table.columns["URAM"]
    provenance = header.provenance(ReportKind.HIERARCHY)
    stage = header.stage()
    rows: list[HierarchyRow] = []
    lines: list[int] = []
    top_ramb18: float | None = None
    for number, cells in table.rows:
        text = cells[instance_at]
        name = text.strip()
        used = {
            what: _count(cells[position], where, number, f"{what} of {name}")
            for what, position in columns.items()
        }
        if used["lut"] != used["logic"] + used["lutrams"] + used["srls"]:
            raise ReportError(
                f"{used['lut']:g} LUTs of {name} are not the sum of "
                f"{used['logic']:g}, {used['lutrams']:g} and {used['srls']:g}",
                where=where,
                line=number,
                expected="counts that agree with each other",
            )
        if not rows:
            top_ramb18 = used["ramb18"]
        depth, odd = divmod(len(text) - len(text.lstrip()) - 1, _INDENT)
        if odd or depth < 0:
            raise ReportError(
                f"instance {name} stands between two levels", where=where, line=number
            )
        utilization = Utilization(
            provenance.device,
            provenance.tool,
            provenance.tool_version,
            stage,
            scope,
            lut=used["lut"],
            lut_as_logic=used["logic"],
            lutram=used["lutrams"] + used["srls"],
            ff=used["ff"],
            bram=used["ramb36"] + used["ramb18"] / 2,
            dsp=used["dsp"],
            uram=used.get("uram"),
        )
        own = name.startswith("(") and name.endswith(")") and bool(rows)
        rows.append(HierarchyRow(name, cells[module_at].strip(), depth, own, utilization))
        lines.append(number)
    if not rows or rows[0].depth != 0 or any(row.depth == 0 for row in rows[1:]):
        raise ReportError(
            "not one top", where=where, line=table.line, expected="one first row that holds all"
        )
    # With it, small instances are left out, and sums fall short.
    if "min_primitive" not in (provenance.command or ""):
        _check_sums(rows, lines, where)
    return UtilizationReport(
        provenance,
        rows[0].utilization,
        dict.fromkeys(RESOURCES),
        bram18=top_ramb18,
        hierarchy=tuple(rows),
    )


def _count(cell: str, where: Path, number: int, what: str) -> float:
    match = _WITH_SHARE.fullmatch(cell.strip())
    return count(match[1] if match else cell, where, number, what)


def _check_sums(rows: list[HierarchyRow], lines: list[int], where: Path) -> None:
    """Each parent against its children. LUTs shared between instances are counted in both."""
    path: list[int] = []
    sums: dict[int, dict[str, float]] = {}
    for position, row in enumerate(rows):
        if row.depth > len(path):
            raise ReportError(
                f"instance {row.instance} has no parent", where=where, line=lines[position]
            )
        del path[row.depth :]
        if path:
            into = sums.setdefault(path[-1], dict.fromkeys(RESOURCES, 0.0))
            for name, value in row.utilization.resources().items():
                into[name] += value or 0
        path.append(position)
    for position, total in sums.items():
        row = rows[position]
        for name, value in row.utilization.resources().items():
            short = value is not None and name.startswith("lut") and total[name] < value
            differs = value is not None and not name.startswith("lut") and total[name] != value
            if short or differs:
                raise ReportError(
                    f"{value:g} {name} of {row.instance}, but {total[name]:g} of its parts",
                    where=where,
                    line=lines[position],
                    expected="counts that agree with each other",
                )
