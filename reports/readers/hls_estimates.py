"""The record of a csynth report, from what either of its two forms says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dse.errors import ReportError
from reports.readers.device_check import check_available
from reports.readers.records import HlsReport, Provenance, ReportKind
from reports.utilization import RESOURCES, Scope, Stage, Utilization

Range = tuple[int | None, int | None]


def hls_report(
    path: Path,
    line: int,
    tool: str,
    version: str,
    device: str,
    design: str,
    date: str | None,
    used: Mapping[str, float | None],
    available: Mapping[str, float | None],
    latency: Range,
    interval: Range,
    clock: tuple[float | None, float | None],
) -> HlsReport:
    """``used`` and ``available`` by HLS' names (LUT, FF, BRAM_18K, DSP, URAM).

    ``latency``, ``interval``: least and greatest; ``clock``: target and estimate. Raises
    ReportError for a range that is none, or a device that has other numbers available.
    """
    for what, (least, most) in (("latency", latency), ("interval", interval)):
        if least is not None and most is not None and least > most:
            raise ReportError(f"{what} from {least} to {most}", where=path, line=line)
    bram18 = used["BRAM_18K"]
    tiles = available["BRAM_18K"]
    room = dict.fromkeys(RESOURCES) | {
        "lut": available["LUT"],
        "ff": available["FF"],
        "bram": None if tiles is None else tiles / 2,
        "dsp": available["DSP"],
        "uram": available["URAM"],
    }
    check_available(device, room, path, line)
    return HlsReport(
        Provenance(
            str(path), line, ReportKind.HLS, tool, version, device, design, None, None, date
        ),
        Utilization(
            device,
            tool,
            version,
            Stage.ESTIMATE,
            Scope.OUT_OF_CONTEXT,
            lut=used["LUT"],
            ff=used["FF"],
            bram=None if bram18 is None else bram18 / 2,
            dsp=used["DSP"],
            uram=used["URAM"],
        ),
        room,
        bram18,
        *latency,
        *interval,
        *clock,
    )
