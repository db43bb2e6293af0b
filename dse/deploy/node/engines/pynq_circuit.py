"""What the pynq engine must know of an overlay: how images go into its circuit and come out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Callable, Sequence

import numpy as np

from dse.errors import DseError

_STOP_SECONDS = 0.1


class TransferError(DseError):
    """An image did not get through the FPGA: the DMA failed, or nothing came in time."""


class PynqCircuit:
    """A part on the FPGA and its DMA, which reads images from one buffer and writes results into
    another. A new kind of overlay is a new one of these.

    ``sender``, ``receiver``: what its two ways are called in messages. ``dtype`` and ``lengths``:
    of the buffer that images are read from and of the one that results are written into.
    """

    sender = ""
    receiver = ""
    dtype: Any = np.uint64
    lengths = (0, 0)

    @staticmethod
    def blocks(parameters: dict[str, Any]) -> Sequence[str]:
        """Names of the blocks of the overlay that it works with."""
        raise NotImplementedError

    def __init__(self, blocks: Sequence[Any], folder: Path, stage: dict[str, Any]) -> None:
        """``blocks``: pynq's objects for those of ``blocks()``, in that order; the rest as for
        Engine.load. Makes the part ready. DseError where it is not what the stage needs."""
        raise NotImplementedError

    def to_memory(self, payload: memoryview) -> np.ndarray:
        """One image as the circuit reads it. Raises PoisonedInput for what is none."""
        raise NotImplementedError

    def from_memory(self, result: np.ndarray) -> bytes:
        """What the circuit wrote as packed words of the wire."""
        raise NotImplementedError

    def send(self, source: Any) -> None:
        """Begin to read an image from ``source``."""
        raise NotImplementedError

    def receive(self, target: Any) -> None:
        """Begin to write the next result into ``target``."""
        raise NotImplementedError

    def is_sent(self) -> bool:
        """Whether the image that was begun last is read. Raises TransferError if it failed."""
        raise NotImplementedError

    def is_received(self, target: Any) -> bool:
        """Whether a whole result is in ``target``. Raises TransferError if it failed."""
        raise NotImplementedError

    def stop(self) -> bool:
        """Stop the DMA; whether it is at rest, so that its memory may be given away."""
        raise NotImplementedError


def comes_to_rest(is_at_rest: Callable[[], bool]) -> bool:
    """Whether ``is_at_rest`` within the time that a DMA may take to stop."""
    end = time.monotonic() + _STOP_SECONDS
    while not is_at_rest():
        if time.monotonic() > end:
            return False
        time.sleep(0)
    return True
