"""What a node manager of this computer writes to its standard error."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO

_KEPT_BYTES = 4096
_LARGEST_LOG = 1 << 20


class StandardError:
    """Reads the pipe in a thread, so that nobody who writes there ever waits.

    The end is kept in memory, since a manager that ends removes its folder, and a full disk takes
    no log; the beginning, up to 1 MB, is written to ``log`` as far as there is room.
    """

    def __init__(self, pipe: IO[bytes], log: Path) -> None:
        self._pipe = pipe
        self._log = log
        self._kept = b""
        self._thread = threading.Thread(target=self._read, name="standard-error", daemon=True)
        self._thread.start()

    def last_line(self) -> str:
        """The last line that is not empty, or ""; of a process that has ended, or is about to."""
        self._thread.join(0.5)
        lines = self._kept.decode(errors="replace").strip().splitlines()
        return lines[-1].strip()[:300] if lines else ""

    def close(self) -> None:
        """After the end of all who may write."""
        self._thread.join(0.5)
        if not self._thread.is_alive():
            self._pipe.close()

    def _read(self) -> None:
        written = 0
        with suppress(OSError, ValueError):
            while piece := os.read(self._pipe.fileno(), 65536):
                self._kept = (self._kept + piece)[-_KEPT_BYTES:]
                with suppress(OSError):
                    if written < _LARGEST_LOG:
                        with self._log.open("ab") as file:
                            file.write(piece)
                        written += len(piece)
