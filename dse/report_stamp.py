"""Whether the reports of a sweep are up to date, told without loading what writes them.

report.json holds the hash of everything the reports are made from and the hash of each file made.
It is written last: a sweep killed while it writes reports has none that matches.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from dse.atomic_write import atomic_write
from reports.choice_record import ChoiceRecord

STAMP_FILE = "report.json"
FORMAT = "split-dse/report-stamp"

#: Temporary names of atomic_write for what a sweep writes into its folder.
_TEMPORARY = (
    ".sweep.json.*.tmp",
    ".imported.json.*.tmp",
    ".report.*.tmp",
    ".table1.*.tmp",
    ".fig4*.tmp",
)

#: What draws and writes besides the package ``reports`` itself; our own version is printed.
_LIBRARIES = ("split-dse", "jinja2", "matplotlib", "numpy", "pandas")


def report_inputs(sweep_text: str, choices: Sequence[ChoiceRecord] = ()) -> str:
    """sha256 of all that decides the reports: records, choices, our writers, their libraries."""
    digest = hashlib.sha256(sweep_text.encode())
    digest.update(repr(tuple(choices)).encode() + b"\0")
    for name in _LIBRARIES:
        digest.update(f"{name} {version(name)};".encode())
    package = Path(str(files("reports")))
    for path in sorted(package.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(path.relative_to(package).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def current_reports(out: Path, inputs: str) -> list[Path] | None:
    """The report files in ``out`` if every one is as it was made from ``inputs``, else None."""
    try:
        stamp = json.loads((out / STAMP_FILE).read_bytes())
        if stamp["format"] != FORMAT or stamp["inputs"] != inputs:
            return None
        for name, sha256 in stamp["files"].items():
            if _sha256(out / name) != sha256:
                return None
        return [out / name for name in stamp["files"]]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def stamp_reports(out: Path, inputs: str, written: Iterable[Path]) -> None:
    """Note that the files ``written``, all below ``out``, were made from ``inputs``."""
    content = {
        "format": FORMAT,
        "inputs": inputs,
        "files": {path.relative_to(out).as_posix(): _sha256(path) for path in sorted(written)},
    }
    atomic_write(out / STAMP_FILE, json.dumps(content, indent=1) + "\n")


def remove_leftovers(out: Path) -> None:
    """Remove the temporary files of a sweep into ``out`` that was killed while it wrote."""
    for pattern in _TEMPORARY:
        for leftover in out.glob(pattern):
            leftover.unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
