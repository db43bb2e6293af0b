"""The one file that runs on a board: everything of ours that a node needs, as a zipapp."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from dse.atomic_write import atomic_write
from dse.errors import DeployError

SHEBANG = b"#!/usr/bin/env python3\n"
#: Modules of the project, beside the package dse.deploy.node, that run on a board.
SHARED_MODULES = (
    "dse/errors.py",
    "finn_flows/wire_packing.py",
    "finn_flows/simulation/harness_pipe.py",
)
#: Packages on the way to those, whose own code is the client's: they are shipped empty.
EMPTY_PACKAGES = ("dse", "dse/deploy", "finn_flows", "finn_flows/simulation")
_MAIN = """\
import sys

from dse.deploy.node.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
"""


def build_node_zipapp(target: Path) -> Path:
    """Write ``target`` (``node.pyz``), which ``python3 node.pyz manage ...`` runs; returns it.

    The same sources give the same bytes. Sources are those of this installation, a checkout or a
    wheel alike. Raises OutputError where ``target`` cannot be written and DeployError, naming the
    file, where this installation is incomplete.
    """
    content = io.BytesIO()
    content.write(SHEBANG)
    with zipfile.ZipFile(content, "a", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, source in sorted(_sources().items()):
            # The oldest date that a zip can hold, and a plain file's mode: the same bytes always.
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            entry.create_system = 3
            archive.writestr(entry, source)
    atomic_write(target, content.getvalue())
    return target


def _sources() -> dict[str, bytes]:
    """Name in the archive -> content."""
    found = {"__main__.py": _MAIN.encode()}
    found.update({f"{package}/__init__.py": b"" for package in EMPTY_PACKAGES})
    for name in SHARED_MODULES:
        package, _, rest = name.partition("/")
        found[name] = _read(files(package).joinpath(*rest.split("/")), name)
    node = files("dse.deploy").joinpath("node")
    found.update({name: _read(file, name) for name, file in _modules(node, "dse/deploy/node")})
    return found


def _modules(folder: Traversable, name: str) -> Iterator[tuple[str, Traversable]]:
    """Every Python file below ``folder``, with its name in the archive."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _modules(entry, f"{name}/{entry.name}")
        elif entry.name.endswith(".py"):
            yield f"{name}/{entry.name}", entry


def _read(file: Traversable, name: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise DeployError(
            f"this installation of split-dse is incomplete: {error.strerror or error}", where=name
        ) from error
