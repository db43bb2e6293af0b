"""The lines of a report file, read in blocks, so that a file of any size takes bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from dse.errors import ReportError

#: A numbered line, from 1, without its line end.
Numbered = tuple[int, str]

#: Characters read at a time; also the longest line (reports have lines of some thousands).
BLOCK = 1 << 20

#: Control characters that no text report holds.
_BINARY = "".join(map(chr, (*range(0, 9), *range(14, 27), *range(28, 32), 127)))


def open_lines(path: Path) -> Iterator[Numbered]:
    """The lines of ``path``: UTF-8, or UTF-16 by its mark or its NULs; any line ends.

    Bytes that are not UTF-8 become U+FFFD: host names and paths may be in any code page, and a
    number that holds one is refused where it is read. Raises ReportError for a file that cannot be
    opened, is empty or binary, or has a line over 1 MiB.
    """
    return enumerate(chain.from_iterable(_blocks(path)), 1)


def encoding_of(start: bytes) -> str:
    """Which encoding a text that begins with these bytes is in."""
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if start[1::2].count(0) > len(start) // 4:
        return "utf-16-le"
    if start[0::2].count(0) > len(start) // 4:
        return "utf-16-be"
    return "utf-8-sig"


def _blocks(path: Path) -> Iterator[list[str]]:
    try:
        with open(path, "rb") as raw:  # noqa: PTH123 - half the time of Path.open here
            encoding = encoding_of(raw.read(256))
        with open(path, encoding=encoding, errors="replace") as file:  # noqa: PTH123
            block = file.read(BLOCK)
            if not block.strip():
                raise ReportError("empty", where=path, expected="a tool's report")
            carried = ""
            number = 1
            while block:
                _refuse_binary(block, path)
                lines = (carried + block).split("\n")
                carried = lines.pop()
                if len(carried) > BLOCK:
                    raise ReportError(
                        "a line of more than 1 MiB",
                        where=path,
                        line=number + len(lines),
                        expected="a text report",
                    )
                number += len(lines)
                yield lines
                block = file.read(BLOCK)
            if carried:
                yield [carried]
    except IsADirectoryError as error:
        raise ReportError("a folder", where=path, expected="a report file") from error
    except OSError as error:
        raise ReportError(f"cannot be read: {error.strerror}", where=path) from error


_NO_BINARY = str.maketrans("", "", _BINARY)


def _refuse_binary(block: str, path: Path) -> None:
    if len(block.translate(_NO_BINARY)) != len(block):
        raise ReportError("not a text file", where=path, expected="a tool's report")
