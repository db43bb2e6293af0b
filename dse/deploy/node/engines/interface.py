"""What computes a stage's part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dse.errors import DseError


class PoisonedInput(DseError):
    """An image that the part cannot take; it costs its own job, the stage goes on."""


class Engine:
    """Computes one part, image by image. One thread calls it.

    ``depth``: how many images it can be at work on at the same time, once loaded. A circuit takes
    in an image while the one before is still in its last layers; an engine that is one has a
    depth of more than 1, and ``give`` and ``take`` are called in place of ``compute``.
    """

    depth = 1

    def load(self, folder: Path, stage: dict[str, Any]) -> None:
        """Get ready. ``folder``: the stage's files, already checked against their hashes;
        ``stage``: its entry of pipeline.json (docs/formats.md). Whatever is needed is allocated
        here, once. Raises DseError, naming the file, where the part cannot be loaded.
        """
        raise NotImplementedError

    def compute(self, payload: memoryview) -> bytes:
        """One image's packed words to one result's, ``bytes_per_image`` of input and output.

        ``payload`` is valid during the call only. Raises PoisonedInput for an image that the part
        cannot take; any other exception ends the stage.
        """
        raise NotImplementedError

    def give(self, payload: memoryview) -> None:
        """Begin one image, with fewer than ``depth`` begun; as ``compute`` does, but for the
        result."""
        raise NotImplementedError

    def take(self) -> bytes:
        """The result of the image that was begun first of those that are not taken yet."""
        raise NotImplementedError

    def close(self) -> None:
        """Give back what ``load`` took. May be called twice, or without ``load``."""
