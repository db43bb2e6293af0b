"""The real reports beside the checkout are read to the values of their index, field by field."""

from __future__ import annotations

import csv
from pathlib import Path

from reports.readers import HlsReport, PowerReport, Report, TimingReport, read_report

_NAMES = ("file", "repo", "path", "commit", "kind")
_TEXT = ("version", "device", "state")


def fields_of(report: Report) -> dict[str, str | float | None]:
    """What a report says, under the names of the index."""
    provenance = report.provenance
    found: dict[str, str | float | None] = {
        "version": provenance.tool_version,
        "device": provenance.device,
        "state": provenance.state,
    }
    if isinstance(report, TimingReport):
        return found | {name: getattr(report, name) for name in ("wns", "tns", "whs", "ths")}
    if isinstance(report, PowerReport):
        return found | {"power_w": report.total}
    used, room = report.utilization, report.available
    found |= {
        "lut_used": used.lut,
        "lut_avail": room["lut"],
        "lutmem_used": used.lutram,
        "ff_used": used.ff,
        "ff_avail": room["ff"],
        "bram_tile_used": used.bram,
        "bram_avail": room["bram"],
        "bram18_used": report.bram18,
        "dsp_used": used.dsp,
        "dsp_avail": room["dsp"],
        "uram_used": used.uram,
    }
    if isinstance(report, HlsReport):
        found["hls_latency_worst"] = report.latency_worst
        found["hls_est_clk"] = report.estimated_clock_ns
    return found


def test_every_field_of_every_report(shared: Path) -> None:
    corpus = shared / "vivado_reports"
    with (corpus / "index.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 60
    compared = 0
    wrong = []
    for row in rows:
        [report] = read_report(corpus / row["file"])
        found = fields_of(report)
        for name, expected in row.items():
            if name in _NAMES or not expected:
                continue
            compared += 1
            value = found.get(name)
            right = value == (expected if name in _TEXT else float(expected))
            if not right:
                wrong.append((row["file"], name, expected, value))
    assert wrong == []
    assert compared > 600


def test_every_report_is_read_from_its_first_line_and_no_other(shared: Path) -> None:
    for path in sorted((shared / "vivado_reports").rglob("*.rpt")):
        [report] = read_report(path)
        assert report.provenance.line <= 4
        assert report.provenance.file == str(path)
