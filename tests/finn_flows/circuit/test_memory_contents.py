"""Memory lines and configuration writes against the arrays they are made of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finn_flows.circuit.memory_contents import (
    THRESHOLD_BIT,
    memory_file,
    threshold_lines,
    threshold_writes,
    weight_lines,
    weight_writes,
)


@st.composite
def _folded_weights(draw: st.DrawFn) -> tuple[np.ndarray, int, int, int, bool]:
    simd, pe = draw(st.integers(1, 9)), draw(st.integers(1, 6))
    synapse, neuron = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    bits = draw(st.integers(1, 5))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = (neuron * pe, synapse * simd)
    if bits == 1:
        return generator.integers(0, 2, shape) * 2 - 1, simd, pe, 1, True
    return generator.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), shape), simd, pe, bits, False


@given(_folded_weights())
def test_every_weight_is_where_the_mvau_looks_for_it(
    case: tuple[np.ndarray, int, int, int, bool],
) -> None:
    weights, simd, pe, bits, bipolar = case
    height, width = weights.shape
    lines = weight_lines(weights, simd, pe, bits, bipolar=bipolar)
    assert lines.shape == (height * width // (simd * pe), pe, simd * bits)
    numbers = [int(line, 16) for line in memory_file(lines).split()]
    folds = width // simd
    for row in range(height):
        for column in range(width):
            line = (row // pe) * folds + column // simd
            shift = ((row % pe) * simd + column % simd) * bits
            code = (numbers[line] >> shift) & (2**bits - 1)
            value = 2 * code - 1 if bipolar else code - ((code >> (bits - 1)) << bits)
            assert value == weights[row, column]


@given(_folded_weights())
def test_writes_fill_the_memory_low_word_first(
    case: tuple[np.ndarray, int, int, int, bool],
) -> None:
    weights, simd, pe, bits, bipolar = case
    lines = weight_lines(weights, simd, pe, bits, bipolar=bipolar)
    words = -(-simd * bits // 32)
    memory = np.zeros((len(lines), pe, words), dtype=np.uint32)
    seen = []
    for address, data in weight_writes(lines):
        word = int(address) & ((1 << (words - 1).bit_length()) - 1)
        rest = int(address) >> (words - 1).bit_length()
        lane = rest & ((1 << (pe - 1).bit_length()) - 1)
        line = rest >> (pe - 1).bit_length()
        memory[line, lane, word] = data
        seen.append((line, lane, word))
    assert seen == sorted(seen)  # a line is committed by its last word
    assert len(set(seen)) == memory.size
    bits_written = np.unpackbits(memory.view(np.uint8), axis=2, bitorder="little")
    np.testing.assert_array_equal(bits_written[:, :, : simd * bits], lines)
    assert not bits_written[:, :, simd * bits :].any()


@pytest.mark.parametrize("pe", [1, 2, 3, 6])
@pytest.mark.parametrize("steps", [1, 2, 3, 15])
def test_thresholds_keep_their_sign_and_order(pe: int, steps: int) -> None:
    generator = np.random.default_rng(pe * 100 + steps)
    thresholds = np.sort(generator.integers(-300, 300, (12, steps)), axis=1)
    index_bits, pe_bits = (steps - 1).bit_length(), (pe - 1).bit_length()
    found = np.full_like(thresholds, 10**6)
    for address, data in threshold_writes(thresholds, pe).tolist():
        assert address >> THRESHOLD_BIT == 1
        index = address & ((1 << index_bits) - 1)
        lane = (address >> index_bits) & ((1 << pe_bits) - 1)
        fold = (address & ~(1 << THRESHOLD_BIT)) >> (index_bits + pe_bits)
        found[fold * pe + lane, index] = data - (data >> 31 << 32)
    np.testing.assert_array_equal(found, thresholds)
    lines = threshold_lines(thresholds, pe, 11)
    number = int(memory_file(lines).split()[-1], 16)
    least = (number >> ((pe - 1) * steps * 11)) & 0x7FF
    assert least - (least >> 10 << 11) == thresholds[-1, 0]
