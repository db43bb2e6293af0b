"""``python -m bench.report_correctness``: how much of the corpus each reader reads rightly.

Every field of the index counts once per reader: right, wrong (another value), or not read (no
value, or an error). Needs the folder shared/ beside the checkout; a peer that is not installed is
shown as such (CONTRIBUTING.md says which there are).
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.report_corpus import indexed_reports
from bench.report_peers import Reader, peers
from reports.readers import HlsReport, PowerReport, TimingReport, read_report

OUTCOMES = ("right", "wrong", "not read")
_TEXT = ("version", "device", "state")


def ours(path: Path, _: str) -> dict[str, Any]:
    """The fields of our records, under the names of the index."""
    [report] = read_report(path)
    about = report.provenance
    fields: dict[str, Any] = {
        "version": about.tool_version,
        "device": about.device,
        "state": about.state,
    }
    if isinstance(report, TimingReport):
        return fields | {name: getattr(report, name) for name in ("wns", "tns", "whs", "ths")}
    if isinstance(report, PowerReport):
        return fields | {"power_w": report.total}
    for name, field in (("lut", "lut"), ("ff", "ff"), ("dsp", "dsp"), ("uram", "uram")):
        fields[f"{field}_used"] = getattr(report.utilization, name)
        fields[f"{field}_avail"] = report.available[name]
    fields["lutmem_used"] = report.utilization.lutram
    fields["bram_tile_used"], fields["bram_avail"] = (
        report.utilization.bram,
        report.available["bram"],
    )
    fields["bram18_used"] = report.bram18
    if isinstance(report, HlsReport):
        fields["hls_latency_worst"] = report.latency_worst
        fields["hls_est_clk"] = report.estimated_clock_ns
    return fields


def outcomes(read: Reader, kinds: Counter[tuple[str, str]] | None = None) -> Counter[str]:
    """How many fields of the index ``read`` gets right, wrong, or not at all.

    ``kinds`` receives the same by kind of report.
    """
    total: Counter[str] = Counter()
    for path, kind, expected in indexed_reports():
        try:
            fields = read(path, kind)
        # A peer may fail in any way; that is a file it does not read.
        except Exception:
            fields = {}
        for name, value in expected.items():
            outcome = _outcome(fields.get(name), value, name in _TEXT)
            total[outcome] += 1
            if kinds is not None:
                kinds[kind, outcome] += 1
    return total


def _outcome(found: Any, expected: str, text: bool) -> str:
    if found is None or found != found or found == "":
        return "not read"
    if text:
        return "right" if found == expected else "wrong"
    try:
        return "right" if float(found) == float(expected) else "wrong"
    except (TypeError, ValueError):
        return "wrong"


def main() -> None:
    """Print the table; ``--json`` prints data instead."""
    if not indexed_reports():
        sys.exit("no reports: shared/vivado_reports beside the checkout is missing")
    readers: dict[str, tuple[str, Reader | None]] = {"split-dse": ("", ours), **peers()}
    results: dict[str, dict[str, Any]] = {}
    for name, (version, read) in readers.items():
        kinds: Counter[tuple[str, str]] = Counter()
        counts = None if read is None else outcomes(read, kinds)
        results[name] = {
            "version": version,
            "fields": None if counts is None else {key: counts[key] for key in OUTCOMES},
            "by_kind": {
                kind: {key: kinds[kind, key] for key in OUTCOMES}
                for kind in sorted({kind for kind, _ in kinds})
            },
        }
    if "--json" in sys.argv[1:]:
        print(json.dumps(results, indent=1))
        return
    table = Table(title="Fields of the index, by reader", expand=False)
    table.add_column("Reader", no_wrap=True)
    for outcome in OUTCOMES:
        table.add_column(outcome.capitalize(), justify="right")
    table.add_column("Wrong in")
    for name, result in results.items():
        fields = result["fields"]
        if fields is None:
            table.add_row(name, "", "", "", result["version"])
            continue
        wrong = ", ".join(
            f"{kind} {counts['wrong']}"
            for kind, counts in result["by_kind"].items()
            if counts["wrong"]
        )
        cells = [f"{fields[key]:,}" for key in OUTCOMES]
        table.add_row(f"{name} {result['version']}".strip(), *cells, wrong)
    Console().print(table)


if __name__ == "__main__":
    main()
