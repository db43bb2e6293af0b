"""``dse infer``: pictures, or held-out digits, through the pipeline of ``dse deploy --serve``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dse.cli.options import json_option

if TYPE_CHECKING:
    from dse.deploy.infer_client import InferResult


@click.command()
@click.argument("pictures", nargs=-1, type=click.Path(path_type=Path))
@click.option("--digits", is_flag=True, help="Send the held-out digits in place of pictures.")
@click.option("--images", type=click.IntRange(min=1), metavar="N", help="Only the first N digits.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("build/deploy"),
    show_default=True,
    metavar="DIR",
    help="Folder of `dse deploy --serve`, with its serve.json.",
)
@json_option
def infer(
    pictures: tuple[Path, ...], digits: bool, images: int | None, out: Path, as_json: bool
) -> None:
    """Classify pictures with the network that `dse deploy --serve` keeps on boards."""
    import dse

    if bool(pictures) == digits:
        raise click.UsageError("name pictures, or give --digits: one of them")
    if images is not None and not digits:
        raise click.UsageError("--images limits the digits, but pictures are named")
    found = dse.infer("digits" if digits else pictures, images=images, out=out)
    if as_json:
        click.echo(json.dumps(_as_data(found), indent=1))
    else:
        _print(found, digits)


def _as_data(found: InferResult) -> dict[str, Any]:
    """The result for --json; keys in docs/formats.md."""
    return {
        "network": found.service.network,
        "network_sha256": found.service.network_sha256,
        "cuts": found.service.cuts,
        "engines": found.service.engines,
        "classes": found.service.classes,
        "job": found.job,
        "epoch": found.epoch,
        "response_seconds": found.response_seconds,
        "request_seconds": found.request_seconds,
        "correct": found.correct,
        "labelled": found.labelled,
        "images": [
            {
                "file": image.name,
                "class": image.class_name,
                "class_index": image.class_index,
                "logits": list(image.logits),
                "scores": list(image.scores),
                **({} if image.label is None else {"label": image.label}),
            }
            for image in found.images
        ],
    }


def _print(found: InferResult, digits: bool) -> None:
    for image in found.images:
        wrong = "" if image.is_right in (None, True) else f" (is {image.label})"
        click.echo(f"{image.name}: {image.class_name}{wrong}")
    if digits and found.correct is not None:
        click.echo(f"{found.correct} of {found.labelled} right")
    click.echo(
        f"{len(found.images)} images in {found.response_seconds * 1e3:.3f} ms "
        f"({found.request_seconds * 1e3:.3f} ms with the request), "
        f"job {found.job} of the service, epoch {found.epoch}"
    )
