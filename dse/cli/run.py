"""``dse run``: pictures, or the held-out digits, through a network or its two parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from dse.cli.options import json_option, network_options, single_cut_options

if TYPE_CHECKING:
    from dse.picture_run import Run

EXIT_DIFFERS = 1


@click.command()
@click.argument("pictures", nargs=-1, type=click.Path(path_type=Path))
@network_options
@click.option("--digits", is_flag=True, help="Run the held-out digits in place of pictures.")
@click.option("--images", type=click.IntRange(min=1), metavar="N", help="Only the first N digits.")
@single_cut_options
@click.option(
    "--engine",
    type=click.Choice(["onnx", "integer", "finn"]),
    default="onnx",
    show_default=True,
    help="onnxruntime, the integer reference, or FINN's graph in qonnx.",
)
@json_option
def run(
    pictures: tuple[Path, ...],
    weights: str | None,
    model: Path | None,
    digits: bool,
    images: int | None,
    split: int | None,
    pool: Literal["before", "after"],
    engine: str,
    as_json: bool,
) -> int:
    """Classify pictures with the network, whole or in two parts.

    With --split every image goes through the first part, the 64-bit wire packing and the second
    part, and through the unsplit network too; exit code 1 if a single logit differs.
    """
    import dse

    if bool(pictures) == digits:
        raise click.UsageError("name pictures, or give --digits: one of them")
    loaded = dse.load(weights, model=model)
    found = dse.run(
        loaded,
        "digits" if digits else pictures,
        split=split,
        pool=pool,
        engine=engine,
        images=images,
    )
    if as_json:
        click.echo(json.dumps(_as_data(found), indent=1))
    else:
        _print(found, digits)
    return EXIT_DIFFERS if found.split is not None and not found.split.identical else 0


def _as_data(found: Run) -> dict[str, Any]:
    """The result for --json; keys in docs/formats.md."""
    images = [
        {
            "file": image.name,
            "class": image.class_name,
            "class_index": image.class_index,
            "logits": list(image.logits),
            "scores": list(image.scores),
            **({} if image.label is None else {"label": image.label}),
        }
        for image in found.images
    ]
    network = found.network.network
    return {
        "network": network.name,
        "network_sha256": network.sha256,
        "weights": found.network.description,
        "engine": found.engine,
        "classes": list(network.class_names),
        "split": None
        if found.split is None
        else {
            "layer": found.split.cut.layer,
            "pool": found.split.cut.pool,
            "bytes_per_image": found.split.bytes_per_image,
            "identical_to_unsplit": found.split.identical,
        },
        "correct": found.correct,
        "labelled": found.labelled,
        "accuracy": found.accuracy,
        # For the common case of one picture its values stand at the top, too.
        **(images[0] if len(images) == 1 else {}),
        "images": images,
    }


def _print(found: Run, digits: bool) -> None:
    network = found.network.network
    click.echo(f"{network.name}, weights: {found.network.description}, engine: {found.engine}")
    if found.accuracy is not None:
        click.echo(
            f"{found.correct} of {found.labelled} right: accuracy {found.accuracy:.2%} "
            "on the held-out digits"
        )
    elif digits:
        click.echo(
            f"{len(found.images)} digits run; this network tells {len(found.images[0].logits)} "
            "classes that are not the digits: no accuracy"
        )
    else:
        for image in found.images:
            click.echo(f"{image.name}: {image.class_name}")
            names = network.class_names or [str(i) for i in range(len(image.logits))]
            for name, logit in zip(names, image.logits, strict=True):
                click.echo(f"  {name:<12} {logit:>7}")
    if found.split is not None:
        same = "identical" if found.split.identical else "DIFFERENT"
        click.echo(
            f"{found.split.cut}: {found.split.bytes_per_image} bytes per image over the link; "
            f"{same} to the unsplit network on {len(found.images)} images"
        )
