"""``dse simulate``: a part's RTL, cycle by cycle, against the integer network."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from dse.cli.options import (
    NumberRange,
    PartChoice,
    hardware_options,
    json_option,
    network_options,
    part_of_split,
    plan_option,
    refuse_beside_plan,
    single_cut_options,
)

if TYPE_CHECKING:
    from rich.console import Console

    from dse.part_simulation import PartSimulation

EXIT_DIFFERS = 1
DEFAULT_FRAMES = 5
#: Of CnvW2A2 they take three quarters of an hour and half a gigabyte.
MOST_FRAMES = 10_000


@click.command()
@click.argument("pictures", nargs=-1, type=click.Path(path_type=Path))
@network_options
@single_cut_options
@plan_option
@click.option(
    "--part",
    "which",
    type=PartChoice(planned=True),
    help="Which part of the split or plan; 1 is first, 2 is second. [default: first]",
)
@click.option(
    "--frames",
    type=click.IntRange(1, MOST_FRAMES),
    default=DEFAULT_FRAMES,
    show_default=True,
    metavar="N",
    help="Images back to back: the pictures in turn, or held-out digits.",
)
@hardware_options
@click.option(
    "--stalls",
    type=NumberRange(0, 1, max_open=True),
    metavar="P",
    help="Probability of a random stall in a cycle, at the input and at the output. [default: 0]",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**62), metavar="N", help="Of the stalls. [default: 0]"
)
@click.option(
    "--trace",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.fst",
    help="Write waves of the whole run.",
)
@click.option(
    "--vcd-around",
    "vcd_image",
    type=click.IntRange(min=0),
    metavar="FRAME",
    help="Write waves from this frame's first word in to its last word out; frames count from 0.",
)
@click.option(
    "--vcd",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.vcd",
    help="File of --vcd-around. [default: frame-FRAME.vcd]",
)
@click.option(
    "--trace-depth",
    type=click.IntRange(min=0),
    metavar="LEVELS",
    help="Levels of modules in the waves: 2 shows the streams, 3 the layers' signals too, 0 all "
    "(gigabytes). [default: 3]",
)
@json_option
def simulate(
    pictures: tuple[Path, ...],
    weights: str | None,
    model: Path | None,
    split: int | None,
    pool: Literal["before", "after"],
    plan: Path | None,
    which: str | None,
    frames: int,
    device: str | None,
    board: str | None,
    clock_mhz: float,
    folding: str | None,
    stalls: float | None,
    seed: int | None,
    trace: Path | None,
    vcd_image: int | None,
    vcd: Path | None,
    trace_depth: int | None,
    as_json: bool,
) -> int:
    """Simulate the circuit of the network or of a part, and compare it with the network.

    Prints the latency, the cycles per image in the steady state, how each stream between layers
    fared and which layer sets the pace. Exit code 1 if a single bit of an output differs.
    """
    from dse.cut_choice import choose_cut
    from dse.device_choice import choose_device
    from dse.folding_choice import choose_folding
    from dse.part_build import parts_to_build
    from dse.part_simulation import choose_images, simulate_part
    from dse.plan_use import use_plan
    from dse.planned_parts import chosen_parts, images_into, planned_parts
    from finn_flows.simulation.part_process import Stalls
    from finn_flows.weights import load_weights

    if plan is not None:
        refuse_beside_plan("split", "pool", "device", "board", "clock_mhz", "folding")
    wanted = part_of_split(which or "first") if plan is None else None
    cut = choose_cut(split, pool)
    for given, needed, names in (
        (
            which is not None,
            cut is not None or plan is not None,
            "--part is a part of a split: give --split, too",
        ),
        (seed is not None, bool(stalls), "--seed is of the stalls: give --stalls, too"),
        (vcd is not None, vcd_image is not None, "--vcd names a file: give --vcd-around, too"),
        (
            trace_depth is not None,
            trace is not None or vcd_image is not None,
            "--trace-depth is of waves: give --trace or --vcd-around, too",
        ),
    ):
        if given and not needed:
            raise click.UsageError(names)
    if trace is not None and vcd_image is not None:
        raise click.UsageError("--trace and --vcd-around: one of them at a time")
    if vcd_image is not None and vcd_image >= frames:
        raise click.UsageError(f"--vcd-around {vcd_image}: frames are 0 to {frames - 1}")
    if vcd_image is not None:
        vcd = vcd or Path(f"frame-{vcd_image}.vcd")
    loaded = load_weights(weights, model)
    images = choose_images(loaded.network, pictures, frames)
    if plan is not None:
        used = use_plan(plan, loaded.network)
        chosen = chosen_parts(used, planned_parts(used, loaded.network), which or "first")
        (part,) = chosen.values()
        images = images_into(used, loaded.network, part, images)
    else:
        (part,) = parts_to_build(
            loaded.network,
            cut,
            wanted or "first",
            choose_folding(folding, loaded.network, loaded.folding),
            choose_device(device, board),
            clock_mhz,
        )
    found = simulate_part(
        part,
        images,
        stalls=None if not stalls else Stalls(seed or 0, stalls, stalls),
        trace=trace,
        vcd=vcd,
        vcd_image=vcd_image,
        trace_depth=trace_depth,
        jobs=len(os.sched_getaffinity(0)),
    )
    if as_json:
        click.echo(json.dumps(_as_data(found), indent=1))
    else:
        from rich.console import Console

        _print(found, Console(highlight=False))
        for file in (trace, vcd):
            if file is not None:
                click.echo(f"waves: {file}")
    if found.difference is not None:
        click.echo(f"dse: {part}: {found.difference}", err=True)
        return EXIT_DIFFERS
    return 0


def _as_data(found: PartSimulation) -> dict[str, Any]:
    """What ``--json`` prints; docs/simulating.md lists the keys."""
    part, difference = found.part, found.difference
    return {
        "format": "split-dse/simulation",
        "version": 1,
        "network": part.whole.name,
        "network_sha256": part.whole.sha256,
        "part": part.name.value,
        "split": None if part.cut is None else part.cut.layer,
        "pool": None if part.cut is None else part.cut.pool,
        "folding": part.folding.name,
        "device": part.device,
        "clock_mhz": part.clock_mhz,
        "images_simulated": list(found.images.names),
        "identical_to_network": difference is None,
        "first_difference": None
        if difference is None
        else {
            "image": difference.image,
            "place": list(difference.place),
            "found": difference.found,
            "expected": difference.expected,
        },
        "frames_per_second": found.frames_per_second,
        "fifo_depths": found.fifo_depths,
        **found.result.as_data(),
    }


def _print(found: PartSimulation, console: Console) -> None:
    from rich.table import Table

    part, result = found.part, found.result
    console.print(
        f"{part.whole.name}, {part}: {len(result.words)} images, folding {part.folding.name}"
    )
    if found.difference is None:
        console.print("every output word is the integer network's")
    microseconds = result.latency / part.clock_mhz
    console.print(
        f"latency {result.latency:,} cycles ({microseconds:,.1f} µs at {part.clock_mhz:g} MHz), "
        "first word in to last word out of the first image"
    )
    interval = result.steady_state_interval
    if interval is None:
        console.print("steady state: unknown from fewer than 4 images")
    else:
        settled = "" if result.is_settled else ", not settled: more frames would tell"
        console.print(
            f"steady state {interval:,} cycles per image, {found.frames_per_second:,.1f} images/s "
            f"at {part.clock_mhz:g} MHz{settled}"
        )
    bottleneck = result.bottleneck
    if bottleneck is not None:
        console.print(
            f"bottleneck {bottleneck.label}: {bottleneck.cycles:,} cycles per image; "
            f"without input {bottleneck.waiting:.1%}, held up {bottleneck.held_up:.1%} of the time"
        )
    table = Table(title="Streams, per cent of the cycles", title_justify="left")
    table.add_column("stream")
    for heading in ("words", "moved", "blocked", "starved", "idle"):
        table.add_column(heading, justify="right")
    for stream in result.streams:
        shares = [stream.share(what) for what in ("beats", "blocked", "starved", "idle")]
        table.add_row(stream.name, f"{stream.beats:,}", *(f"{share * 100:.1f}" for share in shares))
    console.print(table)
    console.print(
        "blocked: a word was there and not taken; starved: the receiver was ready and there was "
        "none; idle: neither. Window generators are ready only for a word that is there."
    )
    speed = result.cycles_per_second
    compiled = f"compiled in {result.compile_seconds:.1f} s" + (
        "" if result.compiled else " before"
    )
    if speed is not None:
        console.print(
            f"{result.cycles:,} cycles simulated ({result.configuration_cycles:,} of them to write "
            f"weights) at {speed:,.0f} cycles/s; {compiled}"
        )
