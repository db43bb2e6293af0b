"""``dse hls``: the parts of one split as kernels in HLS C++."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from dse.cli.options import (
    PartChoice,
    hardware_options,
    json_option,
    network_options,
    single_cut_options,
    tool_limit_options,
)

if TYPE_CHECKING:
    from dse.kernel_build import BuiltKernel


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
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Folder that gets a folder for each part: first, second or whole.",
)
@click.option(
    "--run",
    "run_tools",
    is_flag=True,
    help="Run Vitis HLS (or Vivado HLS) and Vivado on what was written: IP block and overlay.",
)
@click.option(
    "--hlslib",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="With --run: a checkout of Xilinx/finn-hlslib. [default: $FINN_HLSLIB, or that of finn "
    "deps update]",
)
@tool_limit_options
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
    run_tools: bool,
    hlslib: Path | None,
    tool_hours: float | None,
    tool_memory_gb: float | None,
    as_json: bool,
) -> int:
    """Write both parts of a split, or without --split the whole network, as HLS kernels.

    Each part becomes a folder with its C++ for Vivado HLS or Vitis HLS, the contents of its
    memories, a testbench with images, Tcl scripts that make an IP block and an overlay, a README
    and part.json. The layers are those of finn-hlslib, which is not written.

    With --run the vendor's tools make the IP block and the overlay of each, and their reports are
    read; what was interrupted goes on where it was.
    """
    from dse.cut_choice import choose_cut
    from dse.device_choice import choose_device
    from dse.folding_choice import choose_folding
    from dse.kernel_folders import write_kernels
    from dse.part_build import parts_to_build
    from dse.part_simulation import choose_images
    from finn_flows.weights import load_weights
    from hls_templates.kernel_files import TESTBENCH_IMAGES

    if run_tools:
        from dse.kernel_build import require_kernel_tools

        require_kernel_tools()
    elif hlslib is not None or tool_hours is not None or tool_memory_gb is not None:
        raise click.UsageError("--hlslib, --tool-hours and --tool-memory go with --run")
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
    built = {}
    if run_tools:
        built = _run(folders, hlslib, tool_hours, tool_memory_gb, quiet=as_json)
    if as_json:
        data: dict[str, Any] = {"folders": {name: str(folder) for name, folder in folders.items()}}
        if run_tools:
            data["kernels"] = [_as_data(name, kernel) for name, kernel in built.items()]
        click.echo(json.dumps(data, indent=1))
    else:
        for name, folder in folders.items():
            click.echo(str(folder))
            if name in built:
                click.echo(f"  {_words(built[name])}")
    return 0


def _run(
    folders: dict[str, Path],
    hlslib: Path | None,
    tool_hours: float | None,
    tool_memory_gb: float | None,
    *,
    quiet: bool,
) -> dict[str, BuiltKernel]:
    """Each kernel through the tools, one after the other; stages are shown on stderr."""
    from rich.console import Console

    from dse.backend_choice import tool_limits
    from dse.kernel_build import build_kernel
    from finn_flows.backends.vivado import VIVADO_LIMITS

    limits = tool_limits(VIVADO_LIMITS, tool_hours, tool_memory_gb)
    console = Console(stderr=True)
    if quiet or not console.is_terminal:

        def say(said: str) -> None:
            if not quiet:
                click.echo(said, err=True)

        return {name: build_kernel(at, hlslib, limits, say) for name, at in folders.items()}
    with console.status("") as line:
        return {name: build_kernel(at, hlslib, limits, line.update) for name, at in folders.items()}


def _words(kernel: BuiltKernel) -> str:
    """The outcome on one line: what it takes, its slack, what it misses."""
    from reports.missed_goals import missed_words

    counts, said = kernel.placed or kernel.estimate, kernel.implementation
    whose = "placed" if kernel.placed else "estimate of HLS"
    words = [
        f"{whose}: {counts.lut:,.10g} LUT, {counts.ff:,.10g} FF, {counts.bram:g} BRAM, "
        f"{counts.dsp:g} DSP"
    ]
    if said.wns_ns is not None:
        words.append(f"WNS {said.wns_ns:.3f} ns".replace("-", "\N{MINUS SIGN}"))
    if said.power_w is not None:
        words.append(f"{said.power_w:.3f} W")
    if missed := missed_words(said):
        words.append(missed)
    return "; ".join(words)


def _as_data(name: str, kernel: BuiltKernel) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "part": name,
        "kernel": kernel.kernel,
        "estimate": kernel.estimate.resources(),
        "cycles": kernel.cycles,
        "placed": None if kernel.placed is None else kernel.placed.resources(),
        "implementation": asdict(kernel.implementation),
    }
