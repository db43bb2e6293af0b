"""``make bench``: every speed claim, measured now, on this machine."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console, RenderableType

from bench.folding_estimates import folding_estimates
from bench.image_throughput import image_throughput
from bench.layer_cache import layer_cache
from bench.pipeline_compute import pipeline_compute
from bench.pipeline_transport import MIDDLE_BYTES, pipeline_transport
from bench.planner import planner, planner_tables
from bench.report_reading import report_reading
from bench.sweep_executors import sweep_executors
from bench.tables import comparison_table, compute_table, executor_table, transport_table

#: What runs under a name, and the table or tables of what it found.
BENCHMARKS: dict[str, tuple[Callable[[], Sequence[Any]], Callable[[Any], RenderableType]]] = {
    "estimates": (folding_estimates, comparison_table),
    "images": (lambda: [image_throughput()], comparison_table),
    "layers": (lambda: [layer_cache()], comparison_table),
    "reports": (lambda: [report_reading()], comparison_table),
    "transport": (
        lambda: [one for middle in MIDDLE_BYTES for one in pipeline_transport(middle)],
        transport_table,
    ),
    "compute": (pipeline_compute, compute_table),
    "executor": (sweep_executors, executor_table),
    "planner": (planner, planner_tables),
}
#: Of tables that go into a file or a pipe.
_WIDTH = 140


def main(arguments: Sequence[str] | None = None) -> None:
    """Run every benchmark, or those that are named."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=BENCHMARKS, help="run this one; may be repeated"
    )
    parser.add_argument("--json", action="store_true", help="print data instead of tables")
    chosen = parser.parse_args(arguments)
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    found: dict[str, list[dict[str, Any]]] = {}
    for name, (measure, table) in BENCHMARKS.items():
        if chosen.only and name not in chosen.only:
            continue
        load = os.getloadavg()[0]
        try:
            results = measure()
        except FileNotFoundError as error:
            print(f"{name}: not measured: {error}", file=sys.stderr)
            continue
        if chosen.json:
            found[name] = [asdict(result) for result in results]
        else:
            console.print(table(results), f"Load of the machine before: {load:.1f}\n")
    if chosen.json:
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
