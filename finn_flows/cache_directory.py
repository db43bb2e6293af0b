"""Where results that any sweep may use again are kept on this computer."""

from __future__ import annotations

import os
from pathlib import Path

from dse.errors import StoreError

#: Environment variable that names the folder of all caches instead of the user's own cache folder.
CACHE_VARIABLE = "SPLIT_DSE_CACHE"


def cache_directory(kind: str) -> Path:
    """The existing folder for cached results of one ``kind``: ``synthesis``, ``verilator``.

    Below ``$SPLIT_DSE_CACHE`` if that is set and not empty, else below the user's cache folder
    (``~/.cache/split-dse`` on Linux). Whatever is in it may be deleted at any time: it is made
    again. Raises StoreError where the folder cannot be made.
    """
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        root = Path(named).expanduser().absolute()
    else:
        from platformdirs import user_cache_path

        root = user_cache_path("split-dse", appauthor=False)
    folder = root / kind
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "a file stands there" if isinstance(error, FileExistsError) else error.strerror
        raise StoreError(
            f"the cache folder cannot be made: {reason}",
            where=folder,
            expected=f"a folder that can be written, named by {CACHE_VARIABLE}",
        ) from error
    return folder
