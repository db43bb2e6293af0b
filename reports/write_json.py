"""table1.json: everything in a table, under the keys that docs/formats.md documents."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from reports.comparison import increments
from reports.panels import lay_out
from reports.table import TABLE_RESOURCES, Entry, Pipeline, Point, SplitTable
from reports.utilization import RESOURCES, Source

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
                "greatest": difference.greatest,
                "greatest_split": difference.greatest_split,
            }
            for difference in table.differences
        ],
        "increments": [
            {
                "source": one.source.value,
                "resource": one.resource,
                "split": one.split,
                "percentage_points": one.percentage_points,
                "paper_percentage_points": one.paper,
            }
            for source in table.sources
            for resource in TABLE_RESOURCES
            for one in increments(table, source, resource)
        ],
        "layers": _layers(table),
        "explanations": [
            {"source": one.source.value, "sentences": list(one.sentences)}
            for one in page.explanations
        ],
        "notes": list(page.notes),
    }


def _layers(table: SplitTable) -> list[dict[str, Any]]:
    estimated = {
        one.layer: one.cycles for one in table.layers if one.source is Source.FINN_ESTIMATE
    }
    found = []
    for one in table.layers:
        base = estimated.get(one.layer)
        gap = None if base is None or one.cycles is None else one.cycles - base
        found.append(
            {
                "layer": one.layer,
                "source": one.source.value,
                "cycles_per_image": one.cycles,
                "cycles_measured": one.cycles_measured,
                "cycles_less_finn_estimate": None if one.source is Source.FINN_ESTIMATE else gap,
                "logic_depth": one.logic_depth,
                "carry_depth": one.carry_depth,
            }
        )
    return found


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
        "cycles_measured": entry.cycles_measured,
        "latency_cycles": entry.latency_cycles,
        "frames_per_second": clock_mhz * 1e6 / entry.cycles if entry.cycles else None,
        "slowest": entry.slowest,
        "slowest_layer": entry.slowest_layer,
        "error": entry.error,
        "citation": entry.citation,
        "implementation": None if entry.implementation is None else asdict(entry.implementation),
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
        "measured": pipeline.measured,
        "latency_cycles": pipeline.latency_cycles,
        "slowest": pipeline.slowest,
        "slowest_layer": pipeline.slowest_layer,
        "slowest_part": pipeline.slowest_part.value if pipeline.slowest_part else None,
    }


def _whole(count: float | None) -> float | None:
    """A count without a fraction as an integer, however it came about."""
    return int(count) if count is not None and count == int(count) else count
