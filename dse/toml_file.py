"""A small TOML file of the user's: read whole, or one line that says why not, and where."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from dse.errors import DseError, InputError

#: No file of ours that is written by hand is larger, in bytes.
LARGEST_FILE = 1 << 20
_PLACE = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")


def toml_text(
    path: Path,
    what: str,
    *,
    error: type[DseError] = InputError,
    expected: str | None = None,
) -> str:
    """The text of ``path``, without a byte order mark.

    Raises ``error``, naming the file, where it cannot be read (then with ``expected``), is no text
    or is too large for ``what`` it should be.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise error(f"is too large for {what}", where=path)
        return content.decode("utf-8-sig")
    except OSError as failure:
        raise error(
            f"cannot be read: {failure.strerror}", where=path, expected=expected
        ) from failure
    except UnicodeDecodeError as failure:
        raise error("is not text in UTF-8", where=path) from failure


def parse_toml(text: str, path: Path, *, error: type[DseError] = InputError) -> dict[str, Any]:
    """What ``text``, read from ``path``, says. Raises ``error`` with file and line."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as failure:
        said = str(failure)
        place = _PLACE.search(said)
        line = None if place is None else int(place[1] or text.count("\n") + 1)
        raise error(f"is not TOML: {_PLACE.sub('', said)}", where=path, line=line) from failure
