"""``dse report``: read reports of Vivado and HLS; import a user's own runs into a sweep."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dse.cli.options import Clock, json_option, network_options, out_option

if TYPE_CHECKING:
    from rich.console import Console

    from dse.imported_file import ImportedRun
    from reports.readers import Report

_SCOPES = ("with shell", "out-of-context")


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="FILE...")
@click.option(
    "--import",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Add the Vivado runs below DIR to the sweep table in --out.",
)
@out_option
@network_options
@click.option("--device", metavar="PART", help="With --import, where nothing is swept yet.")
@click.option("--clock", "clock_mhz", type=Clock(), help="MHz; likewise. [default: 100]")
@click.option("--folding", metavar="published|auto|FILE", help="Likewise. [default: published]")
@click.option(
    "--scope",
    type=click.Choice(_SCOPES),
    default=_SCOPES[0],
    show_default=True,
    help="What the designs comprise; a report does not say.",
)
@json_option
def report(
    files: tuple[Path, ...],
    folder: Path | None,
    out: Path,
    weights: str | None,
    model: Path | None,
    device: str | None,
    clock_mhz: float | None,
    folding: str | None,
    scope: str,
    as_json: bool,
) -> None:
    """Print what reports of Vivado or HLS say: utilization, timing, power, csynth.

    The kind is recognised by content. A damaged or incomplete report is refused; none is printed
    then. --import instead finds your own runs, in folders such as split3 or whole or as listed in
    DIR/runs.toml (docs/formats.md), and puts them beside the sweep, in columns of their own.
    """
    from reports.utilization import Scope

    if (folder is None) == (not files):
        raise click.UsageError("name report files, or --import DIR")
    if folder is not None:
        _import(folder, out, weights, model, device, clock_mhz, folding, Scope(scope), as_json)
        return
    from reports.readers import read_reports

    reports = read_reports(files, Scope(scope))
    if as_json:
        click.echo(json.dumps([report_as_data(one) for each in reports for one in each], indent=1))
        return
    from rich.console import Console

    from reports.report_terminal import print_reports

    print_reports([one for each in reports for one in each], Console())


def report_as_data(report: Report) -> dict[str, Any]:
    """What ``--json`` prints of one report; docs/formats.md lists the keys."""
    from dataclasses import asdict

    data = asdict(report)
    provenance = data.pop("provenance")
    provenance["kind"] = provenance["kind"].value
    used = data.pop("utilization", None)
    if used is not None:
        data = _utilization_as_data(used) | data
        data["hierarchy"] = [
            {name: row[name] for name in ("instance", "module", "depth", "own")}
            | {"used": _utilization_as_data(row["utilization"])["used"]}
            for row in data.get("hierarchy", ())
        ]
    return provenance | data


def _utilization_as_data(used: dict[str, Any]) -> dict[str, Any]:
    from reports.utilization import RESOURCES

    return {
        "stage": used["stage"].value,
        "scope": used["scope"].value,
        "used": {name: used[name] for name in RESOURCES},
    }


def _import(
    folder: Path,
    out: Path,
    weights: str | None,
    model: Path | None,
    device: str | None,
    clock_mhz: float | None,
    folding: str | None,
    scope: Any,
    as_json: bool,
) -> None:
    from dse.atomic_write import atomic_write
    from dse.import_runs import import_runs
    from dse.import_target import import_target
    from dse.imported_file import IMPORTED_FILE, imported_text, run_as_data
    from dse.store import ResultStore
    from dse.sweep_file import read_sweep_file
    from dse.sweep_run import write_reports

    target = import_target(out, weights, model, device, clock_mhz, folding)
    result = import_runs(folder, target, scope)
    # Under the store's lock: a sweep into the same folder writes the same files.
    with ResultStore(out / "store"):
        atomic_write(out / IMPORTED_FILE, imported_text(result.runs))
        files = [out / IMPORTED_FILE, *write_reports(read_sweep_file(out), out)]
    for warning in result.warnings:
        click.echo(f"dse: warning: {warning}", err=True)
    if as_json:
        data = {
            "format": "split-dse/import-result",
            "version": 1,
            "runs": [run_as_data(run) for run in result.runs],
            "warnings": list(result.warnings),
            "files": [str(path) for path in files],
        }
        click.echo(json.dumps(data, indent=1))
        return
    from rich.console import Console

    _print_runs(result.runs, Console())
    click.echo(f"{len(result.runs)} runs imported into {out}; see them with: dse table --out {out}")


def _print_runs(runs: tuple[ImportedRun, ...], console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("Report", "Point", "Source", "WNS (ns)", "Power (W)")
    for run in runs:
        record = run.record
        point = "whole" if record.split is None else f"{record.split} {record.part.value}"
        if record.pool == "after":
            point += ", pool after"
        said = record.implementation
        values = (None, None) if said is None else (said.wns_ns, said.power_w)
        numbers = ["–" if value is None else f"{value:g}" for value in values]
        table.add_row(Text(run.report), point, record.source.value, *numbers)
    console.print(table)
