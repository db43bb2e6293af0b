"""A plan on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from reports.plan_record import PlanRecord

#: Boards side by side: more do not fit a line.
_MOST_BOARDS = 3
#: Of a trade-off; there may be hundreds.
_MOST_PLANS = 20


def print_plan(record: PlanRecord, console: Console) -> None:
    """The plan, what is proved, the boards, the foldings, the explanation, the notes."""
    from rich.text import Text

    console.print(Text(f"{record.network}, plan by {record.objective}"))
    console.print(Text(f"{record.headline} — {record.source}", style="bold"))
    console.print(Text(record.proof))
    console.print()
    _table(console, "", ("", ""), record.summary)
    for first in range(0, len(record.boards), _MOST_BOARDS):
        boards = record.boards[first : first + _MOST_BOARDS]
        resources = list(dict.fromkeys(one.resource for of in boards for one in of.resources))
        rows = [
            ("board", *(board.boards for board in boards)),
            ("device", *(board.device for board in boards)),
            ("blocks", *(board.layers for board in boards)),
            ("alone", *(board.interval for board in boards)),
        ]
        for resource in resources:
            cells = []
            for board in boards:
                found = [one for one in board.resources if one.resource == resource]
                cells += [f"{one.used} of {one.allowed} ({one.percent})" for one in found] or [""]
            rows.append((resource, *cells))
        _table(
            console,
            f"Parts: used of allowed (of the device) — {record.source}",
            ("", *(board.title for board in boards)),
            rows,
        )
    if record.hops:
        rows = [(hop.cut, hop.boards, hop.bytes, hop.time) for hop in record.hops]
        _table(console, "Links, per image", ("Cut", "From, to", "Bytes", "Time"), rows)
    _table(
        console,
        f"Foldings — {record.source}",
        ("Block", "Part", "Folding", "Cycles per image"),
        [(block.block, block.part, block.folding, block.cycles) for block in record.blocks],
    )
    if record.others:
        _table(
            console,
            f"Other cuts — {record.source}",
            ("Cut", "Verdict", "Because"),
            [(other.cut, other.verdict, other.reason) for other in record.others],
        )
    if record.more:
        _table(console, f"What more would buy — {record.source}", ("More", "Buys"), record.more)
    if record.pareto:
        _table(
            console,
            f"Plans that none beats — {record.source}",
            record.pareto_headings,
            record.pareto[:_MOST_PLANS],
        )
        if len(record.pareto) > _MOST_PLANS:
            console.print(f"and {len(record.pareto) - _MOST_PLANS} more: on the page, and as JSON")
    console.print()
    for note in record.notes:
        console.print(Text(note))


def _table(
    console: Console, title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]
) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    if title:
        console.print()
        console.print(Text(title, style="bold"))
    table = Table(
        box=SIMPLE_HEAD, show_edge=False, pad_edge=False, show_header=any(headings), expand=False
    )
    for heading in headings:
        table.add_column(heading)
    for row in rows:
        # As Text: a name may hold brackets, which are no markup.
        table.add_row(*map(Text, row))
    console.print(table)
