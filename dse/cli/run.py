"""``dse run``: pictures, or the held-out digits, through a network or its two parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from dse.cli.options import json_option, network_options, single_cut_options

if TYPE_CHECKING:
    from dse.classify import Classified
    from finn_flows.weights import LoadedNetwork

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
    from dse.classify import classify, load_pictures, load_test_digits
    from dse.inference import SplitEngine, load_engine
    from finn_flows.cut import Cut
    from finn_flows.weights import load_weights

    if bool(pictures) == digits:
        raise click.UsageError("name pictures, or give --digits: one of them")
    loaded = load_weights(weights, model)
    network = loaded.network
    cut = None if split is None else Cut(split, pool)
    chosen = load_engine(engine, network, cut)
    labels = None
    if digits:
        names, pixels, labels = load_test_digits(network, images)
    else:
        names, pixels = load_pictures(network, pictures)
    classified = classify(network, chosen, names, pixels, labels)
    identical = None
    if isinstance(chosen, SplitEngine):
        whole = classify(network, load_engine(engine, network), names, pixels, labels)
        identical = whole == classified
    data = _as_data(loaded, classified, engine)
    if isinstance(chosen, SplitEngine):
        data["split"] = {
            "layer": split,
            "pool": pool,
            "bytes_per_image": chosen.bytes_per_image,
            "identical_to_unsplit": identical,
        }
    if as_json:
        click.echo(json.dumps(data, indent=1))
    else:
        _print(loaded, classified, data)
    return EXIT_DIFFERS if identical is False else 0


def _as_data(loaded: LoadedNetwork, classified: list[Classified], engine: str) -> dict[str, Any]:
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
        for image in classified
    ]
    known = [image.is_right for image in classified if image.is_right is not None]
    return {
        "network": loaded.network.name,
        "network_sha256": loaded.network.sha256,
        "weights": loaded.description,
        "engine": engine,
        "classes": list(loaded.network.class_names),
        "split": None,
        "correct": sum(known) if known else None,
        "labelled": len(known),
        "accuracy": sum(known) / len(known) if known else None,
        # For the common case of one picture its values stand at the top, too.
        **(images[0] if len(images) == 1 else {}),
        "images": images,
    }


def _print(loaded: LoadedNetwork, classified: list[Classified], data: dict[str, Any]) -> None:
    click.echo(f"{loaded.network.name}, weights: {loaded.description}, engine: {data['engine']}")
    if data["labelled"]:
        click.echo(
            f"{data['correct']} of {data['labelled']} right: accuracy {data['accuracy']:.2%} "
            "on the held-out digits"
        )
    elif len(classified) > 1 and classified[0].name.startswith("digits-test"):
        click.echo(f"{len(classified)} digits run; this network's classes are others: no accuracy")
    else:
        for image in classified:
            click.echo(f"{image.name}: {image.class_name}")
            names = loaded.network.class_names or [str(i) for i in range(len(image.logits))]
            for name, logit in zip(names, image.logits, strict=True):
                click.echo(f"  {name:<12} {logit:>7}")
    if data["split"] is not None:
        split = data["split"]
        side = "" if split["pool"] == "before" else ", pool after the cut"
        same = "identical" if split["identical_to_unsplit"] else "DIFFERENT"
        click.echo(
            f"split {split['layer']}{side}: {split['bytes_per_image']} bytes per image over the "
            f"link; {same} to the unsplit network on {len(classified)} images"
        )
