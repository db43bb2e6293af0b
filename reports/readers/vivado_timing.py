"""``report_timing_summary``: worst and total slack of the design."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from dse.errors import ReportError
from reports.readers.cell_values import decimal
from reports.readers.records import TimingReport
from reports.readers.report_lines import Numbered
from reports.readers.report_start import is_start
from reports.readers.vivado_header import Header

_SUMMARY = "Design Timing Summary"
_CLOCKS = "Clock Summary"
#: Name, edges, period in ns, frequency in MHz; a generated clock is indented under its source.
_CLOCK_ROW = re.compile(r"\s*(?P<name>\S+)\s+\{[-\d. ]+\}\s+[\d.]+\s+(?P<mhz>\d+(?:\.\d+)?)\s*")
#: Tables of the same slacks by clock or group; the design's is the worst of theirs.
_BY_CLOCK = ("Intra Clock Table", "Inter Clock Table", "Other Path Groups Table")
_COLUMNS = (
    "WNS(ns)",
    "TNS(ns)",
    "TNS Failing Endpoints",
    "WHS(ns)",
    "THS(ns)",
    "THS Failing Endpoints",
)
_MET = "All user specified timing constraints are met."
_MISSED = "Timing constraints are not met."
_UNKNOWN = ("NA", "N/A", "inf", "")
#: The tool rounds to a thousandth of a nanosecond.
_ROUNDING = 0.0005 + 1e-6


class _ByClock:
    """One column of the tables by clock: how many values, the least, and their sum."""

    __slots__ = ("count", "least", "sum")

    def __init__(self) -> None:
        self.count, self.least, self.sum = 0, 0.0, 0.0

    def add(self, value: float) -> None:
        self.least = min(self.least, value) if self.count else value
        self.count += 1
        self.sum += value


def read_timing(header: Header, lines: Iterator[Numbered]) -> tuple[TimingReport, Numbered | None]:
    """The report behind ``header``, and the first line of the next report in the file, if any.

    Raises ReportError.
    """
    where = header.where
    summary: tuple[int, dict[str, float | None]] | None = None
    verdict: str | None = None
    by_clock = {name: _ByClock() for name in _COLUMNS}
    clocks: list[tuple[str, float]] = []
    in_clocks = False
    following: Numbered | None = None
    number = header.line
    for number, line in lines:
        if line.startswith("| "):
            title = line[2:].strip()
            in_clocks = title == _CLOCKS or (in_clocks and not title.strip("-"))
            if title == _SUMMARY:
                if summary is not None:
                    raise ReportError("two summaries", where=where, line=number)
                rows = list(_slack_rows(lines, number, where))
                if len(rows) != 1:
                    raise _incomplete(where, number)
                summary = rows[0]
            elif title in _BY_CLOCK:
                for _, row in _slack_rows(lines, number, where):
                    for name, value in row.items():
                        if value is not None:
                            by_clock[name].add(value)
            elif is_start(line):
                following = (number, line)
                break
        elif line.startswith("=") and is_start(line):
            following = (number, line)
            break
        elif line.rstrip() in (_MET, _MISSED) and verdict is None:
            verdict = line.rstrip()
        elif in_clocks and (clock := _CLOCK_ROW.fullmatch(line.rstrip())):
            clocks.append((clock["name"], decimal(clock["mhz"], where, number, "Frequency(MHz)")))
    if summary is None:
        raise _incomplete(where, number)
    line_of, slacks = summary
    if slacks[_COLUMNS[0]] is not None and not by_clock[_COLUMNS[0]].count:
        raise ReportError(
            "no slacks by clock",
            where=where,
            line=number,
            expected=f"a box {_BY_CLOCK[0]} behind the summary, to hold it against",
        )
    _check(slacks, verdict, by_clock, where, line_of)
    return (
        TimingReport(
            header.provenance(),
            wns=slacks["WNS(ns)"],
            tns=slacks["TNS(ns)"],
            whs=slacks["WHS(ns)"],
            ths=slacks["THS(ns)"],
            clocks=tuple(clocks),
        ),
        following,
    )


def _slack_rows(
    lines: Iterator[Numbered], number: int, where: Path
) -> Iterator[tuple[int, dict[str, float | None]]]:
    """The rows of the table behind a boxed title at ``number``, up to a blank line.

    Columns stand under a line of dashes. Numbers end where their dashes end and may be wider.
    """
    box = 0
    header = ""
    for number, line in lines:
        text = line.strip()
        if box < 2:
            if not (text.startswith("|") or text.startswith("---")):
                raise _incomplete(where, number)
            box += 1
        elif text and not header:
            if text.startswith("---"):
                return  # the next box: this one is empty
            header = line.rstrip()
        elif header:
            break
    else:
        raise _incomplete(where, number)
    if not text or text.replace("-", "").strip():
        raise _incomplete(where, number)
    ends = [match.end() for match in re.finditer(r"-+", line)]
    starts = [0, *ends[:-1]]
    columns = {header[a:b].strip(): (a, b) for a, b in zip(starts, ends, strict=True)}
    missing = [name for name in _COLUMNS if name not in columns]
    first = header.find(_COLUMNS[0])
    name_end = max((end for end in ends if end <= first), default=-1)
    if missing or header[ends[-1] :].strip():
        raise ReportError(
            f"no column {', '.join(missing) or 'line under ' + header[ends[-1] :].strip()}",
            where=where,
            line=number,
            expected=f"the columns {', '.join(_COLUMNS)}",
        )
    for number, line in lines:
        if not line.strip():
            return
        if line[ends[-1] :].strip():
            raise _incomplete(where, number)
        row: dict[str, float | None] = {}
        for name in _COLUMNS:
            start, end = columns[name]
            cell = line[start:end]
            if start == name_end:
                # The names before may be wider than their dashes, and reach in.
                cell = cell[cell.rstrip().rfind(" ") + 1 :]
            if not cell.endswith(" ") and cell and not line[end : end + 1].strip():
                text = cell.strip()
                row[name] = None if text in _UNKNOWN else decimal(text, where, number, name)
            elif cell.strip() and start != name_end:
                raise _incomplete(where, number)
            else:
                row[name] = None
        yield number, row
    raise _incomplete(where, number)


def _check(
    slacks: dict[str, float | None],
    verdict: str | None,
    by_clock: dict[str, _ByClock],
    where: Path,
    line: int,
) -> None:
    """Slack, total, count of failing endpoints, verdict and tables by clock must agree."""
    for slack_name, total_name, failing_name in (_COLUMNS[:3], _COLUMNS[3:]):
        slack, total, failing = slacks[slack_name], slacks[total_name], slacks[failing_name]
        if slack is None or total is None or failing is None:
            if not (slack is None and total in (None, 0) and failing in (None, 0)):
                raise _disagree(f"{slack_name} {slack} with {total_name} {total}", where, line)
            continue
        if failing == 0:
            agrees = slack >= 0 and total == 0
        else:
            # Each failing endpoint misses by at most the worst slack.
            agrees = slack < 0 and slack * failing - 1e-3 * failing <= total <= slack + _ROUNDING
        if not agrees:
            raise _disagree(
                f"{slack_name} {slack} with {total_name} {total} and {failing:g} failing endpoints",
                where,
                line,
            )
        if verdict == _MET and slack < 0:
            raise _disagree(f"{slack_name} {slack} with {verdict!r}", where, line)
        slacks_of, totals_of = by_clock[slack_name], by_clock[total_name]
        if slacks_of.count and abs(slacks_of.least - slack) > _ROUNDING:
            raise _disagree(
                f"{slack_name} {slack} with {slacks_of.least}, the worst of the clocks", where, line
            )
        # An endpoint may be counted under several clocks.
        slop = _ROUNDING * (totals_of.count + 1 if totals_of.count > 1 else 1)
        if totals_of.count and not totals_of.sum - slop <= total <= totals_of.least + slop:
            raise _disagree(f"{total_name} {total} with those of the clocks", where, line)


def _disagree(what: str, where: Path, line: int) -> ReportError:
    return ReportError(
        f"{what} do not agree",
        where=where,
        line=line,
        expected="slacks that agree with each other",
    )


def _incomplete(where: Path, line: int) -> ReportError:
    return ReportError(
        "the timing summary is not complete",
        where=where,
        line=line,
        expected=f"a box {_SUMMARY}, {', '.join(_COLUMNS)} and their values",
    )
