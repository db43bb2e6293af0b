"""``dse hls``: the parts of one split as kernels in HLS C++."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import click

from dse.cli.options import hardware_options, json_option, network_options, single_cut_options


@click.command()
@network_options
@single_cut_options
@click.option(
    "--part",
    "which",
    type=click.Choice(["first", "second", "both"]),
    help="Which part of the split. [default: both]",
)
@hardware_options
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Folder that gets a folder for each part: first, second or whole.",
)
@json_option
def hls(
    weights: str | None,
    model: Path | None,
    split: int | None,
    pool: Literal["before", "after"],
    which: Literal["first", "second", "both"] | None,
    device: str | None,
    board: str | None,
    clock_mhz: float,
    folding: str | None,
    out: Path,
    as_json: bool,
) -> int:
    """Write both parts of a split, or without --split the whole network, as HLS kernels.

    Each part becomes a folder with its C++ for Vivado HLS or Vitis HLS, the contents of its
    memories, a testbench with images, Tcl scripts that make an IP block and an overlay, a README
    and part.json. The layers are those of finn-hlslib, which is not written.
    """
    from dse.cut_choice import choose_cut
    from dse.device_choice import choose_device
    from dse.folding_choice import choose_folding
    from dse.kernel_folders import write_kernels
    from dse.part_build import parts_to_build
    from dse.part_simulation import choose_images
    from finn_flows.weights import load_weights
    from hls_templates.kernel_files import TESTBENCH_IMAGES

    cut = choose_cut(split, pool)
    if cut is None and which is not None:
        raise click.UsageError("--part is a part of a split: give --split, too")
    part = choose_device(device, board)
    loaded = load_weights(weights, model)
    parts = parts_to_build(
        loaded.network,
        cut,
        which or "both",
        choose_folding(folding, loaded.network, loaded.folding),
        part,
        clock_mhz,
    )
    images = choose_images(loaded.network, (), TESTBENCH_IMAGES)
    folders = write_kernels(parts, images.tensor, out)
    if as_json:
        data = {"folders": {name: str(folder) for name, folder in folders.items()}}
        click.echo(json.dumps(data, indent=1))
    else:
        for folder in folders.values():
            click.echo(str(folder))
    return 0
