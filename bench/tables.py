"""What the benchmarks found, for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from bench.comparison import Comparison
from bench.pipeline_compute import TARGET, ComputingPipeline
from bench.pipeline_transport import IMAGES, ResponseTimes
from bench.sweep_executors import ExecutorOverhead


def comparison_table(results: Sequence[Comparison]) -> Table:
    """Ours and the alternative side by side."""
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
    return table


def transport_table(results: Sequence[ResponseTimes]) -> Table:
    """A row for each contestant and size."""
    table = Table(
        title=f"{IMAGES} images through two stages that compute nothing, response time in ms",
        expand=False,
    )
    table.add_column("Between stages", justify="right")
    table.add_column("Pipeline")
    table.add_column("p50", justify="right")
    table.add_column("p99", justify="right")
    table.add_column("Batches", justify="right")
    table.add_column("Ours / theirs, p50 (least – most of a round)", justify="right")
    table.add_column("Target")
    for result in results:
        table.add_row(
            f"{result.middle_bytes:,} B",
            result.name,
            f"{result.p50_ms:,.3f}",
            f"{result.p99_ms:,.3f}",
            f"{result.batches:,}",
            f"{result.ratio:.3f} ({result.least:.3f} – {result.most:.3f})",
            _verdict(result.target, result.is_met),
        )
    return table


def compute_table(results: Sequence[ComputingPipeline]) -> Table:
    """A row for each cut."""
    table = Table(title="Two stages that compute, on two local boards", expand=False)
    table.add_column("Split")
    table.add_column("Stages alone, ms/image", justify="right")
    table.add_column("Steady state, ms/image", justify="right")
    table.add_column("Over the slower (least – most of a round)", justify="right")
    table.add_column("Target")
    table.add_column("Images/s, pipeline", justify="right")
    table.add_column("Images/s, unsplit on one core", justify="right")
    table.add_column("Speed-up", justify="right")
    for result in results:
        first, second = result.alone
        table.add_row(
            str(result.cut.layer),
            f"{first * 1e3:.3f}, {second * 1e3:.3f}",
            f"{result.interval * 1e3:.3f}",
            f"{result.ratio:.3f} ({result.least:.3f} – {result.most:.3f})",
            _verdict(TARGET, result.is_met),
            f"{1 / result.interval:,.0f}",
            f"{1 / result.unsplit:,.0f}",
            f"{result.speedup:.2f}x",
        )
    return table


def executor_table(results: Sequence[ExecutorOverhead]) -> Table:
    """A row for each executor."""
    table = Table(title="Builds that only write 4 MB, one at a time, ms from one to the next")
    table.add_column("Executor")
    table.add_column("Builds", justify="right")
    table.add_column("ms/build (least – most of a round)", justify="right")
    table.add_column("Over local", justify="right")
    for result in results:
        over = result.over_local
        table.add_row(
            result.name,
            f"{result.builds:,}",
            f"{result.ms:,.1f} ({result.least:,.1f} – {result.most:,.1f})",
            "" if over is None else f"{over:+,.1f} ms",
        )
    return table


def _verdict(target: float | None, is_met: bool | None) -> str:
    if target is None:
        return ""
    return f"at most {target:.2f}: {'met' if is_met else 'MISSED'}"
