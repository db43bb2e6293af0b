"""Report files per second: our reader against vivado-report-parser, on what both can read."""

from __future__ import annotations

from bench.comparison import Comparison, compare
from bench.report_corpus import indexed_reports
from reports.readers import read_report

PASSES = 5


def report_reading() -> Comparison:
    """Flat utilization reports from disk; ours to checked records, theirs to dicts of strings.

    Both must find the same number of LUTs. Needs the folder shared/ beside the checkout.
    """
    from vivado_report_parser import parse_vivado_report

    files = [(path, fields) for path, kind, fields in indexed_reports() if kind == "util"]
    if not files:
        raise FileNotFoundError("no reports: shared/vivado_reports beside the checkout is missing")

    def parse(path: str) -> dict[str, list[dict[str, str]]]:
        with open(path, newline="") as file:  # noqa: PTH123 - as its own command line does
            return parse_vivado_report(file.read())

    for path, fields in files:
        [report] = read_report(path)
        tables = parse(str(path))
        [logic] = [
            table for title, table in tables.items() if title in ("Slice Logic", "CLB Logic")
        ]
        if not report.utilization.lut == float(logic[0]["Used"]) == float(fields["lut_used"]):
            raise AssertionError(f"the two sides disagree on {path}")
    paths = [str(path) for path, _ in files]

    def run_theirs() -> int:
        for path in paths * PASSES:
            parse(path)
        return len(paths) * PASSES

    def run_ours() -> int:
        for path in paths * PASSES:
            read_report(path)
        return len(paths) * PASSES

    return compare(
        f"reading {len(paths)} utilization reports",
        "files/s",
        ("records, checked against each other", run_ours),
        ("vivado-report-parser, dicts of strings", run_theirs),
        rounds=9,
    )
