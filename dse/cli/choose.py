"""``dse choose``: name a split of a finished sweep, and say why none of the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from dse.cli.options import json_option, out_option
from dse.split_rules import RULES

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from dse.board_space import BoardSpace, ResourceSpace
    from dse.split_choice import Choice


@click.command(
    epilog="\b\nRules:\n" + "\n".join(f"  {rule.name:<11}{rule.summary}" for rule in RULES.values())
)
@click.option(
    "--by",
    type=click.Choice(list(RULES)),
    default="traffic",
    show_default=True,
    help="The rule; see below and docs/choosing.md.",
)
@out_option
@click.option(
    "--source",
    metavar="NAME",
    help="Whose numbers: finn-estimate, yosys, vivado-synth or vivado-placed. [default: the last "
    "of these that has every cut]",
)
@click.option(
    "--pool",
    type=click.Choice(["before", "after", "both"]),
    default="both",
    show_default=True,
    help="Of a cut swept with its max-pool on either side, look at this one only.",
)
@click.option(
    "--reserve",
    metavar="COUNTS",
    help="What each board keeps for its shell and others: lut=5000,bram=6.",
)
@click.option(
    "--region",
    "regions",
    multiple=True,
    metavar="COUNTS|FILE",
    help="Another application: does lut=8000,bram=20 (with a name: filter:lut=8000) stay free? Or "
    "a TOML file of several. May be repeated.",
)
@json_option
def choose(
    by: str,
    out: Path,
    source: str | None,
    pool: Literal["before", "after", "both"],
    reserve: str | None,
    regions: tuple[str, ...],
    as_json: bool,
) -> None:
    """Choose a split of the last sweep in --out, by a rule and the numbers of one source.

    Says why each other cut was not chosen, and what stays free on each board. Both parts must fit.
    """
    import dse
    from dse.resource_counts import parse_counts

    reserved = None if reserve is None else parse_counts(reserve)
    choice = dse.choose(out, by, source=source, pool=pool, reserve=reserved, regions=regions)
    if as_json:
        click.echo(json.dumps(choice_as_data(choice), indent=1))
        return
    from rich.console import Console

    print_choice(choice, Console())


def choice_as_data(choice: Choice) -> dict[str, object]:
    """What ``--json`` prints; docs/formats.md lists the keys."""
    configuration = choice.configuration
    return {
        "format": "split-dse/choice",
        "version": 1,
        "configuration": {
            "network": configuration.network,
            "network_sha256": configuration.network_sha256,
            "device": configuration.device,
            "clock_mhz": configuration.clock_mhz,
            "folding": configuration.folding,
        },
        "rule": choice.rule,
        "source": choice.source.value,
        "split": choice.split,
        "pool": choice.pool,
        "bytes_per_image": choice.bytes_per_image,
        "why": choice.why,
        "ties": choice.ties,
        "rejected": [
            {"split": one.split, "pool": one.pool, "reason": one.reason} for one in choice.rejected
        ],
        "boards": [_board_as_data(board) for board in choice.boards],
        "notes": list(choice.notes),
    }


def _board_as_data(board: BoardSpace) -> dict[str, object]:
    return {
        "part": board.part.value,
        "fits": board.fits.value,
        "resources": {
            space.resource: {
                "available": space.available,
                "used": space.used,
                "used_percent": space.used_percent,
                "reserved": space.reserved,
                "free": space.free,
                "free_percent": space.free_percent,
            }
            for space in board.resources
        },
        "regions": [
            {"region": one.region, "fits": one.fits.value, "why": one.why} for one in board.regions
        ],
    }


def print_choice(choice: Choice, console: Console) -> None:
    """The choice, what it leaves free, the other cuts and the notes, for a person."""
    from rich.text import Text

    configuration, source = choice.configuration, choice.source.value
    console.print(
        Text(
            f"{configuration.network} on {configuration.device}, {configuration.clock_mhz:g} MHz, "
            f"folding {configuration.folding}"
        )
    )
    side = ", pool after the cut" if choice.pool == "after" else ""
    console.print(Text(f"Split {choice.split}{side}, by {choice.rule} — {source}", style="bold"))
    console.print(Text(choice.why))
    _headed(console, f"Free on each board — {source}", _free_table(choice))
    for board in choice.boards:
        for region in board.regions:
            line = f"{region.region} beside the {board.part.value} part: {region.fits.value}. "
            console.print(Text(line + region.why))
    if choice.rejected:
        _headed(console, f"Not chosen — {source}", _rejected_table(choice))
    console.print()
    for note in (choice.ties, *choice.notes):
        console.print(Text(note))


def _headed(console: Console, heading: str, table: Table) -> None:
    from rich.text import Text

    console.print()
    console.print(Text(heading, style="bold"))
    console.print(table)


def _plain_table() -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)


def _free_table(choice: Choice) -> Table:
    """A row for each resource: used and free on the first board, then on the second."""
    from reports.resource_text import RESOURCE_TITLES

    table = _plain_table()
    table.add_column("")
    reserved = any(space.reserved for board in choice.boards for space in board.resources)
    for board in choice.boards:
        table.add_column(f"{board.part.value}:\nused (%)", justify="right")
        table.add_column("\nfree (%)", justify="right")
    if reserved:
        table.add_column("reserved\non each", justify="right")
    by_board = [{space.resource: space for space in board.resources} for board in choice.boards]
    for name in dict.fromkeys(name for spaces in by_board for name in spaces):
        row = [RESOURCE_TITLES[name]]
        for spaces in by_board:
            row += _space_cells(spaces.get(name))
        if reserved:
            kept = next(spaces[name].reserved for spaces in by_board if name in spaces)
            row.append(_count(name, kept))
        table.add_row(*row)
    return table


def _space_cells(space: ResourceSpace | None) -> tuple[str, str]:
    from reports.resource_text import format_percent

    if space is None:
        return "", ""
    cells = []
    pairs = ((space.used, space.used_percent), (space.free, space.free_percent))
    for count, share in pairs:
        percent = "" if share is None else f" ({format_percent(share)})"
        cells.append("unknown" if count is None else _count(space.resource, count) + percent)
    return cells[0], cells[1]


def _count(resource: str, count: float) -> str:
    from reports.resource_text import format_used

    return format_used(resource, count)


def _rejected_table(choice: Choice) -> Table:
    from rich.text import Text

    table = _plain_table()
    table.add_column("Split", no_wrap=True)
    table.add_column("Why not")
    for one in choice.rejected:
        label = str(one.split) + (" after" if one.pool == "after" else "")
        # As Text: an error message may hold brackets, which are no markup.
        table.add_row(label, Text(one.reason))
    return table
