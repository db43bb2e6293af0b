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
    part_of_split,
    plan_option,
    refuse_beside_plan,
    single_cut_options,
    workers_option,
)


@click.command()
@network_options
@single_cut_options
@plan_option
@click.option(
    "--part",
    "which",
    type=PartChoice("both", planned=True),
    help="Which part of the split or plan; 1 is first, 2 is second. [default: all]",
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
    help="Folder that gets a folder for each part: first, second or whole; of a plan with more "
    "parts part1, part2 and so on.",
)
@workers_option
@json_option
def build(
    weights: str | None,
    model: Path | None,
    split: int | None,
    pool: Literal["before", "after"],
    plan: Path | None,
    which: str | None,
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
    """Build both parts of a split, or all of a plan; with neither the whole network.

    Each part becomes a folder with its sources, memory files, reports, a README, part.json and a
    Tcl script that makes an overlay of it in Vivado.
    """
    from dse.backend_choice import BuildTarget
    from dse.cut_choice import choose_cut
    from dse.device_choice import choose_device
    from dse.folding_choice import choose_folding
    from dse.part_build import build_parts, folder_backend, parts_to_build
    from dse.plan_use import planned_device, use_plan
    from dse.planned_parts import chosen_parts, planned_parts
    from dse.progress import sweep_progress
    from finn_flows.weights import load_weights

    given = given_clock(clock_mhz)
    if plan is not None:
        refuse_beside_plan("split", "pool", "device", "clock_mhz", "folding")
        device, given = planned_device(plan, several=backend != "vivado")
    wanted = part_of_split(which or "both") if plan is None else None
    cut = choose_cut(split, pool)
    if cut is None and plan is None and which is not None:
        raise click.UsageError("--part is a part of a split: give --split, too")
    target = BuildTarget(device, board, board_file, given, tool_hours, tool_memory_gb)
    clock = target.clock()
    chosen = folder_backend(backend, target, fixed_weights=fixed_weights)
    part = choose_device(device, board, board_file)
    loaded = load_weights(weights, model)
    if plan is not None:
        used = use_plan(plan, loaded.network)
        parts = chosen_parts(used, planned_parts(used, loaded.network), which)
    else:
        parts = {
            one.name.value: one
            for one in parts_to_build(
                loaded.network,
                cut,
                wanted or "both",
                choose_folding(folding, loaded.network, loaded.folding),
                part,
                clock,
            )
        }
    with sweep_progress(quiet=as_json) as progress:
        folders = build_parts(parts, chosen, out, workers, progress)
    if as_json:
        data = {"folders": {name: str(folder) for name, folder in folders.items()}}
        click.echo(json.dumps(data, indent=1))
    else:
        for folder in folders.values():
            click.echo(str(folder))
    return 0
