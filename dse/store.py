"""The result store: one folder per design point, addressed by what decides its result.

    <directory>/<key>/record.json     the record (reports/record_file.py)
    <directory>/<key>/contents.json   size and sha256 of everything else in the folder
    <directory>/<key>/...             what the backend left: build.log and its artefacts
    <directory>/failed/<key>/...      what the last failed try left, for a person to read (of a
                                      point, or of a step that points share)
    <directory>/.building-<key>-...   a build in progress; a leftover if its sweep was killed

A result appears by one rename of a finished folder, so it is whole or not there. Only the process
that holds the lock renames and deletes. Results are never trusted unread: a folder whose record is
not byte for byte what was stored, or with a file missing or of another size, counts as absent and
is rebuilt.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from dse.atomic_write import atomic_write
from dse.errors import OutputError, StoreError
from reports.record_file import dump_record, load_record
from reports.sweep_record import SweepRecord

RECORD = "record.json"
CONTENTS = "contents.json"
FAILED = "failed"
_BUILDING = ".building-"
_LOCK = "sweep.lock"
_HOLDER = "sweep.pid"


class ResultStore:
    """The store in ``directory``, usable inside ``with``, by one process at a time.

    Entering makes the folder, takes the lock and removes what a killed sweep left half-built.
    Raises StoreError (one line) where that is impossible: another sweep holds the lock (its process
    id is named), a file stands in the way, no permission, no space.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        #: What was found damaged since entering, one line each, naming the file.
        self.damaged: list[str] = []
        self._lock = FileLock(directory / _LOCK)

    def __enter__(self) -> Self:
        with _as_store_error(self.directory):
            self.directory.mkdir(parents=True, exist_ok=True)
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                raise StoreError(
                    f"the store is in use by another sweep ({self._holder()})",
                    where=self.directory,
                ) from None
        try:
            with _as_store_error(self.directory):
                atomic_write(self.directory / _HOLDER, f"{os.getpid()}\n")
                self._remove_leftovers()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        (self.directory / _HOLDER).unlink(missing_ok=True)
        self._lock.release()

    def folder(self, key: str) -> Path:
        """Where the result of ``key`` is, or would be."""
        return self.directory / key

    def find(self, key: str) -> SweepRecord | None:
        """The stored result, or None if there is none or it is damaged (see :attr:`damaged`)."""
        folder = self.folder(key)
        if not folder.is_dir():
            return None
        try:
            return _read_entry(folder)
        except StoreError as error:
            self.damaged.append(str(error))
            return None

    def begin(self, key: str) -> Path:
        """A new empty folder to build ``key`` in; end with :meth:`publish` or :meth:`fail`."""
        with _as_store_error(self.directory):
            return Path(tempfile.mkdtemp(dir=self.directory, prefix=f"{_BUILDING}{key}-"))

    def publish(self, key: str, building: Path, record: SweepRecord) -> None:
        """Make the folder ``building`` the result of ``key``, replacing a damaged one.

        Raises StoreError if that cannot be written, ValueError for a record that contradicts itself
        (as dump_record); the store is then as before, but for ``building``.
        """
        with _as_store_error(self.directory):
            text = dump_record(record)
            atomic_write(building / RECORD, text)
            atomic_write(building / CONTENTS, json.dumps(_contents(building), indent=1) + "\n")
            # mkdtemp is private to the user; a result is an ordinary folder.
            umask = os.umask(0)
            os.umask(umask)
            building.chmod(0o777 & ~umask)
            _remove(self.folder(key))
            building.rename(self.folder(key))
        _remove(self.directory / FAILED / key)

    def fail(self, key: str, building: Path) -> Path:
        """Keep what a failed build left in ``failed/<key>``, which is returned. Never a result."""
        kept = self.directory / FAILED / key
        with _as_store_error(self.directory):
            kept.parent.mkdir(exist_ok=True)
            _remove(kept)
            building.rename(kept)
        return kept

    def discard(self, building: Path) -> None:
        """Forget an interrupted build."""
        _remove(building)

    def leave_out(self, key: str, building: Path) -> None:
        """Forget what is done and has its result elsewhere, and an earlier failed try of it."""
        _remove(building)
        _remove(self.directory / FAILED / key)

    def _remove_leftovers(self) -> None:
        for folder in (self.directory, self.directory / FAILED):
            for leftover in (*folder.glob(f"{_BUILDING}*"), *folder.glob(f".{_HOLDER}.*.tmp")):
                _remove(leftover)

    def _holder(self) -> str:
        # The holder writes its id just after it has the lock; until then the file may be missing
        # or name a sweep that was killed.
        for _ in range(10):
            try:
                pid = int((self.directory / _HOLDER).read_text())
                os.kill(pid, 0)
                return f"process {pid}"
            except PermissionError:
                return f"process {pid}"
            except (OSError, ValueError):
                time.sleep(0.05)
        return "process unknown"


def _read_entry(folder: Path) -> SweepRecord:
    """The record of a result folder. StoreError, naming the file, for anything not as stored."""
    path = folder / RECORD
    try:
        contents = json.loads((folder / CONTENTS).read_text())
        data = path.read_bytes()
        if contents[RECORD]["sha256"] != hashlib.sha256(data).hexdigest():
            raise StoreError("damaged result: not the record that was stored", where=path)
        for name, stored in contents.items():
            size = (folder / name).stat().st_size
            if size != stored["bytes"]:
                raise StoreError(
                    f"damaged result: {size} bytes",
                    where=folder / name,
                    expected=f"{stored['bytes']}",
                )
        record = load_record(data.decode(), path)
    except OSError as error:
        where = error.filename or folder
        raise StoreError(f"damaged result: {error.strerror}", where=where) from error
    except UnicodeDecodeError as error:
        raise StoreError("damaged result: not text", where=folder) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StoreError(
            "damaged result: not a list of contents", where=folder / CONTENTS
        ) from error
    if record.error is not None:
        raise StoreError("damaged result: a failed point", where=path)
    return record


def _contents(folder: Path) -> dict[str, dict[str, object]]:
    """Size and sha256 of every regular file below ``folder``, by its relative name."""
    found: dict[str, dict[str, object]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            found[path.relative_to(folder).as_posix()] = {
                "bytes": path.stat().st_size,
                "sha256": digest,
            }
    return found


def _remove(path: Path) -> None:
    """Remove a folder (or whatever stands there), if it is there.

    A folder gets a leftover's name first: a kill in between must not leave half a result.
    """
    if path.is_symlink() or path.is_file():
        path.unlink(missing_ok=True)
    elif path.is_dir():
        if not path.name.startswith(_BUILDING):
            doomed = path.parent / f"{_BUILDING}{path.name}-removed"
            shutil.rmtree(doomed, ignore_errors=True)
            path = path.rename(doomed)
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _as_store_error(directory: Path) -> Iterator[None]:
    """Errors of the operating system become one line: full disk, no permission, file in the way."""
    try:
        yield
    except OutputError as error:
        raise StoreError(error.message, where=error.where) from error
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in (errno.EEXIST, errno.ENOTDIR):
            reason = "not a folder"
        raise StoreError(
            f"the result store cannot be used: {reason}", where=error.filename or directory
        ) from error
