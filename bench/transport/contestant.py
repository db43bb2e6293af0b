"""What is compared: a pipeline of two stages that compute nothing, up and ready for batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: One batch: its results, in order, each with the buffer interface.
RunBatch = Callable[[], Iterable[Any]]


@dataclass(frozen=True)
class Batch:
    """``images``: so many of ``image_bytes`` go in, ``middle_bytes`` each pass between the stages,
    ``result_bytes`` each come out."""

    images: int
    image_bytes: int
    middle_bytes: int
    result_bytes: int

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """What goes in, the same each time: uint8 (images, image_bytes)."""
        shape = (self.images, self.image_bytes)
        return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)

    @property
    def output_bytes(self) -> tuple[int, int]:
        """Of an image behind the first stage and behind the second."""
        return self.middle_bytes, self.result_bytes


#: Brings a pipeline up, gives what runs one batch, takes it down.
Contestant = Callable[[Batch], AbstractContextManager[RunBatch]]


def reply(position: int, size: int) -> bytes:
    """What the stage at ``position`` makes of any image."""
    return bytes([position + 1]) * size
