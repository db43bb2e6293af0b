"""imported.json: what a user's own Vivado runs add to a sweep, in a file of its own.

A later sweep leaves it alone, and a later import replaces it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dse.errors import InputError, StoreError
from reports.record_file import dump_record, load_record
from reports.sweep_record import SweepRecord

if TYPE_CHECKING:
    from reports.table import Configuration

IMPORTED_FILE = "imported.json"
FORMAT = "split-dse/imported"
VERSION = 1


@dataclass(frozen=True)
class ImportedRun:
    """A report that was imported, as a record of its design point.

    ``report``: its path below the imported folder, ``sha256`` of its bytes. ``wns_ns``, ``whs_ns``,
    ``power_w``: from the timing and power reports beside it, None where there are none.
    """

    report: str
    sha256: str
    record: SweepRecord
    wns_ns: float | None = None
    whs_ns: float | None = None
    power_w: float | None = None


def imported_text(runs: Sequence[ImportedRun]) -> str:
    """The content of imported.json. The same runs give the same text."""
    content = {"format": FORMAT, "version": VERSION, "runs": [run_as_data(run) for run in runs]}
    return json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def run_as_data(run: ImportedRun) -> dict[str, Any]:
    """The run as plain dicts, numbers and strings; unknown is None."""
    return asdict(run) | {"record": json.loads(dump_record(run.record))}


def read_imported(out: Path) -> list[ImportedRun]:
    """What was imported into ``out``; nothing if nothing was. StoreError if the file is damaged."""
    path = out / IMPORTED_FILE
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from error
    except ValueError as error:
        raise StoreError("damaged: not JSON; import again", where=path) from error
    try:
        if content["format"] != FORMAT or content["version"] != VERSION:
            raise StoreError("another format; import again", where=path, expected=FORMAT)
        return [
            ImportedRun(**{**run, "record": load_record(json.dumps(run["record"]), path)})
            for run in content["runs"]
        ]
    except (TypeError, KeyError) as error:
        raise StoreError("damaged; import again", where=path) from error


def beside(
    records: Sequence[SweepRecord], imported: Sequence[ImportedRun]
) -> tuple[list[SweepRecord], list[str]]:
    """The imported records that belong into one table with ``records``, and warnings of the others.

    They belong there if network, device, clock and folding are the same, and the sweep did not
    build the point with that source itself. Without ``records`` all belong.
    """
    if not records or not imported:
        return [run.record for run in imported], []
    from reports.table import group_records

    wanted = set(group_records(records))
    taken = {(record.split, record.pool, record.part, record.source) for record in records}
    fitting, warnings = [], []
    for run in imported:
        record = run.record
        [configuration] = group_records([record])
        if configuration not in wanted:
            warnings.append(
                f"{run.report} was imported for {_words(configuration)}: not in this table; "
                "import again"
            )
        elif (record.split, record.pool, record.part, record.source) in taken:
            warnings.append(f"{run.report} was imported for a point that the sweep has itself")
        else:
            fitting.append(record)
    return fitting, warnings


def _words(configuration: Configuration) -> str:
    return (
        f"{configuration.network} on {configuration.device} at {configuration.clock_mhz:g} MHz, "
        f"folding {configuration.folding}"
    )
