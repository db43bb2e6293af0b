"""A table as pandas data frames, for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from reports.sweep_record import Implementation, PartName
from reports.table import SplitTable
from reports.utilization import RESOURCES

if TYPE_CHECKING:
    from pandas import DataFrame


def tidy_frame(table: SplitTable) -> DataFrame:
    """One row per design point, part, source and resource; unknown is NaN.

    Columns: ``split`` (Int64, missing for the whole network), ``pool``, ``part``, ``source``,
    ``status``, ``scope``, ``resource``, ``used``, ``used_derived``, ``percent``,
    ``bytes_per_image``, ``cycles_per_image`` and ``latency_cycles`` (Int64), ``cycles_measured``
    (whether a simulation counted these), ``wns_ns``, ``whs_ns``, ``power_w``, ``run_seconds`` and
    ``misses`` (of a build by the vendor's tools), ``error``.
    Group by ``source`` before anything is averaged: numbers of two sources do not add up.
    """
    import pandas as pd

    rows = []
    for entry in table.entries:
        used = entry.used()
        said = entry.implementation or Implementation()
        for resource in RESOURCES:
            rows.append(
                {
                    "split": entry.point.split,
                    "pool": entry.point.pool,
                    "part": entry.part.value,
                    "source": entry.source.value,
                    "status": entry.status.value,
                    "scope": entry.utilization.scope.value if entry.utilization else None,
                    "resource": resource,
                    "used": used[resource],
                    "used_derived": entry.used_derived,
                    "percent": entry.percent[resource],
                    "bytes_per_image": entry.bytes_per_image,
                    "cycles_per_image": entry.cycles,
                    "cycles_measured": entry.cycles_measured,
                    "latency_cycles": entry.latency_cycles,
                    "wns_ns": said.wns_ns,
                    "whs_ns": said.whs_ns,
                    "power_w": said.power_w,
                    "run_seconds": said.run_seconds,
                    "misses": "; ".join(said.misses) or None,
                    "error": entry.error,
                }
            )
    types = {
        "split": "Int64",
        "used": "float64",
        "percent": "float64",
        "bytes_per_image": "Int64",
        "cycles_per_image": "Int64",
        "latency_cycles": "Int64",
        "wns_ns": "float64",
        "whs_ns": "float64",
        "power_w": "float64",
        "run_seconds": "float64",
    }
    return pd.DataFrame(rows).astype(types)


def wide_frame(
    table: SplitTable, values: Literal["percent", "used"], part: PartName, pool: str
) -> DataFrame:
    """A row per split, columns (resource, source) in table order; unknown is NaN.

    ``values``: ``percent`` of the device or the count ``used``. ``part`` and ``pool`` say which
    entries; a whole network has one row, without a split. Only resources that some source knows.
    """
    tidy = tidy_frame(table)
    chosen = tidy[tidy["part"] == part.value]
    if part is not PartName.WHOLE:
        # A published figure, and a cut with no pool behind it, stand under "before".
        sides = chosen.groupby("split")["pool"].transform(
            lambda found: pool if pool in set(found) else "before"
        )
        chosen = chosen[chosen["pool"] == sides]
    known = chosen.dropna(subset=[values])
    wide = known.pivot(index="split", columns=["resource", "source"], values=values)
    sources = list(dict.fromkeys(tidy["source"]))
    order = [
        (resource, source)
        for resource in RESOURCES
        for source in sources
        if (resource, source) in wide.columns
    ]
    return wide[order]
