"""``dse build``: the parts of one split as folders that stand alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import click

from dse.cli.options import (
    PartChoice,
    build_target_options,
    given_clock,
    hardware_options,
    json_option,
    network_options,
    single_cut_options,
    workers_option,
)


@click.command()
@network_options
@single_cut_options
@click.option(
    "--part",
    "which",
    type=PartChoice("both"),
    help="Which part of the split; 1 is first, 2 is second. [default: both]",
)
@hardware_options
@click.option(
    "--backend",
    default="yosys",
    show_default=True,
    metavar="NAME",
    help="What builds the parts.",
)
@build_target_options
@click.option(
    "--fixed-weights",
    is_flag=True,
    help="Weights in the bitstream, in place of memories that are written at run time.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Folder that gets a folder for each part: first, second or whole.",
)
@workers_option
@json_option
def build(
    weights: str | None,
    model: Path | None,
    split: int | None,
    pool: Literal["before", "after"],
    which: Literal["first", "second", "both"] | None,
    device: str | None,
    board: str | None,
    clock_mhz: float,
    folding: str | None,
    backend: str,
    board_file: Path | None,
    tool_hours: float | None,
    tool_memory_gb: float | None,
    fixed_weights: bool,
    out: Path,
    workers: int | None,
    as_json: bool,
) -> int:
    """Build both parts of a split, or without --split the whole network.

    Each part becomes a folder with its sources, memory files, reports, a README, part.json and a
    Tcl script that makes an overlay of it in Vivado.
    """
    from dse.backend_choice import BuildTarget
    from dse.cut_choice import choose_cut
    from dse.device_choice import choose_device
    from dse.folding_choice import choose_folding
    from dse.part_build import build_parts, folder_backend, parts_to_build
    from dse.progress import sweep_progress
    from finn_flows.weights import load_weights

    cut = choose_cut(split, pool)
    if cut is None and which is not None:
        raise click.UsageError("--part is a part of a split: give --split, too")
    target = BuildTarget(
        device, board, board_file, given_clock(clock_mhz), tool_hours, tool_memory_gb
    )
    clock = target.clock()
    chosen = folder_backend(backend, target, fixed_weights=fixed_weights)
    part = choose_device(device, board, board_file)
    loaded = load_weights(weights, model)
    parts = parts_to_build(
        loaded.network,
        cut,
        which or "both",
        choose_folding(folding, loaded.network, loaded.folding),
        part,
        clock,
    )
    with sweep_progress(quiet=as_json) as progress:
        folders = build_parts(parts, chosen, out, workers, progress)
    if as_json:
        data = {"folders": {name: str(folder) for name, folder in folders.items()}}
        click.echo(json.dumps(data, indent=1))
    else:
        for folder in folders.values():
            click.echo(str(folder))
    return 0
