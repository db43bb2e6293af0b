"""Folders that stand alone: the parts of one split (or the whole network), built and written."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, cast

from dse.backend_choice import BuildTarget, choose_backends
from dse.errors import BuildError, InputError, OutputError
from finn_flows.backends import BACKENDS, load_backend
from finn_flows.backends.interface import Backend, Part
from finn_flows.cut import Cut, normal_cut
from finn_flows.folding import Folding, check_folding
from finn_flows.network import Network
from reports.sweep_record import PartName, SweepRecord

if TYPE_CHECKING:
    from dse.sweep_driver import Progress

#: What says that a folder is one of ours, and may be replaced.
PART_FILE = "part.json"
#: Where parts are built, inside the folder that gets them; gone when they are there.
_BUILDING = ".building"


class FolderBackend(Backend, Protocol):
    """A backend that makes a circuit, and can write everything of it into a folder."""

    def write_folder(self, part: Part, record: SweepRecord, directory: Path) -> list[Path]:
        """Write the folder of ``part``, whose build gave ``record``; the paths written."""
        ...


def folder_backend(
    name: str, target: BuildTarget | None = None, *, fixed_weights: bool = False
) -> FolderBackend:
    """The backend called ``name``, ready for ``target``.

    InputError for one that is unknown, makes no circuit, or lacks what it needs (see
    :func:`~dse.backend_choice.choose_backends`).
    """
    able = [other for other in BACKENDS if hasattr(load_backend(other), "write_folder")]
    others = [other for other in able if other != name]
    (backend,) = choose_backends([name], target or BuildTarget(), others)
    if not hasattr(backend, "write_folder"):
        raise InputError(f"backend {name!r} makes no circuit to write", choices=able)
    if fixed_weights:
        if not hasattr(backend, "writeable"):
            raise InputError(f"backend {name!r} cannot fix weights in the bitstream")
        backend.writeable = False
    return cast(FolderBackend, backend)


def parts_to_build(
    network: Network,
    cut: Cut | None,
    which: Literal["first", "second", "both"],
    folding: Folding,
    device: str,
    clock_mhz: float,
) -> list[Part]:
    """The whole network, or the chosen parts of ``cut``.

    Raises CutError for a split the network does not have, FoldingError for a folding that does not
    fit, InputError for a part without layers.
    """
    check_folding(network, folding)
    if cut is None:
        return [Part(network, PartName.WHOLE, None, folding, device, clock_mhz)]
    cut = normal_cut(network, cut)
    names = (PartName.FIRST, PartName.SECOND) if which == "both" else (PartName(which),)
    parts = [Part(network, name, cut, folding, device, clock_mhz) for name in names]
    for part in parts:
        if not part.network.layers:
            raise InputError(f"{part} has no layers: there is nothing to build")
    return parts


def build_parts(
    parts: Mapping[str, Part],
    backend: FolderBackend,
    out: Path,
    workers: int | None,
    progress: Progress,
) -> dict[str, Path]:
    """Build ``parts`` and write each into the folder of its name in ``out``; the folders by name.

    A folder appears whole or not at all, and replaces one of an earlier build. Raises OutputError
    where something else stands in its place, BuildError where a part cannot be built, StoreError
    where another build into ``out`` is under way.
    """
    from dse.executors.local import LocalExecutor
    from dse.store import ResultStore
    from dse.sweep_driver import sweep

    folders = {name: out / name for name in parts}
    for folder in folders.values():
        check_replaceable(folder)
    scratch = out / _BUILDING
    try:
        scratch.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write: {error.strerror}", where=out) from error
    # Entering the store shuts out another build into the same folder, and finds the results of one
    # that was killed.
    with ResultStore(scratch / "store") as store, LocalExecutor(workers) as executor:
        try:
            results = sweep(list(parts.values()), backend, store, executor, progress)
            for result in results:
                if result.record.error is not None:
                    raise BuildError(f"{result.part} cannot be built: {result.record.error}")
            for name, result in zip(parts, results, strict=True):
                made = scratch / name
                shutil.rmtree(made, ignore_errors=True)
                backend.write_folder(result.part, result.record, made)
            for name, folder in folders.items():
                replace_folder(scratch / name, folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return folders


def check_replaceable(folder: Path) -> None:
    """OutputError unless ``folder`` is not there, is empty, or is an earlier build."""
    if folder.exists() and not (folder / PART_FILE).is_file():
        if folder.is_dir() and not any(folder.iterdir()):
            return
        raise OutputError(
            "something else stands there", where=folder, expected="nothing, or an earlier build"
        )


def replace_folder(made: Path, folder: Path) -> None:
    """Put ``made`` in the place of ``folder``. OutputError if that cannot be."""
    try:
        if folder.exists():
            shutil.rmtree(folder)
        made.rename(folder)
    except OSError as error:
        raise OutputError(f"cannot write: {error.strerror}", where=folder) from error
