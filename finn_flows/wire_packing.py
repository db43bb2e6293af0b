"""Packing of a cut tensor into 64-bit words, the format on the wire between two boards.

Bit order: a value takes ``bits`` bits, two's complement (bipolar: 0 for -1, 1 for +1). The channel
runs fastest, then the column, then the row, so value ``i`` of a row-major (height, width, channel)
tensor occupies bits ``i*bits .. (i+1)*bits - 1`` of the image, bit 0 being the least significant
bit of word 0. Words are little-endian. The last word of an image is padded with zeros; at the cuts
of CnvW2A2 there is nothing to pad.

Only numpy is imported, and only syntax of Python 3.8 is used: this file runs on the boards.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Tuple

import numpy as np

WORD_BITS = 64


def words_per_image(values: int, bits: int) -> int:
    """How many 64-bit words ``values`` values of ``bits`` bits take, padding included."""
    return -(-values * bits // WORD_BITS)


def bytes_per_image(values: int, bits: int) -> int:
    """How many bytes one image takes on the wire, a multiple of 8."""
    return words_per_image(values, bits) * WORD_BITS // 8


def pack(tensor: np.ndarray, bits: int, signed: bool = True, bipolar: bool = False) -> np.ndarray:
    """Pack a batch of cut tensors.

    ``tensor``: integers, shape (images, ...), C order with the channel last. ``bits``: 1 to 32 per
    value. Returns little-endian uint64 words, shape (images, words). Raises ValueError for a value
    that the type cannot hold: truncating it would be a silent wrong answer.
    """
    images = tensor.shape[0]
    values = np.ascontiguousarray(tensor).reshape(images, -1)
    _check_range(values, bits, signed, bipolar)
    if bipolar:
        values = (values + 1) >> 1
    words = words_per_image(values.shape[1], bits)
    if 8 % bits == 0:
        # The quick way: no value straddles two bytes.
        codes = np.zeros((images, words * WORD_BITS // bits), dtype=np.uint8)
        codes[:, : values.shape[1]] = values
        codes &= 2**bits - 1
        packed = np.zeros((images, words * WORD_BITS // 8), dtype=np.uint8)
        for lane in range(8 // bits):
            packed |= codes[:, lane :: 8 // bits] << (lane * bits)
        return packed.view("<u8")
    values = values.astype(np.int64)
    stream = np.zeros((images, words * WORD_BITS), dtype=np.uint8)
    single = (values[:, :, None] >> np.arange(bits, dtype=np.int64)) & 1
    stream[:, : values.shape[1] * bits] = single.reshape(images, -1)
    return np.packbits(stream, axis=1, bitorder="little").view("<u8")


def unpack(
    words: np.ndarray,
    shape: Tuple[int, ...],
    bits: int,
    signed: bool = True,
    bipolar: bool = False,
) -> np.ndarray:
    """The inverse of :func:`pack`.

    ``words``: little-endian uint64, shape (images, words). ``shape``: of one image, channel last.
    Returns int32, ``(images, *shape)``. Raises ValueError if the number of words is not that of
    ``shape``, or a padding bit is set (both mean that the two parts disagree about the cut).
    """
    images = words.shape[0]
    values = int(np.prod(shape))
    expected = words_per_image(values, bits)
    if words.ndim != 2 or words.shape[1] != expected:
        raise ValueError(
            "a tensor of shape %s at %d bits takes %d words, not %s"
            % (tuple(shape), bits, expected, words.shape[1:])
        )
    raw = np.ascontiguousarray(words.astype("<u8", copy=False)).view(np.uint8)
    if not _is_padded_with_zeros(raw, values * bits):
        raise ValueError("padding bits of the last word are not zero")
    if 8 % bits == 0:
        # The quick way: no value straddles two bytes, so there are 256 bytes to know.
        found = np.take(_values_of_bytes(bits, signed, bipolar), raw, axis=0)
        found = found.reshape(images, -1)[:, :values]
    else:
        stream = np.unpackbits(raw, axis=1, bitorder="little").astype(np.int64)
        single = stream[:, : values * bits].reshape(images, values, bits)
        codes = (single << np.arange(bits, dtype=np.int64)).sum(axis=2)
        found = _values_of_codes(codes, bits, signed, bipolar).astype(np.int32)
    return found.reshape(images, *shape)


@lru_cache(maxsize=None)
def _values_of_bytes(bits: int, signed: bool, bipolar: bool) -> np.ndarray:
    """int32 (256, values in a byte)."""
    codes = np.arange(256)[:, None] >> np.arange(0, 8, bits) & (2**bits - 1)
    return _values_of_codes(codes, bits, signed, bipolar).astype(np.int32)


def _values_of_codes(codes: np.ndarray, bits: int, signed: bool, bipolar: bool) -> np.ndarray:
    if bipolar:
        return 2 * codes - 1
    if not signed:
        return codes
    sign = np.int64(1) << np.int64(bits - 1)
    return (codes ^ sign) - sign


def _is_padded_with_zeros(raw: np.ndarray, used: int) -> bool:
    """Whether each image's bits from ``used`` on are 0. ``raw``: uint8 (images, bytes)."""
    whole, rest = divmod(used, 8)
    if rest and (raw[:, whole] >> rest).any():
        return False
    return not raw[:, whole + (rest > 0) :].any()


def _check_range(values: np.ndarray, bits: int, signed: bool, bipolar: bool) -> None:
    if not 1 <= bits <= 32:
        raise ValueError("%d bits per value: 1 to 32 can be packed" % bits)
    if values.size == 0:
        return
    low, high = int(values.min()), int(values.max())
    if bipolar:
        if bits != 1 or low < -1 or high > 1 or not (values & 1).all():
            raise ValueError("bipolar values are -1 or +1, in one bit; got %d..%d" % (low, high))
        return
    least, most = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    if low < least or high > most:
        raise ValueError(
            "values %d..%d do not fit into %d bits (%d..%d)" % (low, high, bits, least, most)
        )
