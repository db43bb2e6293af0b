"""``make bench``: every speed claim, measured now, on this machine."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from bench.folding_estimates import folding_estimates
from bench.image_throughput import image_throughput
from bench.layer_cache import layer_cache
from bench.report_reading import report_reading


def main() -> None:
    """Run every benchmark; ``--json`` prints data instead of a table."""
    results = [*folding_estimates(), image_throughput(), layer_cache()]
    try:
        results.append(report_reading())
    except FileNotFoundError as error:
        print(f"not measured: {error}", file=sys.stderr)
    if "--json" in sys.argv[1:]:
        print(json.dumps([asdict(result) for result in results], indent=1))
        return
    table = Table(title="Medians of interleaved rounds, this machine, this run", expand=False)
    table.add_column("What")
    table.add_column("Ours", justify="right")
    table.add_column("Alternative", justify="right")
    table.add_column("Ratio (least – most of a round)", justify="right")
    for result in results:
        table.add_row(
            result.what,
            f"{result.ours_per_second:,.1f} {result.unit}\n{result.ours}",
            f"{result.alternative_per_second:,.1f} {result.unit}\n{result.alternative}",
            f"{result.ratio:,.1f}x ({result.least:,.1f} – {result.most:,.1f})",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
