"""``report_power``: total power on the chip."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dse.errors import ReportError
from reports.readers.cell_values import decimal
from reports.readers.records import PowerReport
from reports.readers.report_lines import Numbered
from reports.readers.report_start import is_start
from reports.readers.vivado_header import Header
from reports.readers.vivado_text_tables import read_table

_SUMMARY, _COMPONENTS = "Summary", "On-Chip Components"
_TOTAL, _DYNAMIC, _STATIC = "Total On-Chip Power (W)", "Dynamic (W)", "Device Static (W)"
#: Each is printed to a milliwatt; their sum may be one off.
_ROUNDING = 0.001 + 1e-6


def read_power(header: Header, lines: Iterator[Numbered]) -> tuple[PowerReport, Numbered | None]:
    """The report behind ``header``, and the first line of the next report in the file, if any.

    Raises ReportError.
    """
    where = header.where
    summary: dict[str, str] = {}
    line_of = header.line
    components: dict[str, float] = {}
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
                name = cells[at].strip()
                if name in ("Total", "Static Power"):
                    watts = _watts(cells[power], where, row, name)
                    if name in components or watts is None:
                        raise ReportError(f"row {name} twice or unknown", where=where, line=row)
                    components[name] = watts
        elif first in ("|", "=") and is_start(line):
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
    found = {
        name: _watts(summary[name], where, line_of, name) if name in summary else None
        for name in (_TOTAL, _DYNAMIC, _STATIC)
    }
    total, dynamic, static = found[_TOTAL], found[_DYNAMIC], found[_STATIC]
    if total is None:
        raise ReportError(f"{_TOTAL} is {summary[_TOTAL]}", where=where, line=line_of)
    # With memory in the package there is a third share.
    whole = "HBM Power (W)" not in summary
    if whole and dynamic is not None and static is not None:
        _agree(total, dynamic + static, _ROUNDING, "dynamic and static power", where, line_of)
    for printed, name in ((total, "Total"), (static, "Static Power")):
        if printed is not None and components.get(name) is not None:
            _agree(printed, components[name], 1e-6, f"component {name}", where, line_of)
    return (
        PowerReport(header.provenance(), total, dynamic, static, summary.get("Confidence Level")),
        following,
    )


def _agree(total: float, other: float, slop: float, what: str, where: Path, line: int) -> None:
    if abs(total - other) > slop:
        raise ReportError(
            f"{total} W does not agree with {other:.3f} W, {what}",
            where=where,
            line=line,
            expected="powers that agree with each other",
        )


def _watts(text: str, where: Path, line: int, what: str) -> float | None:
    """``1.680``, ``52.683 (Junction temp exceeded!)``; None for ``<0.001``."""
    number, _, remark = text.strip().partition(" ")
    if number == "<0.001":
        return None
    if remark and not (remark.startswith("(") and remark.endswith(")")):
        number = text
    return decimal(number, where, line, what)
