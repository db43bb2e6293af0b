"""What a failed build leaves for a person to read, or to send to somebody who can."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from finn_flows.vendor.failure import ToolError

#: Of a longer log only its end is kept, where it says why.
_LARGEST_TEXT = 8 << 20


def leave_texts(work: Path, directory: Path, error: BaseException) -> None:
    """Copy logs, scripts and reports of the build in ``work``, as far as it came, into
    ``directory``; the log that ``error`` names, too, where it lies elsewhere.

    Raises nothing: what is to be told is ``error``, and on a full disk there is no room.
    """
    from finn_flows.vivado.build_result import build_texts

    found = dict(build_texts(work))
    log = error.log if isinstance(error, ToolError) else None
    if log is not None and not log.is_relative_to(work):
        found[Path("logs", "failed.log")] = log
    for place, file in found.items():
        with suppress(OSError):
            if file.is_file():
                (directory / place).parent.mkdir(parents=True, exist_ok=True)
                _copy_end(file, directory / place)


def _copy_end(source: Path, target: Path) -> None:
    with source.open("rb") as file, target.open("wb") as copy:
        file.seek(max(0, source.stat().st_size - _LARGEST_TEXT))
        shutil.copyfileobj(file, copy)
