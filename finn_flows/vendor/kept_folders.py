"""Folders that are made once, by content, and shared by every build on this computer.

<root>/<key>/              what was made
<root>/<key>.json          its files, written before the folder appears
<root>/<key>.lock          held by the process that makes it
<root>/.making-<key>/      in the making; or what a killed process left
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from dse.atomic_write import atomic_write
from finn_flows.vendor.kept_files import are_intact, describe
from finn_flows.vendor.left_processes import kill_left_processes

_MAKING = ".making-"


class KeptFolders:
    """Folders below ``root`` (existing), each found by the content address of what made it."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def get(self, key: str, make: Callable[[Path], None]) -> Path:
        """The folder of ``key``, which nobody may change; ``make(folder)`` fills it if it is new.

        ``make`` is given an empty folder below the same root, which gets another name afterwards:
        nothing in it may name it absolutely. Who asks for a key that another process just makes
        waits. A folder in which a file is not as it was made is made again. Raises what ``make``
        raises, and removes what it left: logs that are to be read must lie elsewhere by then. Copy
        what is to be kept: the cache may be emptied at any time.
        """
        if self._is_whole(key):
            return self.root / key
        with FileLock(self.root / f"{key}.lock"):
            if self._is_whole(key):
                return self.root / key
            making = self.root / f"{_MAKING}{key}"
            kill_left_processes(making)
            for leftover in (making, self.root / key):
                if leftover.exists():
                    shutil.rmtree(leftover)
            making.mkdir()
            try:
                make(making)
            except Exception:
                shutil.rmtree(making, ignore_errors=True)
                raise
            described = describe([making], making)
            atomic_write(self._list(key), json.dumps(described))
            making.rename(self.root / key)
        return self.root / key

    def _list(self, key: str) -> Path:
        return self.root / f"{key}.json"

    def _is_whole(self, key: str) -> bool:
        folder = self.root / key
        if not folder.is_dir():
            return False
        try:
            described = json.loads(self._list(key).read_text())
        except (OSError, ValueError):
            return False
        return isinstance(described, list) and are_intact(described, folder)
