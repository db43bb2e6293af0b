"""``dse csim``: the HLS kernels of a split, compiled with g++, against the integer network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from dse.cli.options import folding_option, json_option, network_options, single_cut_options

if TYPE_CHECKING:
    from dse.kernel_simulation import KernelOutcome, KernelSimulation

EXIT_DIFFERS = 1
DEFAULT_FRAMES = 4
#: Of CnvW2A2 they take a quarter of an hour.
MOST_FRAMES = 1000


@click.command()
@click.argument("pictures", nargs=-1, type=click.Path(path_type=Path))
@network_options
@single_cut_options
@click.option(
    "--frames",
    type=click.IntRange(1, MOST_FRAMES),
    metavar="N",
    help="Images: the pictures in turn, or held-out digits. [default: each picture, or 4 digits]",
)
@folding_option
@click.option(
    "--hlslib",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="A checkout of Xilinx/finn-hlslib. [default: $FINN_HLSLIB, or that of finn deps update]",
)
@click.option(
    "--ap-types",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of ap_int.h and hls_stream.h. [default: that of $HLS_AP_TYPES, $XILINX_HLS, "
    "$XILINX_VIVADO or the package hls4ml]",
)
@json_option
def csim(
    pictures: tuple[Path, ...],
    weights: str | None,
    model: Path | None,
    split: int | None,
    pool: Literal["before", "after"],
    frames: int | None,
    folding: str | None,
    hlslib: Path | None,
    ap_types: Path | None,
    as_json: bool,
) -> int:
    """Run images through the HLS kernels of a split in C simulation, and compare every word.

    Both kernels are compiled with g++ and their weights loaded as a host does; what the first gives
    is compared with the wire packing and enters the second. Without --split the whole network is
    one kernel. Exit code 1 if a single bit differs.
    """
    from dse.cut_choice import choose_cut
    from dse.device_choice import choose_device
    from dse.folding_choice import choose_folding
    from dse.kernel_simulation import simulate_kernels
    from dse.part_build import parts_to_build
    from dse.part_simulation import choose_images
    from finn_flows.weights import load_weights

    cut = choose_cut(split, pool)
    loaded = load_weights(weights, model)
    # C simulation knows neither device nor clock.
    parts = parts_to_build(
        loaded.network,
        cut,
        "both",
        choose_folding(folding, loaded.network, loaded.folding),
        choose_device(None, None),
        100.0,
    )
    images = choose_images(loaded.network, pictures, frames or len(pictures) or DEFAULT_FRAMES)
    found = simulate_kernels(
        parts,
        images,
        hlslib,
        ap_types,
        say=lambda line: None if as_json else click.echo(line, err=True),
    )
    if as_json:
        click.echo(json.dumps(_as_data(found), indent=1))
    else:
        _print(found)
    for outcome in found.kernels:
        if outcome.difference is not None:
            click.echo(f"{outcome.kernel} differs: {outcome.difference}", err=True)
    return 0 if found.is_identical else EXIT_DIFFERS


def _as_data(found: KernelSimulation) -> dict[str, Any]:
    part = found.kernels[0].part
    return {
        "network": part.whole.name,
        "network_sha256": part.whole.sha256,
        "split": None if part.cut is None else part.cut.layer,
        "pool": None if part.cut is None else part.cut.pool,
        "folding": part.folding.name,
        "images": len(found.images.names),
        "images_simulated": list(found.images.names),
        "identical_to_network": found.is_identical,
        "kernels": [_kernel(outcome) for outcome in found.kernels],
        "results": None
        if found.results is None
        else found.results.reshape(len(found.results), -1).tolist(),
    }


def _kernel(outcome: KernelOutcome) -> dict[str, Any]:
    difference = outcome.difference
    return {
        "part": outcome.part.name.value,
        "kernel": outcome.kernel,
        "input_words_per_image": outcome.words_in,
        "output_words_per_image": outcome.words_out,
        "most_images_per_call": outcome.most_images,
        "compile_seconds": outcome.compile_seconds,
        "run_seconds": outcome.run_seconds,
        "first_difference": None
        if difference is None
        else {
            "image": difference.image,
            "place": list(difference.place),
            "found": difference.found,
            "expected": difference.expected,
        },
    }


def _print(found: KernelSimulation) -> None:
    for outcome in found.kernels:
        compiled = (
            "compiled before"
            if outcome.compile_seconds is None
            else f"compiled in {outcome.compile_seconds:.1f} s"
        )
        click.echo(
            f"{outcome.kernel}: {outcome.words_in} words in, {outcome.words_out} out per image, "
            f"{compiled}, {outcome.run_seconds:.1f} s for {len(found.images.names)} images"
        )
    if found.results is not None and found.results[0].size <= 64:
        for name, result in zip(found.images.names, found.results, strict=True):
            click.echo(f"{name}: {' '.join(str(value) for value in result.ravel())}")
    if found.is_identical:
        click.echo("every word is the integer network's")
