"""One deployment at a time in a folder: two would replace each other's parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dse.errors import DeployError, OutputError

LOCK_FILE = ".lock"


@contextmanager
def claimed(out: Path) -> Iterator[None]:
    """``out`` is ours within. DeployError if another deployment is at work in it, OutputError where
    it cannot be made."""
    from filelock import FileLock, Timeout

    lock = FileLock(out / LOCK_FILE, timeout=0)
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise DeployError(
            "another deployment is at work here", where=out, expected="another --out, or its end"
        ) from error
    except OSError as error:
        raise OutputError(f"cannot write: {error.strerror or error}", where=out) from error
    try:
        yield
    finally:
        lock.release()
