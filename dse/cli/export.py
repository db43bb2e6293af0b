"""``dse export``: the network, or the two parts of a split, in another form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import click

from dse.cli.options import (
    folding_option,
    json_option,
    network_options,
    single_cut_options,
)


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
@folding_option
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
    folding: str | None,
    out: Path,
    as_json: bool,
) -> None:
    """Write the network as QONNX or standard ONNX.

    With --split, --out becomes a folder with the two parts and split.json, the manifest by which
    they know each other. --folding decides the memory layout of BNN-PYNQ parameters; no other
    form has one.
    """
    from dse.cut_choice import choose_cut
    from dse.export import FOLDED_FORM, export_network, export_split, folding_of_files
    from finn_flows.cut import normal_cut
    from finn_flows.weights import load_weights

    cut = choose_cut(split, pool)
    if folding is not None and form != FOLDED_FORM:
        raise click.UsageError(f"--folding is for --format {FOLDED_FORM}; {form} has no folding")
    loaded = load_weights(weights, model)
    if cut is not None:
        written = export_split(loaded.network, normal_cut(loaded.network, cut), form, out)
    else:
        folded = form == FOLDED_FORM
        chosen = folding_of_files(loaded.network, folding, loaded.folding) if folded else None
        written = export_network(loaded.network, chosen, form, out)
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
