"""The csynth XML report of Vivado HLS and Vitis HLS."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

from dse.errors import ReportError
from reports.readers.cell_values import count, decimal
from reports.readers.hls_estimates import hls_report
from reports.readers.records import HlsReport
from reports.readers.report_lines import BLOCK

_PIECE = 1 << 16
_MOST_DEPTH = 100
_MOST_PIECES = 100
_UNKNOWN = ("", "?", "undef", "-", "inf")
_VERSION = re.compile(r"[0-9]{4}\.[0-9]+(?:\.[0-9]+)*")

_LATENCY = "PerformanceEstimates/SummaryOfOverallLatency/"
_WANTED = {
    "ReportVersion/Version",
    "UserAssignments/Part",
    "UserAssignments/TopModelName",
    "UserAssignments/TargetClockPeriod",
    "UserAssignments/unit",
    "PerformanceEstimates/SummaryOfTimingAnalysis/unit",
    "PerformanceEstimates/SummaryOfTimingAnalysis/EstimatedClockPeriod",
    _LATENCY + "Best-caseLatency",
    _LATENCY + "Worst-caseLatency",
    _LATENCY + "Interval-min",
    _LATENCY + "Interval-max",
    *(
        f"AreaEstimates/{table}/{name}"
        for table in ("Resources", "AvailableResources")
        for name in ("LUT", "FF", "BRAM_18K", "DSP48E", "DSP", "URAM")
    ),
}


def read_csynth_xml(path: Path) -> HlsReport:
    """The one report in the file: several in a row are not XML, and refused.

    The document must be complete. Entities are not expanded. Raises ReportError.
    """
    found: dict[str, tuple[str, int]] = {}
    elements: list[str] = []
    text: list[str] = []
    parser = expat.ParserCreate()

    def fail(message: str, expected: str) -> NoReturn:
        raise ReportError(message, where=path, line=parser.CurrentLineNumber, expected=expected)

    def start(name: str, _: dict[str, str]) -> None:
        if not elements and name != "profile":
            fail(f"an XML file of <{name}>", "the csynth report of HLS, a <profile>")
        elements.append(name)
        text.clear()
        if len(elements) > _MOST_DEPTH:
            fail("XML nested too deep", "the csynth report of HLS")

    def end(_: str) -> None:
        place = "/".join(elements[1:]) if len(elements) <= 4 else ""
        if place in _WANTED:
            if place in found:
                fail(f"{place} stands there twice", "one number of each")
            found[place] = "".join(text).strip(), parser.CurrentLineNumber
        elements.pop()
        text.clear()

    def characters(data: str) -> None:
        # What is longer is no number, and need not be kept whole to be refused.
        if len(text) < _MOST_PIECES:
            text.append(data)

    def entity(*_: object) -> None:
        fail("an XML file that declares entities", "the csynth report of HLS")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    parser.EntityDeclHandler = entity
    parser.buffer_text = True
    try:
        with path.open("rb") as file:
            fed = 0
            while piece := file.read(_PIECE):
                parser.Parse(piece)
                fed += len(piece)
                # A tag or comment is kept until it ends; text is not.
                if fed - max(parser.CurrentByteIndex, 0) > BLOCK:
                    fail("a piece of XML of over 1 MiB", "the csynth report of HLS")
            parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise ReportError(
            f"not complete XML: {expat.ErrorString(error.code)}",
            where=path,
            line=error.lineno,
            expected="the csynth report of HLS",
        ) from error
    except OSError as error:
        raise ReportError(f"cannot be read: {error.strerror}", where=path) from error
    return _report(found, path)


def _report(found: dict[str, tuple[str, int]], path: Path) -> HlsReport:
    def required(place: str) -> str:
        value, _ = found.get(place, ("", 0))
        if not value:
            raise ReportError(f"no {place}", where=path, expected="a number or name in it")
        return value

    def number(place: str) -> float | None:
        value, line = found.get(place, ("", 0))
        return None if value in _UNKNOWN else count(value, path, line, place)

    def cycles(name: str) -> int | None:
        value = number(_LATENCY + name)
        return None if value is None else int(value)

    def nanoseconds(place: str) -> float | None:
        value, line = found.get(place, ("", 0))
        unit, _ = found.get(place.rpartition("/")[0] + "/unit", ("ns", 0))
        if value and unit != "ns":
            raise ReportError(f"{place} in {unit}", where=path, line=line, expected="ns")
        return None if value in _UNKNOWN else decimal(value, path, line, place)

    def resources(table: str) -> dict[str, float | None]:
        values = {
            name: number(f"AreaEstimates/{table}/{name}")
            for name in ("LUT", "FF", "BRAM_18K", "URAM")
        }
        dsps = [number(f"AreaEstimates/{table}/{name}") for name in ("DSP48E", "DSP")]
        if None not in dsps:
            raise ReportError("both DSP and DSP48E", where=path, expected="one of them")
        values["DSP"] = next((dsp for dsp in dsps if dsp is not None), None)
        for name in ("LUT", "FF", "BRAM_18K", "DSP"):
            if values[name] is None:
                raise ReportError(
                    f"no {name} in AreaEstimates/{table}", where=path, expected="a count"
                )
        return values

    version = required("ReportVersion/Version")
    if not _VERSION.fullmatch(version):
        raise ReportError(f"version {version!r}", where=path, expected="such as 2020.1")
    # Vivado HLS counts DSP48E, Vitis HLS (which followed it) DSP.
    vivado = "AreaEstimates/Resources/DSP48E" in found
    return hls_report(
        path,
        1,
        "Vivado HLS" if vivado else "Vitis HLS",
        version,
        required("UserAssignments/Part"),
        required("UserAssignments/TopModelName"),
        None,
        resources("Resources"),
        resources("AvailableResources"),
        latency=(cycles("Best-caseLatency"), cycles("Worst-caseLatency")),
        interval=(cycles("Interval-min"), cycles("Interval-max")),
        clock=(
            nanoseconds("UserAssignments/TargetClockPeriod"),
            nanoseconds("PerformanceEstimates/SummaryOfTimingAnalysis/EstimatedClockPeriod"),
        ),
    )
