"""table1.json: everything in a table, under the keys that docs/formats.md documents."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from reports.panels import lay_out
from reports.table import Entry, Pipeline, Point, SplitTable
from reports.utilization import RESOURCES

FORMAT = "split-dse/table1"
VERSION = 1


def table_as_json(table: SplitTable) -> str:
    """JSON text, ending in a newline; unknown is null. The same table gives the same bytes."""
    return json.dumps(table_as_data(table), indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def table_as_data(table: SplitTable) -> dict[str, Any]:
    """The content of table1.json as plain dicts, lists, numbers and strings."""
    page = lay_out(table)
    available = table.device.available() if table.device else dict.fromkeys(RESOURCES)
    return {
        "format": FORMAT,
        "version": VERSION,
        "configuration": asdict(table.configuration),
        "available": available,
        "sources": dict(page.sources),
        "entries": [_entry(entry, table.configuration.clock_mhz) for entry in table.entries],
        "pipelines": [_pipeline(pipeline) for pipeline in table.pipelines],
        "mean_absolute_difference": [
            {
                "source": difference.source.value,
                "resource": difference.resource,
                "percentage_points": difference.percentage_points,
                "splits": difference.count,
            }
            for difference in table.differences
        ],
        "notes": list(page.notes),
    }


def _place(point: Point) -> dict[str, Any]:
    return {"split": point.split, "pool": point.pool}


def _entry(entry: Entry, clock_mhz: float) -> dict[str, Any]:
    used = entry.utilization
    return {
        **_place(entry.point),
        "part": entry.part.value,
        "source": entry.source.value,
        "status": entry.status.value,
        "tool": used.tool if used else None,
        "tool_version": used.tool_version if used else None,
        "stage": used.stage.value if used else None,
        "scope": used.scope.value if used else None,
        "used": {name: _whole(count) for name, count in entry.used().items()},
        "used_derived": entry.used_derived,
        "percent": {name: entry.percent[name] for name in RESOURCES},
        "bytes_per_image": entry.bytes_per_image,
        "cycles_per_image": entry.cycles,
        "frames_per_second": clock_mhz * 1e6 / entry.cycles if entry.cycles else None,
        "slowest": entry.slowest,
        "slowest_layer": entry.slowest_layer,
        "error": entry.error,
        "citation": entry.citation,
    }


def _pipeline(pipeline: Pipeline) -> dict[str, Any]:
    return {
        **_place(pipeline.point),
        "source": pipeline.source.value,
        "bytes_per_image": pipeline.bytes_per_image,
        "cycles_first": pipeline.cycles_first,
        "cycles_second": pipeline.cycles_second,
        "initiation_interval": pipeline.interval,
        "frames_per_second": pipeline.frames_per_second,
        "slowest": pipeline.slowest,
        "slowest_layer": pipeline.slowest_layer,
        "slowest_part": pipeline.slowest_part.value if pipeline.slowest_part else None,
    }


def _whole(count: float | None) -> float | None:
    """A count without a fraction as an integer, however it came about."""
    return int(count) if count is not None and count == int(count) else count
