"""All files that a sweep leaves for people and programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dse.atomic_write import atomic_write
from reports.sweep_record import SweepRecord
from reports.table import build_table


def write_sweep_report(records: Sequence[SweepRecord], directory: Path) -> list[Path]:
    """Write table1.csv, .json, .md, .tex and fig4a, fig4b as .svg and .png into ``directory``.

    Returns the paths in that order. Same records (in any order), same bytes. Each file is written
    whole or not at all, and none before all have been made. Raises InputError for no records or
    records of several configurations (see :func:`reports.table.group_records`), OutputError where
    writing fails.
    """
    from reports.figure_growth import growth_figure
    from reports.figure_parts import parts_figure
    from reports.write_csv import table_as_csv
    from reports.write_json import table_as_json
    from reports.write_latex import table_as_latex
    from reports.write_markdown import table_as_markdown

    table = build_table(records)
    files: dict[str, str | bytes] = {
        "table1.csv": table_as_csv(table),
        "table1.json": table_as_json(table),
        "table1.md": table_as_markdown(table),
        "table1.tex": table_as_latex(table),
    }
    for name, figure in (("fig4a", growth_figure(table)), ("fig4b", parts_figure(table))):
        files |= {f"{name}.{kind}": content for kind, content in figure.items()}
    paths = []
    for name, content in files.items():
        atomic_write(directory / name, content)
        paths.append(directory / name)
    return paths
