"""imported.json: what a user's own Vivado runs add to a sweep, in a file of its own.

A later sweep leaves it alone, and a later import replaces it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dse.errors import InputError, StoreError
from reports.missed_goals import timing_misses
from reports.record_file import dump_record, load_record
from reports.sweep_record import Implementation, SweepRecord

if TYPE_CHECKING:
    from reports.table import Configuration

IMPORTED_FILE = "imported.json"
FORMAT = "split-dse/imported"
VERSION = 2
#: Version 1 had these beside the record.
_ONCE_BESIDE = ("wns_ns", "whs_ns", "power_w")


@dataclass(frozen=True)
class ImportedRun:
    """A report that was imported, as a record of its design point.

    ``report``: its path below the imported folder, ``sha256`` of its bytes. The record's
    ``implementation`` is from the timing and power reports beside it, None where there are none.
    """

    report: str
    sha256: str
    record: SweepRecord


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
        if content["format"] != FORMAT or content["version"] not in (1, VERSION):
            raise StoreError("another format; import again", where=path, expected=FORMAT)
        return [_run(run, path) for run in content["runs"]]
    except (TypeError, KeyError) as error:
        raise StoreError("damaged; import again", where=path) from error


def _run(run: dict[str, Any], path: Path) -> ImportedRun:
    said = {name: run.pop(name, None) for name in _ONCE_BESIDE}
    record = load_record(json.dumps(run["record"]), path)
    if record.implementation is None:
        record = implemented(record, **said)
    return ImportedRun(**{**run, "record": record})


def implemented(
    record: SweepRecord, wns_ns: float | None, whs_ns: float | None, power_w: float | None
) -> SweepRecord:
    """The record with what reports beside it say; unchanged where they say nothing."""
    if wns_ns is None and whs_ns is None and power_w is None:
        return record
    misses = timing_misses(wns_ns, whs_ns, record.clock_mhz)
    said = Implementation(wns_ns=wns_ns, whs_ns=whs_ns, power_w=power_w, misses=misses)
    return replace(record, implementation=said)


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
