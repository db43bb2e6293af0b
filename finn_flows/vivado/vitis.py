"""What linking for an Alveo card needs on this computer: v++, and the card's platform."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from dse.errors import InputError
from finn_flows.vendor.installed import require
from finn_flows.vivado.board import AlveoBoard

#: Where v++ looks, beside folders that its command line or a configuration names.
PLATFORM_VARIABLE = "PLATFORM_REPO_PATHS"
_SHARED = Path("/opt/xilinx/platforms")


def check_vitis(board: AlveoBoard, instead: Sequence[str] = ()) -> None:
    """InputError, one line, without v++, or if the board's platform is in no folder of platforms.

    Without any such folder nothing can be said of the platform: v++ may know another.
    ``instead``: what works without v++, for that line.
    """
    require(["v++"], instead=instead)
    platform = Path(board.platform)
    if platform.suffix == ".xpfm":
        if not platform.is_file():
            raise InputError(f"the platform of {board.name} is not there", where=platform)
        return
    folders = platform_folders()
    if folders and not any(_has(folder, board.platform) for folder in folders):
        found = sorted({file.stem for folder in folders for file in folder.glob("*/*.xpfm")})
        raise InputError(
            f"the platform of {board.name}, {board.platform}, is not installed here",
            where=os.pathsep.join(map(str, folders)),
            expected=f"its package, or {PLATFORM_VARIABLE} with its folder",
            choices=found or None,
        )


def platform_folders() -> list[Path]:
    """The folders of platforms that are there."""
    named = os.environ.get(PLATFORM_VARIABLE, "").split(os.pathsep)
    return [
        folder for folder in (*(Path(name) for name in named if name), _SHARED) if folder.is_dir()
    ]


def _has(folder: Path, platform: str) -> bool:
    return any(
        file.is_file()
        for file in (
            folder / platform / f"{platform}.xpfm",
            folder / f"{platform}.xpfm",
        )
    )
