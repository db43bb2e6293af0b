"""What the memories of a compute layer hold: as configuration writes, and as memory files.

The memories are those of module ``mvau`` (``finn_flows/rtl/mvau.sv``): with SF = MW / SIMD and
NF = MH / PE, weight line ``nf * SF + sf`` holds, for each PE, SIMD weights of row ``nf * PE + pe``
from column ``sf * SIMD``, lane 0 lowest; threshold line ``nf`` holds, for each PE, the thresholds
of row ``nf * PE + pe``, the least lowest.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

#: Bit of a configuration address that tells thresholds from weights.
THRESHOLD_BIT = 31
_CONFIGURATION_BITS = 32


def weight_lines(
    weights: NDArray[np.integer], simd: int, pe: int, bits: int, *, bipolar: bool
) -> NDArray[np.uint8]:
    """The weight memory, bit by bit: uint8 (lines, PE, SIMD * bits), least significant bit first.

    ``weights``: (MH, MW). A bipolar weight is one bit, 0 for -1.
    """
    height, width = weights.shape
    codes = ((weights + 1) >> 1 if bipolar else weights).astype(np.int64)
    # (NF, PE, SF, SIMD) -> (NF, SF, PE, SIMD)
    folded = codes.reshape(height // pe, pe, width // simd, simd).transpose(0, 2, 1, 3)
    return _bits(folded.reshape(-1, pe, simd), bits)


def threshold_lines(thresholds: NDArray[np.integer], pe: int, bits: int) -> NDArray[np.uint8]:
    """The threshold memory: uint8 (NF, PE, thresholds * bits), least significant bit first.

    ``thresholds``: (MH, thresholds).
    """
    return _bits(thresholds.astype(np.int64).reshape(-1, pe, thresholds.shape[1]), bits)


def weight_writes(lines: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Configuration writes (writes, 2) of address and data that fill the weight memory."""
    count, pe, bits = lines.shape
    words = -(-bits // _CONFIGURATION_BITS)
    padded = np.zeros((count, pe, words * _CONFIGURATION_BITS), dtype=np.uint8)
    padded[:, :, :bits] = lines
    packed = np.packbits(padded, axis=2, bitorder="little").view("<u4")
    word_field, pe_field = _field(words), _field(pe)
    address = (
        (np.arange(count)[:, None, None] << (word_field + pe_field))
        | (np.arange(pe)[None, :, None] << word_field)
        | np.arange(words)[None, None, :]
    )
    return np.stack([address.ravel(), packed.ravel()], axis=1).astype(np.uint32)


def threshold_writes(thresholds: NDArray[np.integer], pe: int) -> NDArray[np.uint32]:
    """Configuration writes (writes, 2) of address and data that fill the threshold memory."""
    folded = thresholds.astype(np.int64).reshape(-1, pe, thresholds.shape[1])
    folds, _, count = folded.shape
    index_field, pe_field = _field(count), _field(pe)
    address = (
        (1 << THRESHOLD_BIT)
        | (np.arange(folds)[:, None, None] << (index_field + pe_field))
        | (np.arange(pe)[None, :, None] << index_field)
        | np.arange(count)[None, None, :]
    )
    data = folded.ravel() & 0xFFFFFFFF
    return np.stack([address.ravel(), data], axis=1).astype(np.uint32)


def memory_file(lines: NDArray[np.uint8]) -> str:
    """The text of a ``$readmemh`` file: one hexadecimal number a line, PE 0 lowest."""
    return "".join(f"{number}\n" for number in _hexadecimal(lines))


def _hexadecimal(lines: NDArray[np.uint8]) -> Iterator[str]:
    flat = lines.reshape(len(lines), -1)
    digits = -(-flat.shape[1] // 4)
    for packed in np.packbits(flat, axis=1, bitorder="little"):
        yield f"{int.from_bytes(packed.tobytes(), 'little'):0{digits}x}"


def _bits(codes: NDArray[np.int64], bits: int) -> NDArray[np.uint8]:
    """(lines, PE, values) to (lines, PE, values * bits), two's complement, lowest bit first."""
    single = (codes[..., None] >> np.arange(bits)) & 1
    return single.reshape(*codes.shape[:2], -1).astype(np.uint8)


def _field(count: int) -> int:
    """Bits of an address field that counts to ``count``."""
    return (count - 1).bit_length()
