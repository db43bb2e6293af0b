"""The table on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reports.page import Column, Panel, PanelKind
from reports.panels import lay_out
from reports.sweep_record import SweepRecord
from reports.table import build_table, group_records
from reports.utilization import Source

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

#: What a terminal leaves to the files.
_FOR_A_PAGE = (PanelKind.INCREMENT, PanelKind.LAYERS)
_SHOWN = [kind for kind in PanelKind if kind not in _FOR_A_PAGE]

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")

#: A source over a column of numbers: in two lines, and in as many as keep it as narrow as those.
_HEADINGS = {
    Source.PAPER: ("paper", "paper"),
    Source.FINN_ESTIMATE: ("finn-\nestimate", "finn-\nesti-\nmate"),
    Source.YOSYS: ("yosys", "yosys"),
    Source.VIVADO_SYNTH: ("vivado-\nsynth", "viva-\ndo-\nsynth"),
    Source.VIVADO_PLACED: ("vivado-\nplaced", "viva-\ndo-\nplaced"),
}


def print_table(records: Sequence[SweepRecord], console: Console) -> None:
    """Print the table of each configuration among ``records``.

    Sources stand side by side where the console is wide enough for that, and in blocks of their own
    where it is not. Raises InputError for two results of one design point and source.
    """
    from rich.text import Text

    for group in group_records(records).values():
        page = lay_out(build_table(group)).of_panels(_SHOWN)
        console.print(Text(page.title, style="bold"))
        for panel in page.panels:
            _print_panel(panel, console)
        console.print()
        for explanation in page.explanations:
            heading = f"Why {explanation.source.value} is not the paper"
            console.print(Text.assemble((heading, "bold"), f": {explanation.brief}"))
        for name, description in page.sources:
            console.print(Text.assemble((name, "bold"), f": {description}."))
        for number, note in enumerate(page.notes, start=1):
            console.print(Text(f"{_superscript((number,))} {note}"))
        console.print()


def _print_panel(panel: Panel, console: Console) -> None:
    from rich.text import Text

    layouts = [[(panel, False)], [(panel, True)]]
    if len(panel.sources) > 1:
        # Fewer resources side by side, then one source after the other.
        for most in range(len(panel.columns) - 1, 1 + len(panel.sources), -1):
            pieces = panel.pieces(most)
            layouts += [[(piece, narrow) for piece in pieces] for narrow in (False, True)]
        layouts.append([(panel.of_source(source), False) for source in panel.sources])
    for blocks in layouts:
        tables = [_table(block, narrow) for block, narrow in blocks]
        if all(_width(table, console) <= console.width for table in tables):
            break
    for (block, _), table in zip(blocks, tables, strict=True):
        console.print()
        console.print(Text(block.heading, style="bold"))
        console.print(table)


def _width(table: Table, console: Console) -> int:
    """The columns that a table needs to lose nothing, however wide the console is."""
    return table.__rich_measure__(console, console.options.update(max_width=1000)).maximum


def _table(panel: Panel, narrow: bool) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    # The box itself leaves one space between columns.
    padding = (0, 0 if narrow else 1, 0, 0)
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=padding)
    alone = len(panel.sources) == 1
    for column in panel.columns:
        # On a console too narrow for anything, words are folded before a number is cut.
        table.add_column(
            Text(_heading(column, alone, narrow)),
            justify="right" if column.numeric else "left",
            no_wrap=column.numeric,
            overflow="fold",
        )
    for row in panel.rows:
        cells = []
        for cell in row:
            failed = cell.text in ("failed", "no fit")
            text = "fail" if cell.text == "failed" and narrow else cell.text
            cells.append(Text(text + _superscript(cell.marks), style="red" if failed else ""))
        table.add_row(*cells)
    return table


def _heading(column: Column, alone: bool, narrow: bool) -> str:
    heading = column.name
    if column.numeric and len(heading) > len("LUTRAM"):
        heading = heading.replace(" ", "\n").replace("/", "/\n")
    if column.source is not None and not alone:
        heading += "\n" + _HEADINGS[column.source][int(narrow)]
    return heading + _superscript(column.marks)


def _superscript(marks: tuple[int, ...]) -> str:
    return "·".join(str(mark).translate(_SUPERSCRIPTS) for mark in marks)
