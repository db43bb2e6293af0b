"""sweep.json: the records of the last sweep, in the order of the design points."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dse.atomic_write import atomic_write
from dse.errors import InputError, StoreError
from dse.imported_file import beside, read_imported
from reports.record_file import dump_record, load_record
from reports.sweep_record import SweepRecord

SWEEP_FILE = "sweep.json"
FORMAT = "split-dse/sweep"
VERSION = 1


def record_as_data(record: SweepRecord) -> dict[str, Any]:
    """The record as plain dicts, lists, numbers and strings; unknown is None."""
    data = json.loads(dump_record(record))
    assert isinstance(data, dict)
    return data


def sweep_file_text(records: Sequence[SweepRecord]) -> str:
    """The content of sweep.json. The same records give the same text."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "records": [record_as_data(record) for record in records],
    }
    return json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def write_sweep_file(out: Path, text: str) -> None:
    """Write ``out/sweep.json`` unless it holds ``text`` already. Raises OutputError."""
    path = out / SWEEP_FILE
    if not _holds(path, text):
        atomic_write(path, text)


def read_sweep_file(out: Path) -> list[SweepRecord]:
    """The records of the last sweep in ``out``, and those imported that belong beside them.

    Raises InputError if nothing was swept or imported there, StoreError if a file is damaged.
    """
    imported = read_imported(out)
    own = read_own_records(out) if not imported or (out / SWEEP_FILE).exists() else []
    return own + beside(own, imported)[0]


def read_own_records(out: Path) -> list[SweepRecord]:
    """The records of the last sweep in ``out``, without what was imported.

    Raises InputError if nothing was swept there, StoreError if the file is damaged.
    """
    path = out / SWEEP_FILE
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(
            "nothing was swept here",
            where=out,
            expected=f"a folder that `dse sweep --out {out}` wrote",
        ) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from error
    except ValueError as error:
        raise StoreError("damaged: not JSON; sweep again", where=path) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise StoreError("damaged: not a sweep; sweep again", where=path)
    if content.get("version") != VERSION or not isinstance(content.get("records"), list):
        raise StoreError(
            f"version {content.get('version')} of the file; sweep again",
            where=path,
            expected=f"version {VERSION}",
        )
    if not content["records"]:
        # A sweep has the whole network at least.
        raise StoreError("damaged: holds no records; sweep again", where=path)
    return [load_record(json.dumps(record), path) for record in content["records"]]


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except OSError:
        return False
