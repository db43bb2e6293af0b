"""Copying a folder so that a full disk shows as what it is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def copy_folder(source: Path, target: Path) -> None:
    """Every file of ``source`` into ``target``, which may be there; folders on the way are made.

    Raises the OSError of the first file that cannot be copied. (shutil.copytree goes on, and then
    raises one without a number: nobody could tell a full disk by it.)
    """
    for folder, _, names in os.walk(source):
        place = target / Path(folder).relative_to(source)
        place.mkdir(parents=True, exist_ok=True)
        for name in names:
            shutil.copyfile(Path(folder) / name, place / name)
