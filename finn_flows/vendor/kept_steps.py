"""Steps of one build, each done once, whatever interrupts it.

<folder>/.steps.lock           held by the process that works on the build
<folder>/.steps/<step>.json    name and key of a step that is done, its outputs, its result
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import FileLock

from dse.atomic_write import atomic_write
from finn_flows.vendor.kept_files import are_intact, describe
from finn_flows.vendor.left_processes import kill_left_processes

LOCK_FILE = ".steps.lock"
MARKERS = ".steps"


class KeptSteps:
    """Steps of one build in ``folder``, which is made; use it in a ``with`` statement.

    Within it nobody else works on the build: a second process (or thread) waits. A tool that an
    earlier, killed process left at work in the folder is ended first.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._lock = FileLock(self.folder / LOCK_FILE)

    def __enter__(self) -> KeptSteps:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock.acquire()
        try:
            kill_left_processes(self.folder)
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()

    def do(
        self, name: str, key: str, work: Callable[[], Any], *, outputs: Sequence[Path] = ()
    ) -> Any:
        """What ``work()`` gives, as JSON; run only if it is not known of this ``name`` and ``key``.

        ``key``: content address of all that decides the step's outcome, earlier steps among it.
        ``outputs``: files, or folders with files, that the step leaves; it is known only as long as
        each is as the step left it (bytes, and sha256 of files below 64 MB). A step that was
        interrupted, by SIGKILL even, is not known; ``work`` must be able to begin anew over what it
        left.

        Raises what ``work`` raises, and FileNotFoundError if an output is not there after it.
        """
        marker = self.folder / MARKERS / f"{_file_name(name)}.json"
        known = _read(marker)
        if (
            known is not None
            and (known["name"], known["key"]) == (name, key)
            and are_intact(known["outputs"], self.folder)
        ):
            return known["result"]
        marker.unlink(missing_ok=True)  # what it speaks of is about to change
        result = json.loads(json.dumps(work()))
        fact = {
            "name": name,
            "key": key,
            "outputs": describe(outputs, self.folder),
            "result": result,
        }
        atomic_write(marker, json.dumps(fact, indent=1, sort_keys=True))
        return result

    def done(self) -> list[str]:
        """Names of the steps that have a marker, intact or not, in the order they were done."""
        markers = sorted(
            (self.folder / MARKERS).glob("*.json"), key=lambda path: path.stat().st_mtime_ns
        )
        return [known["name"] for known in map(_read, markers) if known is not None]


def _file_name(name: str) -> str:
    """A name of a file that tells steps of different names apart."""
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:100]
    if plain == name and not plain.startswith("."):
        return plain
    import hashlib

    return f"{plain.lstrip('.')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _read(marker: Path) -> dict[str, Any] | None:
    try:
        known = json.loads(marker.read_text())
    except (OSError, ValueError):
        return None
    fields = {"name", "key", "outputs", "result"}
    whole = isinstance(known, dict) and fields <= known.keys()
    return known if whole and isinstance(known["outputs"], list) else None
