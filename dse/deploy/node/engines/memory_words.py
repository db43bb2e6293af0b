"""Values in memory as FINN's DMA reads and writes them: words of whole bytes, padded each.

A word has ``values_per_word`` values of ``bits`` bits, the first in the least significant bits,
and is padded to ``bytes_per_word``; words are little-endian and follow each other without a gap.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from finn_flows.wire_packing import WORD_BITS, pack, unpack

_WORD_BYTES = WORD_BITS // 8


def pack_words(values: np.ndarray, words: dict[str, Any]) -> np.ndarray:
    """Integers, channel fastest, to uint8 (bytes,). ValueError for a value that does not fit."""
    rows = values.reshape(-1, words["values_per_word"])
    packed = pack(rows, words["bits"], words["signed"], words["bipolar"]).view(np.uint8)
    return np.ascontiguousarray(packed[:, : words["bytes_per_word"]]).reshape(-1)


def unpack_words(memory: np.ndarray, words: dict[str, Any]) -> np.ndarray:
    """The inverse: uint8 (bytes,) to int32 (values,). Padding counts for nothing."""
    lanes, bits, size = words["values_per_word"], words["bits"], words["bytes_per_word"]
    rows = np.asarray(memory).reshape(-1, size)
    padded = np.zeros((len(rows), -(-lanes * bits // WORD_BITS) * _WORD_BYTES), dtype=np.uint8)
    padded[:, :size] = rows
    if lanes * bits % 8:
        padded[:, size - 1] &= (1 << lanes * bits % 8) - 1
    return unpack(padded.view("<u8"), (lanes,), bits, words["signed"], words["bipolar"]).reshape(-1)
