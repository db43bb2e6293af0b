"""The box at the top of every Vivado report, and which of its kinds the report is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dse.errors import ReportError
from reports.readers.records import Provenance, ReportKind
from reports.readers.report_lines import Numbered
from reports.utilization import Stage

_VERSION = re.compile(
    r"(Vivado|Vitis)(?: Design Suite)? v\.?([0-9]{4}\.[0-9]+(?:\.[0-9]+)*)(?![0-9]).*"
)

#: Design states in which the tool has not yet given every cell its place, and those where it has.
_STAGES = {
    "synthesized": Stage.SYNTHESISED,
    "optimized": Stage.SYNTHESISED,
    "fully placed": Stage.PLACED,
    "placed": Stage.PLACED,
    "physopt postplace": Stage.PLACED,
    "fully routed": Stage.PLACED,
    "partially routed": Stage.PLACED,
    "routed": Stage.PLACED,
    "physopt postroute": Stage.PLACED,
}

_TITLES = {
    "Utilization Design Information": ReportKind.UTILIZATION,
    "Accelerator Utilization Design Information": ReportKind.ACCELERATOR,
    "Timing Summary Report": ReportKind.TIMING,
    "Power Report": ReportKind.POWER,
}

_COMMANDS = {
    "report_utilization": ReportKind.UTILIZATION,
    "report_accelerator_utilization": ReportKind.ACCELERATOR,
    "report_timing_summary": ReportKind.TIMING,
    "report_power": ReportKind.POWER,
}

_MOST_FIELDS = 40


@dataclass(frozen=True)
class Header:
    """``fields`` of the box by name; ``kind`` by the title below it; where it stands."""

    fields: dict[str, str]
    kind: ReportKind
    where: Path
    line: int

    def required(self, name: str) -> str:
        """The field ``name``. Raises ReportError if the box lacks it."""
        value = self.fields.get(name)
        if not value:
            raise ReportError(
                f"the header does not say the {name}",
                where=self.where,
                line=self.line,
                expected=f"a line | {name} : …",
            )
        return value

    def stage(self) -> Stage:
        """How far the design was. Raises ReportError for a state in between or unknown."""
        state = self.required("Design State")
        stage = _STAGES.get(state.lower())
        if stage is None:
            raise ReportError(
                f"design state {state!r}", where=self.where, line=self.line, choices=_STAGES
            )
        return stage

    def provenance(self, kind: ReportKind | None = None) -> Provenance:
        """Raises ReportError if tool version or device is missing."""
        fields = self.fields
        version = _VERSION.fullmatch(self.required("Tool Version"))
        if version is None:
            raise ReportError(
                f"tool version {fields['Tool Version']!r}",
                where=self.where,
                line=self.line,
                expected="a version such as Vivado v.2018.3",
            )
        return Provenance(
            file=str(self.where),
            line=self.line,
            kind=kind or self.kind,
            tool=version[1],
            tool_version=version[2],
            device=self.required("Device"),
            design=fields.get("Design"),
            state=fields.get("Design State"),
            command=fields.get("Command"),
            date=fields.get("Date"),
        )


def read_header(start: Numbered, lines: Iterator[Numbered], where: Path) -> Header:
    """The box whose first line is ``start``, and the title behind it. Raises ReportError."""
    first, line = start
    number = first
    fields: dict[str, str] = {}
    closed = False
    while line.startswith("| "):
        name, colon, value = line[2:].partition(":")
        name = name.strip()
        if not colon or name in fields or len(fields) == _MOST_FIELDS:
            break
        fields[name] = value.strip()
        number, line = next(lines, (number, ""))
    if line.startswith("---") and not line.rstrip().strip("-"):
        closed = True
        number, line = next(((n, text) for n, text in lines if text.strip()), (number, ""))
    kind = _TITLES.get(line.strip()) if closed else None
    if kind is None:
        raise ReportError(
            "not a report that can be read" if closed else "the header is not complete",
            where=where,
            line=number,
            expected="the box of a Vivado report, and a title behind it",
            choices=_TITLES,
        )
    command = fields.get("Command", "").split(" ")[0]
    if _COMMANDS.get(command, kind) is not kind:
        raise ReportError(
            f"titled {line.strip()!r}, but written by {command}", where=where, line=number
        )
    return Header(fields, kind, where, first)
