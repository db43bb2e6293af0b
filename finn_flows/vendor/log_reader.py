"""A log that grows, read as far as it goes, at the cost of what is new in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

#: Read at once at most: a log that grew by more is caught up with piece by piece.
_PIECE_BYTES = 1 << 20
#: A line is cut here; no tool says anything of interest beyond.
_LONGEST_LINE = 1 << 16


class LogReader:
    """The lines of ``path``, each given once; a file that is not there yet has none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._position = 0
        self._rest = b""

    def lines(self, *, to_the_end: bool = False) -> Iterator[str]:
        """The lines that were completed since the last call, without their ends.

        At most one piece's worth, so that a look is short; with ``to_the_end`` all, and what stands
        behind the last line's end, too. A log that became shorter is read from its beginning.
        """
        try:
            size = self.path.stat().st_size
            if size < self._position:
                self._position, self._rest = 0, b""
            if size > self._position:
                with self.path.open("rb") as file:
                    file.seek(self._position)
                    while piece := file.read(_PIECE_BYTES):
                        self._position += len(piece)
                        yield from self._split(piece)
                        if not to_the_end:
                            break
        except OSError:
            return
        if to_the_end and self._rest:
            yield self._rest.decode(errors="replace").rstrip("\r")
            self._rest = b""

    def _split(self, piece: bytes) -> Iterator[str]:
        *whole, rest = (self._rest + piece).split(b"\n")
        self._rest = rest[:_LONGEST_LINE]
        for line in whole:
            yield line[:_LONGEST_LINE].decode(errors="replace").rstrip("\r")
