"""Writes the golden files of this folder anew: ``python -m tests.reports.renew_golden``."""

from __future__ import annotations

from reports.table import build_table
from reports.write_csv import table_as_csv
from reports.write_json import table_as_json
from reports.write_latex import table_as_latex
from reports.write_markdown import table_as_markdown
from tests.reports.test_writers import GOLDEN, small_sweep

if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    table = build_table(small_sweep())
    for name, write in (
        ("table1.csv", table_as_csv),
        ("table1.json", table_as_json),
        ("table1.md", table_as_markdown),
        ("table1.tex", table_as_latex),
    ):
        (GOLDEN / name).write_text(write(table), encoding="utf-8")
