"""All files that a sweep leaves for people and programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dse.atomic_write import atomic_write
from reports.choice_record import ChoiceRecord
from reports.sweep_record import SweepRecord
from reports.table import build_table


def write_sweep_report(
    records: Sequence[SweepRecord], directory: Path, choices: Sequence[ChoiceRecord] = ()
) -> list[Path]:
    """Write all reports into ``directory``.

    These are table1.csv, .json, .md and .tex, fig4a and fig4b as .svg and .png, and report.html,
    which shows ``choices``, too. Returns the paths in that order. Same records (in any order) and
    choices, same bytes. Each file is written whole or not at all, and none before all have been
    made. Raises InputError for no records or records of several configurations (see
    :func:`reports.table.group_records`), OutputError where writing fails.
    """
    from reports.figure_growth import growth_figure
    from reports.figure_parts import parts_figure
    from reports.figure_traffic import traffic_figure
    from reports.write_csv import table_as_csv
    from reports.write_html import report_as_html
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
    figures = {"fig4a": growth_figure(table), "fig4b": parts_figure(table)}
    for name, figure in figures.items():
        files |= {f"{name}.{kind}": content for kind, content in figure.items()}
    drawings = {name: figure["svg"] for name, figure in figures.items()}
    drawings["traffic"] = traffic_figure(table, ("svg",))["svg"]
    files["report.html"] = report_as_html(table, drawings, choices)
    paths = []
    for name, content in files.items():
        atomic_write(directory / name, content)
        paths.append(directory / name)
    return paths
