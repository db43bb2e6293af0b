"""table1.csv: one line per design point and part, with columns of their own for each source."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping

from reports.sweep_record import Implementation, PartName
from reports.table import WHOLE, SplitTable
from reports.utilization import RESOURCES, Source


def table_as_csv(table: SplitTable) -> str:
    """CSV text (comma, LF, a header line); unknown is an empty field.

    Columns: ``network, device, clock_mhz, folding, split, pool, part, bytes_per_image``, then for
    each source ``<source>.<quantity>``, so that numbers of different sources never share a column.
    The sources vivado-synth and vivado-placed have slack, power, run time and misses, too.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    sources = table.sources
    quantities = ["status", "scope", "tool"]
    for name in RESOURCES:
        quantities += [f"{name}.used", f"{name}.percent"]
    quantities += [
        "used_derived",
        "cycles_per_image",
        "cycles_measured",
        "latency_cycles",
        "slowest",
        "pipeline.initiation_interval",
        "pipeline.frames_per_second",
        "pipeline.latency_cycles",
        "error",
    ]
    fixed = ["network", "device", "clock_mhz", "folding", "split", "pool", "part"]
    writer.writerow(
        [
            *fixed,
            "bytes_per_image",
            *(
                f"{source.value}.{quantity}"
                for source in sources
                for quantity in (*quantities, *_vendor_quantities(source))
            ),
        ]
    )
    pipelines = {(pipeline.point, pipeline.source): pipeline for pipeline in table.pipelines}
    configuration = table.configuration
    for point in table.points:
        for part in [PartName.WHOLE] if point == WHOLE else [PartName.FIRST, PartName.SECOND]:
            entries = [table.entry(point, part, source) for source in sources]
            links = [
                entry.bytes_per_image
                for entry in entries
                if entry is not None and entry.bytes_per_image is not None
            ]
            if not any(entries):
                continue
            line: list[object] = [
                configuration.network,
                configuration.device,
                _number(configuration.clock_mhz),
                configuration.folding,
                point.split,
                point.pool,
                part.value,
                links[0] if links else None,
            ]
            for source, entry in zip(sources, entries, strict=True):
                vendor = _vendor_quantities(source)
                if entry is None:
                    line += [None] * (len(quantities) + len(vendor))
                    continue
                used = entry.utilization
                line += [
                    entry.status.value,
                    used.scope.value if used else None,
                    f"{used.tool} {used.tool_version}" if used else None,
                ]
                counts = entry.used()
                for name in RESOURCES:
                    share = entry.percent[name]
                    line += [
                        _number(counts[name]),
                        None if share is None else f"{share:.4f}",
                    ]
                pipeline = pipelines.get((point, source))
                fps = pipeline.frames_per_second if pipeline else None
                line += [
                    str(entry.used_derived).lower(),
                    entry.cycles,
                    None if entry.cycles is None else str(entry.cycles_measured).lower(),
                    entry.latency_cycles,
                    entry.slowest,
                    pipeline.interval if pipeline else None,
                    None if fps is None else f"{fps:.3f}",
                    pipeline.latency_cycles if pipeline else None,
                    entry.error,
                ]
                said = entry.implementation or Implementation()
                line += [vendor[name](said) for name in vendor]
            writer.writerow(line)
    return text.getvalue()


def _vendor_quantities(source: Source) -> Mapping[str, Callable[[Implementation], str | None]]:
    """What only the vendor's tools say, and how it is written."""
    if source not in (Source.VIVADO_SYNTH, Source.VIVADO_PLACED):
        return {}
    return {
        "wns_ns": lambda said: _number(said.wns_ns),
        "whs_ns": lambda said: _number(said.whs_ns),
        "power_w": lambda said: _number(said.power_w),
        "run_seconds": lambda said: _number(said.run_seconds),
        "misses": lambda said: "; ".join(said.misses) or None,
    }


def _number(value: float | None) -> str | None:
    """Whole numbers without a point."""
    return None if value is None else f"{value:.10g}"
