"""``dse sweep``: build every design point, then write the table and the figures."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from dse.cli.options import (
    backend_option,
    build_target_options,
    cut_options,
    executor_options,
    given_clock,
    hardware_options,
    json_option,
    network_options,
    out_option,
    plan_option,
    refuse_beside_plan,
    workers_option,
)

if TYPE_CHECKING:
    from dse.point_result import PointResult
    from dse.swept import Sweep
    from finn_flows.weights import LoadedNetwork

EXIT_POINT_FAILED = 1


@click.command()
@network_options
@cut_options
@plan_option
@hardware_options
@backend_option
@build_target_options
@out_option
@workers_option
@executor_options
@json_option
def sweep(
    weights: str | None,
    model: Path | None,
    splits: frozenset[int] | None,
    pool: Literal["before", "after", "both"],
    plan: Path | None,
    device: str | None,
    board: str | None,
    clock_mhz: float,
    folding: str | None,
    backends: tuple[str, ...],
    board_file: Path | None,
    tool_hours: float | None,
    tool_memory_gb: float | None,
    out: Path,
    workers: int | None,
    executor: str | None,
    scheduler: str | None,
    slurm: Path | None,
    resources: dict[str, float] | None,
    wait: float | None,
    pull: bool,
    as_json: bool,
) -> int:
    """Build every candidate split and tabulate what it uses.

    Builds the whole network and both parts of every cut, prints the table beside the published
    figures, and writes it and the figures into --out. What is known already is not built again; a
    sweep that was stopped goes on where it was. Exit code 1 if a point could not be built.
    """
    import dse
    from dse.backend_choice import BuildTarget, choose_backends
    from dse.executors import load_executor
    from dse.executors.interface import ExecutorChoice
    from dse.plan_use import planned_device
    from dse.progress import sweep_progress

    if plan is not None:
        refuse_beside_plan("splits", "pool", "device", "clock_mhz", "folding")
        planned_part, planned_clock = planned_device(plan)
    choice = ExecutorChoice(workers, scheduler, slurm, resources, wait, pull)
    chosen = load_executor(executor or ("local" if slurm is None else "dask"), choice)
    target = BuildTarget(
        device if plan is None else planned_part,
        board,
        board_file,
        given_clock(clock_mhz) if plan is None else planned_clock,
        tool_hours,
        tool_memory_gb,
        here=chosen.name == "local",
    )
    choose_backends(backends, target)  # what is missing is told before a network is loaded
    loaded = dse.load(weights, model=model)
    with sweep_progress(quiet=as_json) as progress:
        found = dse.sweep(
            loaded,
            splits=splits,
            pool=pool,
            folding=folding,
            plan=plan,
            device=device,
            board=board,
            board_file=board_file,
            clock_mhz=given_clock(clock_mhz),
            backends=backends,
            tool_hours=tool_hours,
            tool_memory_gb=tool_memory_gb,
            out=out,
            executor=chosen,
            progress=progress,
        )
    for line in found.warnings:
        click.echo(f"dse: warning: {line}", err=True)
    if as_json:
        click.echo(json.dumps(_as_data(found, loaded), indent=1))
    else:
        _print(found)
    if found.failed:
        names = ", ".join(str(result.part) for result in found.failed)
        count = f"{len(found.failed)} of {len(found.results)}"
        click.echo(f"dse: {count} points failed: {names}", err=True)
        return EXIT_POINT_FAILED
    return 0


def _print(found: Sweep) -> None:
    from rich.console import Console

    from dse.worker import BUILD_LOG
    from reports.terminal import print_table

    print_table(found.records, Console())
    # What fails with a step that several points share is said once.
    alike: dict[tuple[str | None, Path | None], list[PointResult]] = {}
    for result in found.failed:
        alike.setdefault((result.record.error, result.folder), []).append(result)
    for (error, folder), results in alike.items():
        which = str(results[0].part) if len(results) == 1 else f"{len(results)} points"
        click.echo(f"{which}: {error}", err=True)
        if folder is not None and (folder / BUILD_LOG).is_file():
            click.echo(f"  log: {folder / BUILD_LOG}", err=True)


def _as_data(found: Sweep, loaded: LoadedNetwork) -> dict[str, object]:
    """What ``--json`` prints; docs/formats.md lists the keys."""
    from dse.sweep_driver import PointState
    from dse.sweep_file import record_as_data

    counts = Counter(result.state for result in found.results)
    return {
        "format": "split-dse/sweep-result",
        "version": 1,
        "network": {
            "name": loaded.network.name,
            "sha256": loaded.network.sha256,
            "description": loaded.description,
        },
        "counts": {state.value: counts[state] for state in PointState},
        "points": [
            {
                "key": result.key,
                "state": result.state.value,
                "folder": None if result.folder is None else str(result.folder),
                "record": record_as_data(result.record),
            }
            for result in found.results
        ],
        "files": [str(path) for path in found.files],
    }
