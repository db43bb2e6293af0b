"""Reading a stage's folder on a board: nothing is used that is not what the client wrote."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from dse.errors import DseError

MANIFEST_NAME = "pipeline.json"
FORMAT = "split-dse/pipeline"
FORMAT_VERSION = 1
_READ_BYTES = 1 << 20


class StageFileError(DseError):
    """A file of a stage's folder is missing, damaged, or another than the manifest names."""


def read_stage(folder: Path, position: int, manifest_sha256: str) -> dict[str, Any]:
    """The entry of stage ``position`` in ``folder``/pipeline.json (docs/formats.md).

    ``manifest_sha256``: lower-case hexadecimal, of the bytes of pipeline.json, as the client said.
    Raises StageFileError, naming the file, where that is not its hash, where it names no such
    stage, and where any file of the stage is missing, no regular file, or has other bytes than the
    manifest says, or where a file lies in the folder that the manifest does not name.
    """
    path = folder / MANIFEST_NAME
    data = _manifest_bytes(path)
    found = hashlib.sha256(data).hexdigest()
    if found != manifest_sha256:
        raise StageFileError(
            "another manifest than the pipeline's: sha256 %s" % found,
            where=path,
            expected="sha256 %s" % manifest_sha256,
        )
    stage = _stage(data, position, path)
    files = stage["files"]
    for name in sorted(files):
        _check(folder / name, files[name])
    for entry in sorted(folder.iterdir()):
        if entry.name != MANIFEST_NAME and entry.name not in files:
            raise StageFileError("not named by the manifest", where=entry)
    return stage


def _manifest_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StageFileError("cannot read: %s" % (error.strerror or error), where=path) from error


def _stage(data: bytes, position: int, path: Path) -> dict[str, Any]:
    # The hash says that this is what the client wrote; whether that client writes what this code
    # reads is still to be asked.
    try:
        manifest = json.loads(data)
    except ValueError as error:
        raise StageFileError("no JSON: %s" % error, where=path) from error
    if (manifest.get("format"), manifest.get("version")) != (FORMAT, FORMAT_VERSION):
        raise StageFileError(
            "a manifest of format %s %s" % (manifest.get("format"), manifest.get("version")),
            where=path,
            expected="%s %d" % (FORMAT, FORMAT_VERSION),
        )
    stages = manifest.get("stages")
    if not isinstance(stages, list):
        raise StageFileError("no stages", where=path)
    if not 0 <= position < len(stages):
        raise StageFileError(
            "no stage %d" % position, where=path, choices=[str(at) for at in range(len(stages))]
        )
    stage: dict[str, Any] = stages[position]
    for name in stage["files"]:
        if Path(name).name != name or name == "..":
            raise StageFileError("names a file outside its folder: %s" % name, where=path)
    return stage


def _check(path: Path, expected: str) -> None:
    if path.is_symlink() or not path.is_file():
        raise StageFileError("named by the manifest, but not there", where=path)
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            block = file.read(_READ_BYTES)
            while block:
                digest.update(block)
                block = file.read(_READ_BYTES)
    except OSError as error:
        raise StageFileError("cannot read: %s" % (error.strerror or error), where=path) from error
    if digest.hexdigest() != expected:
        raise StageFileError(
            "differs from the manifest: sha256 %s" % digest.hexdigest(),
            where=path,
            expected="sha256 %s" % expected,
        )
