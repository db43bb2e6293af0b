"""``dse export``: the network, or the two parts of a split, in another form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import click

from dse.cli.options import json_option, network_options, single_cut_options


@click.command()
@network_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["onnx", "qonnx", "brevitas", "bnn-pynq", "npz"]),
    default="onnx",
    show_default=True,
    help="Standard ONNX, QONNX, a Brevitas checkpoint, BNN-PYNQ parameters, our own file.",
)
@single_cut_options
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="PATH",
    help="The file to write; with --split, or for BNN-PYNQ, a folder.",
)
@json_option
def export(
    weights: str | None,
    model: Path | None,
    form: str,
    split: int | None,
    pool: Literal["before", "after"],
    out: Path,
    as_json: bool,
) -> None:
    """Write the network as QONNX or standard ONNX.

    With --split, --out becomes a folder with the two parts and split.json, the manifest by which
    they know each other.
    """
    from dse.export import export_network, export_split
    from finn_flows.cut import Cut, normal_cut
    from finn_flows.weights import load_weights

    loaded = load_weights(weights, model)
    if split is None:
        written = export_network(loaded.network, loaded.folding, form, out)
    else:
        cut = normal_cut(loaded.network, Cut(split, pool))
        written = export_split(loaded.network, cut, form, out)
    if as_json:
        data = {
            "network": loaded.network.name,
            "network_sha256": loaded.network.sha256,
            "format": form,
            "files": [str(file) for file in written],
        }
        click.echo(json.dumps(data, indent=1))
    else:
        for file in written:
            click.echo(str(file))
