"""The handwritten digits that scikit-learn ships, as pictures of CnvW2A2's size.

1797 grey pictures of 8x8 pixels with values 0 to 16 (test part of the UCI "Optical Recognition of
Handwritten Digits" set), enlarged to 32x32 and repeated in three colours.

The split is fixed: a picture whose index in scikit-learn's order is a multiple of 5 is held out
(360 pictures, ``"test"``), the other 1437 are ``"train"``. The order has no writer in it, so
pictures of one writer can be on both sides: an easier test than unseen writers.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

CLASS_NAMES = tuple(str(digit) for digit in range(10))
SIZE = 32
_SOURCE_SIZE = 8
_GREATEST = 16
HELD_OUT_EVERY = 5


def load_digits_split(
    which: Literal["train", "test"],
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Pictures uint8 (n, 32, 32, 3) and their digits int64 (n,): 1437 for train, 360 for test."""
    if which not in ("train", "test"):
        raise ValueError(f"no split {which!r}: train or test")
    from sklearn.datasets import load_digits

    source = load_digits()
    held_out = np.arange(len(source.target)) % HELD_OUT_EVERY == 0
    chosen = held_out if which == "test" else ~held_out
    return enlarge(source.images[chosen]), source.target[chosen].astype(np.int64)


def enlarge(images: NDArray[np.floating]) -> NDArray[np.uint8]:
    """8x8 pictures of whole values 0 to 16 -> uint8 (n, 32, 32, 3), values 0 to 255, bilinear.

    ``images``: (n, 8, 8). Pixel centres are aligned as Pillow and PyTorch (``align_corners=False``)
    do, edges repeated. Computed in whole numbers and rounded half up, so it is the same everywhere.
    """
    # Output pixel i lies at source position (2*i + 1 - 4) / 8: weights are eighths, so exact.
    factor = SIZE // _SOURCE_SIZE
    position = np.clip(2 * np.arange(SIZE) + 1 - factor, 0, 2 * factor * (_SOURCE_SIZE - 1))
    low, eighths = np.divmod(position, 2 * factor)
    high = np.minimum(low + 1, _SOURCE_SIZE - 1)
    blend = np.zeros((SIZE, _SOURCE_SIZE), dtype=np.int64)
    np.add.at(blend, (np.arange(SIZE), low), 2 * factor - eighths)
    np.add.at(blend, (np.arange(SIZE), high), eighths)
    wide = blend @ images.astype(np.int64) @ blend.T  # value * 64
    full = (2 * factor) ** 2 * _GREATEST
    grey = (2 * 255 * wide + full) // (2 * full)
    return np.repeat(grey[..., None], 3, axis=-1).astype(np.uint8)
