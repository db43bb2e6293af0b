"""``dse sweep``: build every design point, then write the table and the figures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from dse.cli.options import (
    backend_option,
    cut_options,
    hardware_options,
    json_option,
    network_options,
    out_option,
    workers_option,
)

if TYPE_CHECKING:
    from dse.sweep import PointResult
    from finn_flows.weights import LoadedNetwork

EXIT_POINT_FAILED = 1


@click.command()
@network_options
@cut_options
@hardware_options
@backend_option
@out_option
@workers_option
@json_option
def sweep(
    weights: str | None,
    model: Path | None,
    splits: frozenset[int] | None,
    pool: Literal["before", "after", "both"],
    device: str | None,
    board: str | None,
    clock_mhz: float,
    folding: str | None,
    backends: tuple[str, ...],
    out: Path,
    workers: int,
    as_json: bool,
) -> int:
    """Build every candidate split and tabulate what it uses.

    Builds the whole network and both parts of every cut, prints the table beside the published
    figures, and writes it and the figures into --out. What is known already is not built again; a
    sweep that was stopped goes on where it was. Exit code 1 if a point could not be built.
    """
    from dse.device_choice import choose_device
    from dse.folding_choice import choose_folding
    from dse.progress import sweep_progress
    from dse.report_stamp import remove_leftovers
    from dse.space import design_points
    from dse.store import ResultStore
    from dse.sweep import PointState
    from dse.sweep import sweep as run_sweep
    from dse.sweep_file import sweep_file_text, write_sweep_file
    from finn_flows.backends import load_backend
    from finn_flows.weights import load_weights

    chosen_device = choose_device(device, board)
    chosen_backends = [load_backend(name) for name in backends]
    loaded = load_weights(weights, model)
    points = design_points(
        loaded.network,
        splits,
        pool,
        choose_folding(folding, loaded.network, loaded.folding),
        chosen_device,
        clock_mhz,
    )
    results: list[PointResult] = []
    with ResultStore(out / "store") as store:
        remove_leftovers(out)
        with sweep_progress(quiet=as_json) as progress:
            for backend in chosen_backends:
                results += run_sweep(points, backend, store, workers, progress)
        for line in store.damaged:
            click.echo(f"dse: warning: {line}; built again", err=True)
        # Under the store's lock, so that two sweeps into one folder do not mix their files.
        text = sweep_file_text([result.record for result in results])
        write_sweep_file(out, text)
        written = _write_reports(results, out, text)

    if as_json:
        click.echo(json.dumps(_as_data(results, loaded, out, written), indent=1))
    else:
        _print(results)
    failed = [result for result in results if result.state is PointState.FAILED]
    if failed:
        names = ", ".join(str(result.part) for result in failed)
        click.echo(f"dse: {len(failed)} of {len(results)} points failed: {names}", err=True)
        return EXIT_POINT_FAILED
    return 0


def _write_reports(results: Sequence[PointResult], out: Path, sweep_text: str) -> list[Path]:
    """Write table and figures, unless they are there as these records make them."""
    from dse.report_stamp import current_reports, report_inputs, stamp_reports

    inputs = report_inputs(sweep_text)
    current = current_reports(out, inputs)
    if current is not None:
        return current
    from reports.sweep_report import write_sweep_report

    written = sorted(write_sweep_report([result.record for result in results], out))
    stamp_reports(out, inputs, written)
    return written


def _print(results: Sequence[PointResult]) -> None:
    from rich.console import Console

    from dse.sweep import PointState
    from dse.worker import BUILD_LOG
    from reports.terminal import print_table

    print_table([result.record for result in results], Console())
    for result in results:
        if result.state is PointState.FAILED:
            click.echo(f"{result.part}: {result.record.error}", err=True)
            if result.folder is not None and (result.folder / BUILD_LOG).is_file():
                click.echo(f"  log: {result.folder / BUILD_LOG}", err=True)


def _as_data(
    results: Sequence[PointResult], loaded: LoadedNetwork, out: Path, written: Sequence[Path]
) -> dict[str, object]:
    """What ``--json`` prints; docs/formats.md lists the keys."""
    from dse.sweep import PointState
    from dse.sweep_file import SWEEP_FILE, record_as_data

    counts = Counter(result.state for result in results)
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
            for result in results
        ],
        "files": [str(path) for path in (out / SWEEP_FILE, *written)],
    }
