"""What a build that takes long is doing just now: a file in its folder, for whoever watches."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

#: In the folder of a build that runs; gone when it has ended well.
STATUS_FILE = ".status"
_LONGEST = 200


def write_status(directory: Path, text: str) -> None:
    """Say ``text`` (one line) of the build in ``directory``. A disk that refuses it is no error."""
    scratch = directory / f"{STATUS_FILE}.new"
    with suppress(OSError):
        scratch.write_text(" ".join(text.split())[:_LONGEST])
        scratch.replace(directory / STATUS_FILE)


def read_status(directory: Path) -> str | None:
    """What was said last, None if nothing was."""
    try:
        return (directory / STATUS_FILE).read_text(errors="replace")[:_LONGEST] or None
    except OSError:
        return None


def clear_status(directory: Path) -> None:
    """The build has ended."""
    for name in (STATUS_FILE, f"{STATUS_FILE}.new"):
        (directory / name).unlink(missing_ok=True)
