"""What a build through FINN needs on this computer: tools, FINN's libraries, the board's files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dse.errors import InputError
from finn_flows.cache_directory import CACHE_VARIABLE, cache_directory
from finn_flows.vendor.installed import find_tool, require, tool_version
from finn_flows.vivado.board import VivadoBoard, finn_boards
from finn_flows.vivado.board_content import board_folders

if TYPE_CHECKING:
    from finn.interface.settings import FINNSettings

#: Releases that finn-plus supports.
SUPPORTED = ("2022.2", "2024.2")
#: The last release in which FINN runs HLS with vitis_hls.
_LAST_VITIS_HLS = (2024, 2)
_DEPS_VARIABLE = "FINN_DEPS"
_REMEDY = f"`finn deps update` fetches it ({_DEPS_VARIABLE} names the folder)"
#: What FINN writes unquoted into Tcl and into scripts of a shell means something else there.
_SPECIAL = re.compile(r"""[\s{}$\[\]"'\\`;&|<>()*?]""")


@dataclass(frozen=True)
class VivadoInstallation:
    """Vivado as FINN would call it: its ``release`` (``2022.2``) and the folder with its ``bin``.

    ``hls``: the tool that FINN runs HLS with in this release.
    """

    release: str
    root: Path

    @property
    def hls(self) -> str:
        return "vitis_hls" if self.number <= _LAST_VITIS_HLS else "vitis-run"

    def tool_folders(self) -> list[Path]:
        """Where its tools are: FINN looks on PATH alone."""
        found = (find_tool(name) for name in ("vivado", self.hls))
        return [path.parent for path in found if path is not None]

    @property
    def number(self) -> tuple[int, int]:
        year, _, minor = self.release.partition(".")
        return int(year), int(minor)


def release_remark(release: str) -> str | None:
    """What to say of a release that finn-plus does not support; a build may work with it."""
    if release in SUPPORTED:
        return None
    return f"Vivado {release} is not among those that finn-plus supports: {', '.join(SUPPORTED)}"


def find_installation(instead: Sequence[str] = ()) -> VivadoInstallation:
    """The Vivado that would be run. InputError, one line, without it or the HLS tool it goes with.

    ``instead``: what works without it, for that line.
    """
    require(["vivado", "vitis_hls|vitis-run"], instead=instead)
    vivado, release = find_tool("vivado"), tool_version("vivado")
    assert vivado is not None
    if release is None:
        raise InputError("does not say which release it is", where=vivado, choices=SUPPORTED)
    found = VivadoInstallation(release, vivado.resolve().parent.parent)
    require([found.hls], instead=instead)
    return found


def check_libraries(board: VivadoBoard, installation: VivadoInstallation) -> None:
    """InputError, one line, if FINN's library for HLS or the files of the board are not there."""
    from finn.interface.settings import FINNSettings

    settings = FINNSettings.init(flow_config=Path("flow.yaml"), auto_set_environment_vars=False)
    for folder, variable in (
        (cache_directory("vivado"), CACHE_VARIABLE),
        (settings.finn_deps, _DEPS_VARIABLE),
    ):
        special = _SPECIAL.search(str(folder))
        if special is not None:
            letter = "white space" if special[0].isspace() else special[0]
            raise InputError(
                f"the tools cannot take a folder with {letter} in its name",
                where=folder,
                expected=f"{variable} to name another folder",
            )
    library = settings.finn_deps / "finn-hlslib" / "bnn-library.h"
    if not library.is_file():
        raise InputError("finn-hlslib is not there", where=library, expected=_REMEDY)
    if board.board_part is None:
        return
    vendor, name, *_ = board.board_part.split(":")
    if vendor != "xilinx.com" and not _has_board(board, name, settings, installation):
        raise InputError(
            f"there are no files of {board.board_part}",
            where=board.board_files or settings.finn_deps / "board_files",
            expected=_REMEDY
            if board in finn_boards()
            else 'board_files = "…" in the board file: the folder with the vendor\'s files of it',
        )


def _has_board(
    board: VivadoBoard, name: str, settings: FINNSettings, installation: VivadoInstallation
) -> bool:
    """Whether a place where Vivado looks has files of that board (those of AMD it knows)."""
    places = [settings.finn_deps / "board_files", installation.root / "data/boards/board_files"]
    if board.board_files is not None:
        places.append(board.board_files)
    try:
        return any(board_folders(place, name) for place in places)
    except OSError as error:
        raise InputError(
            f"board files cannot be read: {error.strerror or error}", where=error.filename
        ) from error
