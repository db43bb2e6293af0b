"""``dse table``: the table of a finished sweep, without building anything."""

from __future__ import annotations

from pathlib import Path

import click

from dse.cli.options import out_option


@click.command()
@out_option
@click.option(
    "--format",
    "table_format",
    type=click.Choice(["text", "csv", "json", "md", "tex"]),
    default="text",
    show_default=True,
    help="How to print it.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def table(out: Path, table_format: str, as_json: bool) -> None:
    """Print the table of the last sweep in --out, the published figures beside it.

    The other formats are those of the files that `dse sweep` writes (docs/formats.md).
    """
    from dse.sweep_file import read_sweep_file

    records = read_sweep_file(out)
    if as_json:
        table_format = "json"
    if table_format == "text":
        from rich.console import Console

        from reports.terminal import print_table

        print_table(records, Console())
        return

    from reports.table import build_table
    from reports.write_csv import table_as_csv
    from reports.write_json import table_as_json
    from reports.write_latex import table_as_latex
    from reports.write_markdown import table_as_markdown

    write = {
        "csv": table_as_csv,
        "json": table_as_json,
        "md": table_as_markdown,
        "tex": table_as_latex,
    }[table_format]
    click.echo(write(build_table(records)), nl=False)
