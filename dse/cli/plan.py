"""``dse plan``: the best cuts, foldings and boards, proved and explained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dse.cli.options import Clock, NumberRange, json_option, network_options
from dse.cli.quantities import Duration, LinkRate
from dse.plan.problem import Objective

if TYPE_CHECKING:
    from dse.plan.fleet import Link

_OBJECTIVES = tuple(objective.value for objective in Objective)
_NANOSECOND = 1e-9


class ResourceShares(click.ParamType[dict[str, float]]):
    """``lutram=60%``, ``lut=70%,bram=90%``; shares from 0 to 1."""

    name = "shares"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, float]:
        if isinstance(value, dict):
            return value
        shares: dict[str, float] = {}
        for piece in value.split(","):
            name, equals, text = (word.strip() for word in piece.partition("="))
            digits = text.removesuffix("%").strip()
            if not (equals and text.endswith("%") and digits.replace(".", "", 1).isdecimal()):
                self.fail(f"{piece[:40]!r} is no share of a resource, such as lutram=60%")
            if name.lower() in shares:
                self.fail(f"{name.lower()} is given twice")
            shares[name.lower()] = float(digits) / 100
        return shares


class Objectives(click.ParamType[tuple[Objective, ...]]):
    """``traffic,throughput``: two or three, each once."""

    name = "objectives"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Objective, ...]:
        if isinstance(value, tuple):
            return value
        names = [piece.strip() for piece in value.split(",")]
        for name in names:
            if name not in _OBJECTIVES:
                self.fail(f"{name[:40]!r} is no objective (choose from {', '.join(_OBJECTIVES)})")
        if len(set(names)) != len(names) or len(names) not in (2, 3):
            self.fail(f"{value[:60]!r} is not two or three different objectives")
        return tuple(Objective(name) for name in names)


@click.command(epilog="Objectives, and what each figure means: docs/planning.md.")
@click.argument("network", required=False, metavar="[MODEL]")
@network_options
@click.option(
    "--boards",
    "boards_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="boards.toml: plan for its boards.",
)
@click.option(
    "--board",
    "boards",
    multiple=True,
    metavar="NAME",
    help="A board, such as Pynq-Z1, or one of --boards; may be repeated. [default: two Pynq-Z1]",
)
@click.option(
    "--board-file",
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="Boards that FINN does not know, for --board (docs/adding-a-board.md).",
)
@click.option(
    "--clock", "clock_mhz", type=Clock(), help="Of every board, in MHz. [default: its own, or 100]"
)
@click.option("--any-order", is_flag=True, help="Parts may go to the boards in any order.")
@click.option(
    "--objective",
    type=click.Choice(_OBJECTIVES),
    default=Objective.THROUGHPUT.value,
    show_default=True,
    help="What is made best.",
)
@click.option(
    "--pareto",
    "trade_off",
    type=Objectives(),
    metavar="A,B[,C]",
    help="Also the plans that none beats in all of these objectives.",
)
@click.option("--fps", type=NumberRange(0, 1e12, min_open=True), help="At least so many images/s.")
@click.option(
    "--batch",
    type=click.IntRange(1, 10**9),
    default=20,
    show_default=True,
    metavar="N",
    help="Images of a batch.",
)
@click.option("--max-latency", type=Duration(), metavar="TIME", help="Of one image: 5ms.")
@click.option("--max-batch", type=Duration(), metavar="TIME", help="Of a batch.")
@click.option(
    "--max-bytes", type=click.IntRange(min=0), metavar="N", help="Per image, between all boards."
)
@click.option(
    "--limit",
    "limits",
    type=ResourceShares(),
    multiple=True,
    metavar="RESOURCE=PERCENT%",
    help="Greatest share of each board, shell included: lutram=60%; may be repeated.",
)
@click.option(
    "--reserve", metavar="COUNTS", help="What each board keeps for its shell: lut=5000,bram=6."
)
@click.option(
    "--use-all/--at-most",
    "use_all",
    default=None,
    help="Use every board, or as few as are best. [default: every one for traffic, balance and "
    "scarcest]",
)
@click.option(
    "--max-boards", type=click.IntRange(min=1), metavar="N", help="Use so many boards at most."
)
@click.option(
    "--replicate",
    "replicas",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="A part may be repeated on so many boards.",
)
@click.option(
    "--split",
    "splits",
    type=click.IntRange(min=0),
    multiple=True,
    metavar="K",
    help="Cut after layer K, whatever else is cut; may be repeated.",
)
@click.option(
    "--cut-residual",
    is_flag=True,
    help="A graph may be cut within its branches, too: every tensor that crosses is sent.",
)
@click.option(
    "--folding",
    metavar="free|published|auto|FILE",
    help="free: any legal folding of each layer; else this one (as of `dse sweep`). [default: "
    "published or auto for traffic, balance, scarcest and for counts of a sweep; else free]",
)
@click.option(
    "--source",
    metavar="NAME",
    help="Whose numbers: finn-estimate, or of a sweep yosys, vivado-synth, vivado-placed. "
    "[default: finn-estimate]",
)
@click.option(
    "--sweep",
    type=click.Path(path_type=Path),
    default=Path("build/sweep"),
    show_default=True,
    metavar="DIR",
    help="Sweep with the numbers of another --source, and what the estimates are off by.",
)
@click.option(
    "--link",
    type=LinkRate(),
    metavar="RATE",
    help="Speed of every link: 1Gbit. [default: what --boards says, else links take no time]",
)
@click.option(
    "--link-delay",
    type=Duration(),
    metavar="TIME",
    help="What a message is late by beside that.",
)
@click.option(
    "--links",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Links as `dse boards measure` found them, in place of --link.",
)
@click.option(
    "--link-load",
    type=NumberRange(min=0, min_open=True, max=100),
    metavar="PERCENT",
    help="Greatest share of its time that a link may be taken. [default: 100]",
)
@click.option(
    "--explain/--no-explain",
    "explained",
    default=True,
    show_default=True,
    help="Solve again for every other cut and for more hardware.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("build/plan"),
    show_default=True,
    metavar="DIR",
    help="Folder of plan.json, plan.html and the Pareto plot.",
)
@json_option
def plan(
    network: str | None,
    weights: str | None,
    model: Path | None,
    boards_file: Path | None,
    boards: tuple[str, ...],
    board_file: Path | None,
    clock_mhz: float | None,
    any_order: bool,
    objective: str,
    trade_off: tuple[Objective, ...] | None,
    fps: float | None,
    batch: int,
    max_latency: int | None,
    max_batch: int | None,
    max_bytes: int | None,
    limits: tuple[dict[str, float], ...],
    reserve: str | None,
    use_all: bool | None,
    max_boards: int | None,
    replicas: int,
    splits: tuple[int, ...],
    cut_residual: bool,
    folding: str | None,
    source: str | None,
    sweep: Path,
    link: float | None,
    link_delay: int | None,
    links: Path | None,
    link_load: float | None,
    explained: bool,
    out: Path,
    as_json: bool,
) -> None:
    """Find the best cuts, foldings and boards for a network, proved and explained.

    MODEL is a QONNX or .npz file, or the name of a larger network (docs/planning.md); without it,
    --weights. Prints the plan, what is proved of it, why it cuts
    nowhere else and what more hardware would buy, and writes plan.json, which `dse sweep`, `build`,
    `simulate` and `deploy` take with --plan.
    """
    from dse.cli.plan_progress import plan_progress
    from dse.plan_request import PlanRequest
    from dse.plan_result import make_plan
    from dse.resource_counts import parse_counts

    if network is not None and model is not None:
        raise click.UsageError("MODEL and --model both name a network")
    request = PlanRequest(
        weights=weights,
        model=network if model is None else str(model),
        boards=boards,
        boards_file=boards_file,
        board_file=board_file,
        clock_mhz=clock_mhz,
        usable=_merged(limits),
        reserve=None if reserve is None else parse_counts(reserve),
        link=_link(link, link_delay),
        links=links,
        link_load=None if link_load is None else link_load / 100,
        any_order=any_order,
        objective=Objective(objective),
        batch=batch,
        fps=fps,
        max_latency=None if max_latency is None else max_latency * _NANOSECOND,
        max_batch=None if max_batch is None else max_batch * _NANOSECOND,
        max_bytes=max_bytes,
        max_boards=max_boards,
        use_all=use_all,
        replicas=replicas,
        splits=frozenset(splits),
        cut_residual=cut_residual,
        folding=folding,
        source=source,
        sweep=sweep,
    )
    with plan_progress(quiet=as_json) as on_step:
        result = make_plan(request, trade_off or (), explained=explained, on_step=on_step)
    files = result.write(out)
    if as_json:
        data = result.to_json() | {"files": [str(path) for path in files]}
        click.echo(json.dumps(data, indent=1, allow_nan=False))
        return
    from rich.console import Console

    from dse.cli.plan_terminal import print_plan

    print_plan(result.record, Console(highlight=False))
    click.echo("\n" + "\n".join(str(path) for path in files))


def _merged(limits: tuple[dict[str, float], ...]) -> dict[str, float]:
    merged: dict[str, float] = {}
    for limit in limits:
        for name, share in limit.items():
            if merged.setdefault(name, share) != share:
                raise click.UsageError(
                    f"--limit says {merged[name]:.4g} and {share:.4g} of the {name}"
                )
    return merged


def _link(rate: float | None, delay: int | None) -> Link | None:
    from dse.plan.fleet import Link

    if rate is None and delay is None:
        return None
    byte_s = 0.0 if rate is None else 8 / rate  # of an unlimited rate, too
    return Link("as given", byte_s=byte_s, delay_s=(delay or 0) * _NANOSECOND)
