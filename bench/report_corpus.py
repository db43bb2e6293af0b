"""The real reports beside the checkout, with the values a correct reader returns."""

from __future__ import annotations

import csv
from pathlib import Path

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "vivado_reports"


def indexed_reports() -> list[tuple[Path, str, dict[str, str]]]:
    """Path, kind and the known fields of every report; nothing where the corpus is absent."""
    index = CORPUS / "index.csv"
    if not index.is_file():
        return []
    with index.open() as file:
        rows = list(csv.DictReader(file))
    about = ("file", "repo", "path", "commit", "kind")
    return [
        (
            CORPUS / row["file"],
            row["kind"],
            {name: value for name, value in row.items() if name not in about and value},
        )
        for row in rows
    ]
