"""``dse deploy``: the parts of a network on boards, as a pipeline, measured."""

from __future__ import annotations

import json
import re
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

import click

from dse.cli.options import (
    NumberRange,
    SplitList,
    folding_option,
    json_option,
    network_options,
    plan_option,
    refuse_beside_plan,
)

if TYPE_CHECKING:
    from dse.deploy.deploy_command import DeployRequest

EXIT_DIFFERS = 1


@click.command()
@network_options
@click.option(
    "--split",
    "splits",
    type=SplitList(),
    metavar="K",
    help="Cut after layer K; 2,5 makes three parts. [default: what `dse choose` says]",
)
@click.option(
    "--pool",
    type=click.Choice(["before", "after"]),
    default="before",
    show_default=True,
    help="Side of each cut on which a max-pool there stands.",
)
@click.option(
    "--parts",
    type=click.IntRange(min=1),
    metavar="N",
    help="In so many parts, cut so that they are balanced.",
)
@plan_option
@click.option(
    "--engine",
    type=click.Choice(["onnx", "rtl", "pynq"]),
    help="What computes: onnxruntime, the circuit cycle by cycle, an FPGA. "
    "[default: the board's; onnx on emulated boards]",
)
@click.option(
    "--boards",
    "boards_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="boards.toml. [default: boards emulated on this machine]",
)
@click.option("--board", "names", multiple=True, metavar="NAME", help="These boards, in order.")
@click.option(
    "--keys",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of your key (dse boards keygen). [default: your own if there is one, else a new "
    "key for each deployment]",
)
@click.option(
    "--images",
    type=click.IntRange(min=1, max=100_000),
    metavar="N",
    help="Images a run. [default: 20]",
)
@click.option(
    "--runs", type=click.IntRange(min=1), default=30, show_default=True, metavar="R", help="Runs."
)
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="FILE|digits",
    help="A picture, may be repeated; or the held-out digits. [default: digits]",
)
@click.option("--tls", is_flag=True, help="TLS between the boards.")
@click.option(
    "--attempts",
    type=click.IntRange(min=1, max=100),
    default=2,
    show_default=True,
    help="How often a job whose pipeline broke is tried in all.",
)
@click.option(
    "--watchdog",
    type=NumberRange(min=0.1, max=86400),
    metavar="SECONDS",
    help="A board that takes longer for an image has failed. [default: 10; 120 in simulation]",
)
@folding_option
@click.option(
    "--sweep",
    type=click.Path(path_type=Path),
    default=Path("build/sweep"),
    show_default=True,
    metavar="DIR",
    help="Sweep that says where to cut if nothing else does.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("build/deploy"),
    show_default=True,
    metavar="DIR",
    help="Folder of the application, deploy.json, the timeline and the logs.",
)
@click.option(
    "--serve",
    is_flag=True,
    help="Keep the pipeline up, for jobs of `dse infer`, until Ctrl-C.",
)
@click.option(
    "--bind",
    metavar="HOST[:PORT]",
    help="Where --serve listens. [default: 127.0.0.1, any port]",
)
@json_option
@click.pass_context
def deploy(
    context: click.Context,
    weights: str | None,
    model: Path | None,
    splits: frozenset[int] | None,
    pool: Literal["before", "after"],
    parts: int | None,
    plan: Path | None,
    engine: str | None,
    boards_file: Path | None,
    names: tuple[str, ...],
    keys: Path | None,
    images: int | None,
    runs: int,
    inputs: tuple[str, ...],
    tls: bool,
    attempts: int,
    watchdog: float | None,
    folding: str | None,
    sweep: Path,
    out: Path,
    serve: bool,
    bind: str | None,
    as_json: bool,
) -> int:
    """Run a network in parts on boards, and measure it.

    Each part runs on a board of its own; images stream from one to the next. Without --boards the
    boards are emulated by processes of this machine. Exit code 1 if a single result differs from
    the unsplit network.
    """
    from dse.deploy.deploy_command import DeployRequest, deploy_network
    from dse.deploy.deploy_progress import deploy_progress

    if names and boards_file is None:
        raise click.UsageError("--board names a board of a file: give --boards, too")
    if plan is not None:
        refuse_beside_plan("splits", "pool", "parts", "folding")
    request = DeployRequest(
        weights=weights,
        model=model,
        splits=tuple(sorted(splits or ())),
        pool=pool,
        parts=parts,
        plan=plan,
        engine=engine,
        boards_file=boards_file,
        board_names=names,
        keys=keys,
        images=images,
        runs=runs,
        inputs=inputs,
        tls=tls,
        attempts=attempts,
        watchdog=watchdog,
        folding=folding,
        sweep=sweep,
        out=out,
    )
    if serve:
        for name in ("images", "runs", "inputs"):
            if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
                option = "input" if name == "inputs" else name
                raise click.UsageError(f"--{option} is for a measurement, not for --serve")
        _serve(request, _bind_address(bind), as_json)
    if bind is not None:
        raise click.UsageError("--bind is of --serve")
    with deploy_progress(quiet=as_json) as progress:
        result = deploy_network(request, progress)
        files = result.write()
    if as_json:
        click.echo(json.dumps(result.to_json(), indent=1))
    else:
        click.echo(result.as_text())
        click.echo("\n" + "\n".join(str(file) for file in files))
    return 0 if result.runs.identical else EXIT_DIFFERS


def _bind_address(bind: str | None) -> tuple[str, int]:
    """Host and port, 0 for any. An IPv6 address stands in brackets."""
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?", bind or "127.0.0.1")
    port = int(match[2] or 0) if match else 0
    if match is None or port > 65535:
        raise click.UsageError(f"--bind {bind!r}: expected HOST or HOST:PORT")
    return match[1].strip("[]"), port


def _serve(request: DeployRequest, bind: tuple[str, int], as_json: bool) -> NoReturn:
    from dse.deploy.deploy_progress import deploy_progress
    from dse.deploy.serve_command import served
    from dse.deploy.serve_progress import serve_progress
    from dse.deploy.service_file import SERVICE_FILE

    with ExitStack() as stack:
        with deploy_progress(quiet=as_json) as progress:
            server = stack.enter_context(served(request, bind, progress))
        file = request.out / SERVICE_FILE
        if as_json:
            about = {"address": server.file.address, "pid": server.file.pid, "file": str(file)}
            click.echo(json.dumps(about))
        else:
            click.echo(
                f"{server.file.network} in {len(server.file.engines)} parts serves at "
                f"{server.file.address}; jobs: dse infer --out {request.out}; end: Ctrl-C"
            )
        sys.stdout.flush()
        with serve_progress(quiet=as_json) as shown:
            server.serve(shown)
    raise AssertionError  # it serves until an exception ends it
