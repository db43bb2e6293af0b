"""The tables of Vivado's text reports: columns by header, rows by name, complete or refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dse.errors import ReportError
from reports.readers.report_lines import Numbered

#: Rows kept of one table, so that memory is bounded.
MOST_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table between rules of ``+`` and ``-``.

    ``columns``: position by header. ``rows``: line number and cells, as they stand (spaces carry
    the hierarchy); cell 0 and the last are empty, so that ``columns`` index them directly.
    ``line``: of the header.
    """

    columns: dict[str, int]
    rows: list[tuple[int, list[str]]]
    line: int
    where: Path

    def column(self, *names: str) -> int:
        """The position of the first of ``names`` that is a header. Raises ReportError."""
        for name in names:
            if name in self.columns:
                return self.columns[name]
        raise ReportError(
            f"no column {' or '.join(names)}",
            where=self.where,
            line=self.line,
            expected=f"it among {', '.join(filter(None, self.columns))}",
        )


def read_table(
    rule: str, number: int, lines: Iterator[Numbered], where: Path, header: bool = True
) -> TextTable:
    """The table whose opening ``rule`` is line ``number``; ``lines`` are those behind it.

    ``header``: whether its first row names the columns. Raises ReportError unless the table is
    complete, down to its closing rule, and every row lines up with the rule.
    """
    if rule.strip("+-") or not rule.startswith("+-") or not rule.endswith("-+"):
        raise _damaged(rule, number, where)
    width = rule.count("+") + 1
    length = len(rule)
    columns: dict[str, int] = {}
    head = number + 1
    if header:
        head, line = next(lines, (number, ""))
        names = [name.strip() for name in line.split("|")]
        if len(names) != width or len(line) != length:
            raise _damaged(line, head, where)
        columns = {name: position for position, name in enumerate(names) if name}
        if len(columns) < len([name for name in names if name]):
            raise ReportError("a table with two columns of one name", where=where, line=head)
        second, line = next(lines, (head, ""))
        if line != rule:
            raise _damaged(line, second, where)
    rows: list[tuple[int, list[str]]] = []
    last = head
    for last, line in lines:
        if line == rule:
            return TextTable(columns, rows, head, where)
        cells = line.split("|")
        # A wide character takes several columns on the tool's side.
        if len(cells) != width or (len(line) != length and line.isascii()) or cells[0]:
            raise _damaged(line, last, where)
        rows.append((last, cells))
        if len(rows) > MOST_ROWS:
            raise ReportError(
                f"a table of over {MOST_ROWS} rows",
                where=where,
                line=last,
                expected="fewer, as -hierarchical_depth gives",
            )
    raise ReportError(
        "the file ends within a table", where=where, line=last, expected="its closing rule"
    )


def _damaged(line: str, number: int, where: Path) -> ReportError:
    shown = line if len(line) <= 60 else line[:60] + "…"
    return ReportError(
        f"a damaged table: {shown!r}",
        where=where,
        line=number,
        expected="a row that lines up with the table's rules, down to a closing one",
    )
