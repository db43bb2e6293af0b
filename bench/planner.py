"""The planner: against FINN+'s partitioners, as the problem grows, and against asking FINN."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group
from rich.table import Table

from bench.comparison import Comparison
from bench.planner_growth import PlanningTime, planner_growth
from bench.planner_partitioners import TARGET, PartitionerComparison, partitioner_comparisons
from bench.planner_points import TARGET as POINTS_TARGET
from bench.planner_points import planner_points
from bench.tables import comparison_table

Finding = PartitionerComparison | PlanningTime | Comparison


def planner() -> list[Finding]:
    """All three."""
    return [*partitioner_comparisons(), *planner_growth(), *planner_points()]


def planner_tables(results: Sequence[Finding]) -> Group:
    """A table for each of the three."""
    compared = [one for one in results if isinstance(one, PartitionerComparison)]
    grown = [one for one in results if isinstance(one, PlanningTime)]
    points = [one for one in results if isinstance(one, Comparison)]
    counted = comparison_table(points)
    counted.caption = "; ".join(
        f"at least {POINTS_TARGET:,}x: {'met' if one.ratio >= POINTS_TARGET else 'MISSED'}"
        for one in points
    )
    return Group(_partitioners(compared), _growth(grown), counted)


def _partitioners(results: Sequence[PartitionerComparison]) -> Table:
    table = Table(
        title="Cuts of FINN's graphs: score by the partitioner's objective | bytes per image",
        caption="ms from the nodes' numbers to the placement, FINN's estimates in neither; both"
        " sides' plans scored by one function; medians of interleaved rounds",
        expand=False,
    )
    table.add_column("Graph")
    table.add_column("Devices", justify="right")
    table.add_column("Partitioner")
    table.add_column("Theirs", justify="right")
    table.add_column("Ours", justify="right")
    table.add_column("ms theirs (solver alone) / ours", justify="right")
    table.add_column("Ratio (least – most)", justify="right")
    table.add_column(f"As good, {TARGET:.0f}x")
    for one in results:
        table.add_row(
            f"{one.graph}, {one.nodes} nodes",
            f"{one.count} at {one.limit:.0%}",
            one.partitioner,
            _score(one.their_scores),
            _score(one.our_scores),
            f"{one.their_seconds * 1e3:,.1f} ({one.their_solving * 1e3:,.1f})"
            f" / {one.our_seconds * 1e3:.2f}",
            f"{one.ratio:,.0f}x ({one.least:,.0f} – {one.most:,.0f})",
            "met" if one.is_met else "MISSED",
        )
    return table


def _growth(results: Sequence[PlanningTime]) -> Table:
    table = Table(title="Planning random chains with four foldings a block", expand=False)
    for name in ("Blocks", "Boards", "Boards used", "Images/s", "s"):
        table.add_column(name, justify="right")
    table.add_column("Proved")
    table.add_column("Target")
    for one in results:
        verdict = ""
        if one.target is not None:
            met = one.seconds <= one.target
            verdict = f"under {one.target:.0f} s: {'met' if met else 'MISSED'}"
        table.add_row(
            f"{one.blocks:,}",
            f"{one.boards:,}",
            f"{one.used:,}",
            f"{one.images_per_second:,.0f}",
            f"{one.seconds:.3f}",
            "yes" if one.proved else "no",
            verdict,
        )
    return table


def _score(scores: tuple[float, float] | None) -> str:
    return "no plan" if scores is None else f"{scores[0]:.6g} | {scores[1]:,.0f}"
