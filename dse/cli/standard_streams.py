"""Standard output that may be closed, full, or of few letters."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING

from dse.errors import OutputError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Output(io.FileIO):
    """Tells a disk that refuses our output from one that refuses a file of ours."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            raise OutputError(f"cannot write the output: {error.strerror or error}") from error


def prepare_standard_streams() -> None:
    """Make every standard stream one that can be used, and stdout one that says what is wrong."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            _open_nothing(number, name)
    if sys.stdout is sys.__stdout__ and isinstance(sys.stdout, io.TextIOWrapper):
        stream = sys.stdout
        stream.flush()
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(_Output(stream.fileno(), "w", closefd=False)),
            encoding=stream.encoding,
            line_buffering=stream.line_buffering,
            # A terminal without ≈ or ¹ shows an escape rather than failing.
            errors="backslashreplace",
        )


def silence_output() -> None:
    """Point stdout at nothing, so that the interpreter's last flush does not fail as well."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_nothing(number: int, name: str) -> None:
    """Open the closed stream ``number`` on nothing.

    Else the next file that is opened gets its number, and a tool that prints writes into it.
    """
    opened = os.open(os.devnull, os.O_RDWR)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
    os.set_inheritable(number, True)
    setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))
