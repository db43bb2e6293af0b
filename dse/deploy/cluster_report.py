"""What the model says of clusters of several sizes, as JSON and as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dse.counted import counted
from dse.deploy.cluster_model import ClusterRun, JobPrediction
from dse.deploy.cluster_plan import ClusterPlan
from dse.deploy.response_times import response_times

FORMAT, VERSION = "split-dse/cluster", 1


@dataclass(frozen=True)
class Given:
    """A figure that went into the model: what it is, its value for a person, and its source:
    ``measured``, ``given`` (by the user) or ``assumed``."""

    what: str
    value: str
    source: str


@dataclass(frozen=True, eq=False)
class ClusterResult:
    """One size of cluster: how it was made, one job alone in one pipeline, and the whole run."""

    plan: ClusterPlan
    alone: JobPrediction
    run: ClusterRun


def as_data(inputs: Sequence[Given], results: Sequence[ClusterResult], seed: int) -> dict[str, Any]:
    """What ``dse simulate-cluster --json`` prints; docs/cluster-model.md lists the keys."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "source": "model",
        "seed": seed,
        "inputs": [asdict(each) for each in inputs],
        "clusters": [_result_as_data(result) for result in results],
    }


def _result_as_data(result: ClusterResult) -> dict[str, Any]:
    plan, run, alone = result.plan, result.run, result.alone
    return {
        "boards": plan.boards,
        "pipelines": plan.replicas,
        "stages": len(plan.service_ns),
        "idle_boards": plan.idle,
        "repeated": plan.repeated,
        "how": plan.how,
        "jobs": run.jobs,
        "images": run.images,
        "one_job_alone": {
            "response_ns": alone.response_ns,
            "fill_ns": alone.fill_ns,
            "interval_ns": alone.interval_ns,
        },
        "response_seconds": response_times(run.response_ns, run.images).as_data(),
        "images_per_second": run.images_per_second,
        "makespan_ns": run.makespan_ns,
        "utilisation": None if run.utilisation is None else run.utilisation.tolist(),
        "board_failures": run.board_failures,
        "retries": run.retries,
        "lost": run.lost,
    }


def as_text(inputs: Sequence[Given], results: Sequence[ClusterResult]) -> str:
    """Inputs with their sources, then a line for each size of cluster."""
    width = max(len(each.what) for each in inputs)
    value_width = max(len(each.value) for each in inputs)
    lines = [f"{each.what:<{width}}  {each.value:<{value_width}}  {each.source}" for each in inputs]
    first = results[0].run
    lines += [
        "",
        f"{counted(first.jobs, 'job')} of {counted(first.images, 'image')}, all there from the "
        "beginning; every figure below: model",
        "",
        *_table(results),
        "",
    ]
    lines += [f"{counted(result.plan.boards, 'board')}: {result.plan.how}" for result in results]
    if any(result.plan.replicas > result.run.jobs for result in results):
        lines.append("More pipelines than jobs: some have nothing to do; give --jobs for all.")
    if any(result.plan.repeated for result in results):
        lines.append(
            "Repeated stages show what boards and links would do, not this network in more parts: "
            "that needs its parts' own times."
        )
    return "\n".join(lines)


def _table(results: Sequence[ClusterResult]) -> list[str]:
    rows: list[tuple[str, ...]] = [
        (
            *("boards", "pipelines", "fill", "interval", "alone", "mean", "p50", "p99"),
            *("images/s", "busiest", "failures", "retries", "lost"),
        )
    ]
    for result in results:
        run, alone, plan = result.run, result.alone, result.plan
        times = response_times(run.response_ns, run.images)
        rate = run.images_per_second
        rows.append(
            (
                f"{plan.boards:,}",
                f"{plan.replicas:,} x {len(plan.service_ns):,}",
                _milliseconds(alone.fill_ns),
                _milliseconds(alone.interval_ns),
                _milliseconds(alone.response_ns),
                *(_milliseconds(value * 1e9) for value in (times.mean, times.p50, times.p99)),
                "" if rate is None else f"{rate:,.0f}",
                _busiest(run),
                f"{run.board_failures:,}",
                f"{run.retries:,}",
                f"{run.lost:,}",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    return [
        *lines,
        "ms; one job alone: fill (first result), interval (between results, steady state), alone",
        "(last result); all jobs, each from its first start: mean, p50, p99; busiest (stage)",
    ]


def _busiest(run: ClusterRun) -> str:
    if run.utilisation is None:
        return ""
    stage = int(run.utilisation.argmax())
    return f"{run.utilisation[stage]:.1%} ({stage})"


def _milliseconds(nanoseconds: float | None) -> str:
    return "" if nanoseconds is None else f"{nanoseconds / 1e6:,.3f}"
