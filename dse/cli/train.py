"""``dse train``: train the default network on handwritten digits."""

from __future__ import annotations

import json
from pathlib import Path

import click

from dse.cli.options import json_option
from finn_flows.training_defaults import DEFAULT_EPOCHS, DEFAULT_SEED


@click.command()
@click.option(
    "--epochs",
    type=click.IntRange(min=1, max=1000),
    default=DEFAULT_EPOCHS,
    show_default=True,
    metavar="N",
    help="Passes over the training pictures: 6 to 10 seconds each on two idle cores, several times "
    "that on a busy machine; start-up and the proof at the end come on top.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0, max=2**32 - 1),
    default=DEFAULT_SEED,
    show_default=True,
    metavar="N",
    help="Start of the random numbers.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("build/cnv_w2a2_digits.npz"),
    show_default=True,
    metavar="FILE.npz",
    help="Where the integers go; use them with --weights FILE.npz.",
)
@json_option
def train(epochs: int, seed: int, out: Path, as_json: bool) -> None:
    """Train CnvW2A2 on scikit-learn's digits and write its integers.

    Trains with Brevitas on 1437 pictures, proves that the integers compute exactly what PyTorch
    does, and measures them on the other 360, which choose nothing. The same seed gives the same
    integers on the same machine.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from dse.atomic_write import atomic_write
    from dse.errors import OutputError
    from finn_flows.digits import load_digits_split
    from finn_flows.network_file import network_bytes
    from finn_flows.training import TrainingProgress, accuracy, train_cnv

    # Minutes of training must not end in a folder that cannot be written.
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        probe = out.parent / f".{out.name}.probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(f"cannot write: {error.strerror or error}", where=out) from error

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task(f"epoch 1/{epochs}", total=None)

        def show(state: TrainingProgress) -> None:
            bar.update(
                task,
                completed=state.batch,
                total=state.batches,
                description=f"epoch {state.epoch}/{epochs}, loss {state.loss:.4f}",
            )

        network = train_cnv(epochs, seed, show)
    pixels, labels = load_digits_split("test")
    share = accuracy(network, pixels, labels)
    content = network_bytes(network)
    atomic_write(out, content)
    if as_json:
        result = {
            "file": str(out),
            "bytes": len(content),
            "network": network.name,
            "sha256": network.sha256,
            "epochs": epochs,
            "seed": seed,
            "held_out_accuracy": share,
            "held_out_images": len(labels),
        }
        click.echo(json.dumps(result, indent=2))
        return
    right = round(share * len(labels))
    click.echo(
        f"{out}: {network.name}, {len(content)} bytes, sha256 {network.sha256[:12]}\n"
        f"integers equal PyTorch on all {len(labels)} held-out pictures; "
        f"{right} of them right ({share:.1%})"
    )
