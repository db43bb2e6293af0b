"""What the numbers in BNN-PYNQ files mean: codes of weights, and what a threshold is compared with.

In the files an activation is ``count(threshold < sum)``, strictly less; in the canonical network
it is ``count(accumulator >= threshold)``. What ``sum`` is depends on the layer.
"""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray

from finn_flows.integer_type import IntegerType

#: A 2-bit weight is two's complement without -2: code 2 never occurs.
FORBIDDEN_CODE = 2

#: What a padding row or column holds: +1 in a network of 1-bit weights, 0 in one of 2-bit weights.
PADDING_CODE = {1: 1, 2: 0}

#: Threshold of a padding row: the greatest that the hardware's ap_int<16> holds.
PADDING_THRESHOLD = 2**15 - 1


class Sum(Enum):
    """What the hardware adds up and compares with a threshold."""

    #: The accumulator itself (``ap_int<16>``).
    ACCUMULATOR = "accumulator"
    #: The number of columns where weight and input agree: binary inputs times binary weights
    #: are an XNOR (``XnorMul``), so accumulator = 2 * matches - columns (``ap_int<16>``).
    MATCHES = "matches"
    #: The accumulator of signed bytes in 1/128 against thresholds in 1/256 (``ap_fixed<24,16>``):
    #: twice the integer accumulator.
    FIXED_POINT = "fixed point"

    @property
    def threshold_bits(self) -> int:
        """Width of the threshold memory; a greater threshold would be cut off by the hardware."""
        return 24 if self is Sum.FIXED_POINT else 16


def sum_of(number: int, binary_input: bool, weight_bits: int, activation_bits: int) -> Sum:
    """What layer ``number`` adds up in a network of these widths."""
    if number == 0 and not binary_input:
        return Sum.FIXED_POINT
    if weight_bits == 1 and activation_bits == 1:
        return Sum.MATCHES
    return Sum.ACCUMULATOR


def decode_weights(codes: NDArray[np.uint8], bits: int) -> NDArray[np.int8]:
    """1 bit: 0 is -1, 1 is +1. 2 bits: two's complement."""
    values = codes.astype(np.int8)
    return 2 * values - 1 if bits == 1 else values - 4 * (values >> 1)


def encode_weights(weights: NDArray[np.integer], bits: int) -> NDArray[np.uint8]:
    """The inverse of :func:`decode_weights`."""
    return ((weights + 1) // 2 if bits == 1 else weights & 3).astype(np.uint8)


def padding_sum(codes: NDArray[np.uint8], bits: int) -> NDArray[np.int64]:
    """What padding columns add to the accumulator of each row: int64 (rows,).

    ``codes``: (rows, padding columns). The host fills the padding of a binary picture with zero
    bits, that is -1, so each column adds minus its weight, whatever the picture.
    """
    return -decode_weights(codes, bits).sum(axis=1, dtype=np.int64)


def accumulator_thresholds(
    stored: NDArray[np.int64], kind: Sum, columns: int, padding: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The least accumulator, without padding columns, that exceeds each stored threshold.

    ``stored``: (rows, steps). ``columns`` counts padding; ``padding``: (rows,), what it adds.
    """
    if kind is Sum.FIXED_POINT:
        least = stored // 2 + 1
    elif kind is Sum.MATCHES:
        least = 2 * (stored + 1) - columns
    else:
        least = stored + 1
    return least - padding[:, None]


def stored_thresholds(
    thresholds: NDArray[np.int64], kind: Sum, columns: int, padding: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The inverse of :func:`accumulator_thresholds`, in function.

    Matches change the accumulator by 2, so of two thresholds that no accumulator lies between one
    comes back.
    """
    least = thresholds + padding[:, None]
    if kind is Sum.FIXED_POINT:
        return 2 * (least - 1)
    if kind is Sum.MATCHES:
        return -((-(least + columns)) // 2) - 1
    return least - 1


def weight_type(bits: int) -> IntegerType:
    return IntegerType.signed(bits, narrow=bits > 1)


def activation_type(bits: int) -> IntegerType:
    """{-1, +1} in one bit, {-1, 0, +1} in two."""
    return IntegerType.signed(bits, narrow=bits > 1)
