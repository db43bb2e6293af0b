"""``report_power``: total power on the chip."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dse.errors import ReportError
from reports.readers.cell_values import decimal
from reports.readers.records import PowerReport
from reports.readers.report_lines import Numbered
from reports.readers.vivado_header import START, Header
from reports.readers.vivado_text_tables import read_table

_SUMMARY, _COMPONENTS = "Summary", "On-Chip Components"
_TOTAL, _DYNAMIC, _STATIC = "Total On-Chip Power (W)", "Dynamic (W)", "Device Static (W)"
#: Printed to a milliwatt each.
_ROUNDING = 0.0016


def read_power(header: Header, lines: Iterator[Numbered]) -> tuple[PowerReport, Numbered | None]:
    """The report behind ``header``, and the first line of the next report in the file, if any.

    Raises ReportError.
    """
    where = header.where
    summary: dict[str, str] = {}
    line_of = header.line
    components: float | None = None
    following: Numbered | None = None
    section = ""
    number = header.line
    for number, line in lines:
        first = line[:1]
        if first == "+" and section == _SUMMARY:
            if summary:
                raise ReportError("two summaries", where=where, line=number)
            line_of = number
            for row, cells in read_table(line, number, lines, where, header=False).rows:
                name = cells[1].strip()
                if len(cells) != 4 or name in summary:
                    raise ReportError(f"row {name!r} twice", where=where, line=row)
                summary[name] = cells[2].strip()
        elif first == "+" and section == _COMPONENTS:
            table = read_table(line, number, lines, where)
            at, power = table.column("On-Chip"), table.column("Power (W)")
            for row, cells in table.rows:
                if cells[at].strip() == "Total":
                    components = _watts(cells[power], where, row, "Total")
        elif first == "|" and line.startswith(START):
            following = (number, line)
            break
        elif first.isdigit():
            section = line.partition(" ")[2].strip()
    if _TOTAL not in summary:
        raise ReportError(
            f"no row {_TOTAL}",
            where=where,
            line=number if not summary else line_of,
            expected=f"a section {_SUMMARY} with it",
        )
    watts = {
        name: _watts(summary[name], where, line_of, name) if name in summary else None
        for name in (_TOTAL, _DYNAMIC, _STATIC)
    }
    total, dynamic, static = watts[_TOTAL], watts[_DYNAMIC], watts[_STATIC]
    if total is None:
        raise ReportError(f"{_TOTAL} is {summary[_TOTAL]}", where=where, line=line_of)
    others = []
    if dynamic is not None and static is not None:
        others.append(dynamic + static)
    if components is not None:
        others.append(components)
    # With memory in the package there is a third share.
    if "HBM Power (W)" not in summary and any(abs(o - total) > _ROUNDING for o in others):
        raise ReportError(
            f"{_TOTAL} {total} does not agree with {', '.join(f'{o:.3f}' for o in others)}",
            where=where,
            line=line_of,
            expected="the sum of dynamic and static power, and of the components",
        )
    return (
        PowerReport(header.provenance(), total, dynamic, static, summary.get("Confidence Level")),
        following,
    )


def _watts(text: str, where: Path, line: int, what: str) -> float | None:
    """``1.680``, ``52.683 (Junction temp exceeded!)``; None for ``<0.001``."""
    number, _, remark = text.strip().partition(" ")
    if number == "<0.001":
        return None
    if remark and not (remark.startswith("(") and remark.endswith(")")):
        number = text
    return decimal(number, where, line, what)
