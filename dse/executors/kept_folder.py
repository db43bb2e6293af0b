"""What a task left on another machine: where it is kept, packed and unpacked."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dse.errors import ExecutorError

#: What is fetched at once, so that memory on the way (the scheduler's, too) is bounded.
PIECE_BYTES = 4 << 20


@dataclass(frozen=True)
class Shared:
    """A folder of this name beside the one that the driver made."""

    name: str


@dataclass(frozen=True)
class Packed:
    """An uncompressed tar on the worker's disk."""

    path: Path
    bytes: int
    sha256: str


Kept = Shared | Packed


def pack(folder: Path) -> Packed:
    """Put all of ``folder`` into a tar beside it."""
    path = folder.with_name(f"{folder.name}.tar")
    try:
        with tarfile.open(path, "w") as tar:
            tar.add(folder, arcname=".")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Packed(path, path.stat().st_size, digest)


def unpack(packed: Packed, read: Callable[[int, int], bytes], folder: Path) -> None:
    """Fetch ``packed`` by ``read(offset, size)`` into the existing, empty ``folder``.

    Raises ExecutorError for what is not whole or would lie outside of it, OSError of this disk.
    """
    fetched = folder.with_name(f"{folder.name}-fetched.tar")
    try:
        digest = hashlib.sha256()
        with fetched.open("wb") as file:
            while file.tell() < packed.bytes:
                piece = read(file.tell(), min(PIECE_BYTES, packed.bytes - file.tell()))
                if not piece:
                    break
                digest.update(piece)
                file.write(piece)
        if digest.hexdigest() != packed.sha256:
            raise ExecutorError("what a build left did not arrive as it was sent", where=folder)
        with tarfile.open(fetched) as tar:
            tar.extractall(folder, filter=_inside)
    except tarfile.TarError as error:
        raise ExecutorError(
            f"what a build left cannot be unpacked: {error}", where=folder
        ) from error
    finally:
        fetched.unlink(missing_ok=True)


def move_in(kept: Shared, folder: Path) -> None:
    """Put the folder that ``kept`` names in the place of the empty ``folder`` beside it."""
    made = folder.parent / kept.name
    if made.parent != folder.parent or not kept.name.startswith(f"{folder.name}-"):
        raise ExecutorError(f"a build names a folder that is not its own: {kept.name}")
    made.rename(folder)


def remove_tries(folder: Path) -> None:
    """Remove what lost tries of the task of ``folder`` left beside it."""
    for other in folder.parent.iterdir():
        if other.name.startswith(f"{folder.name}-"):
            shutil.rmtree(other, ignore_errors=True)
            if other.is_file():
                other.unlink(missing_ok=True)


def _inside(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
    """The member as it may be unpacked. A link that leads out of the folder is left behind."""
    try:
        return tarfile.data_filter(member, folder)
    except (tarfile.AbsoluteLinkError, tarfile.LinkOutsideDestinationError):
        return None
