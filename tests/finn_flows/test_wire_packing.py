"""The wire packing: bit order, round trips, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finn_flows.integer_type import IntegerType
from finn_flows.wire_packing import bytes_per_image, pack, unpack, words_per_image


@st.composite
def tensors(draw: st.DrawFn) -> tuple[np.ndarray, int, bool, bool]:
    """(tensor, bits, signed, bipolar) with random values that the type holds."""
    bits = draw(st.integers(1, 32))
    bipolar = bits == 1 and draw(st.booleans())
    signed = draw(st.booleans()) and bits > 1
    shape = (draw(st.integers(1, 3)), *draw(st.lists(st.integers(1, 7), min_size=1, max_size=3)))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    if bipolar:
        return generator.choice([-1, 1], size=shape), bits, True, True
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed else (0, 2**bits)
    return generator.integers(low, high, size=shape), bits, signed, False


@given(tensors())
def test_unpacking_gives_back_what_was_packed(case: tuple[np.ndarray, int, bool, bool]) -> None:
    tensor, bits, signed, bipolar = case
    words = pack(tensor, bits, signed, bipolar)
    assert words.dtype == np.dtype("<u8")
    assert words.shape == (len(tensor), words_per_image(tensor[0].size, bits))
    # int32 is what unpack gives; 32-bit unsigned values wrap there and nowhere else.
    assert (unpack(words, tensor.shape[1:], bits, signed, bipolar) == tensor.astype(np.int32)).all()


@given(tensors())
def test_every_value_sits_where_the_format_says(
    case: tuple[np.ndarray, int, bool, bool],
) -> None:
    """Read the bit stream with Python integers, independently of numpy's packing."""
    tensor, bits, signed, bipolar = case
    words = pack(tensor, bits, signed, bipolar)
    for image, packed in zip(tensor, words, strict=True):
        stream = int.from_bytes(packed.tobytes(), "little")
        for index, value in enumerate(image.reshape(-1).tolist()):
            code = stream >> (index * bits) & (2**bits - 1)
            assert code == ((value + 1) // 2 if bipolar else value % 2**bits)
        assert stream >> (image.size * bits) == 0


def test_channel_zero_is_in_the_low_bits_and_the_channel_runs_fastest() -> None:
    tensor = np.zeros((1, 1, 2, 32), dtype=np.int8)
    tensor[0, 0, 0, 0] = 1  # first pixel, channel 0
    tensor[0, 0, 0, 31] = -1  # first pixel, channel 31
    tensor[0, 0, 1, 1] = 1  # second pixel, channel 1
    assert pack(tensor, 2).tolist() == [[1 | 3 << 62, 1 << 2]]


@pytest.mark.parametrize(
    ("value", "bits", "signed", "bipolar"),
    [
        (2, 2, True, False),
        (-3, 2, True, False),
        (4, 2, False, False),
        (-1, 2, False, False),
        (0, 1, True, True),
        (3, 1, True, True),
        (1, 33, True, False),
    ],
)
def test_a_value_that_does_not_fit_is_refused(
    value: int, bits: int, signed: bool, bipolar: bool
) -> None:
    with pytest.raises(ValueError, match=r"fit|bipolar|can be packed"):
        pack(np.full((1, 4), value), bits, signed, bipolar)


def test_words_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="takes 2 words"):
        unpack(np.zeros((1, 3), dtype=np.uint64), (1, 1, 64), 2)


def test_a_set_padding_bit_is_refused() -> None:
    with pytest.raises(ValueError, match="padding"):
        unpack(np.array([[1 << 40]], dtype=np.uint64), (10,), 2)
    with pytest.raises(ValueError, match="padding"):
        unpack(np.array([[1 << 40]], dtype=np.uint64), (10,), 3)


@given(st.integers(1, 100_000), st.integers(1, 32))
def test_bytes_are_whole_words(values: int, bits: int) -> None:
    size = bytes_per_image(values, bits)
    assert size % 8 == 0
    assert 0 <= size * 8 - values * bits < 64


@given(st.integers(-5000, 5000), st.integers(0, 5000))
def test_covering_type_is_the_narrowest(minimum: int, extent: int) -> None:
    found = IntegerType.covering(minimum, minimum + extent)
    assert found.minimum <= minimum <= minimum + extent <= found.maximum
    if found.bits > 2:
        narrower = IntegerType.signed(found.bits - 1)
        assert minimum < narrower.minimum or minimum + extent > narrower.maximum


@pytest.mark.parametrize(
    "name", ["BIPOLAR", "INT2", "NARROW_INT2", "UINT8", "INT16", "NARROW_INT4"]
)
def test_type_names_are_read_back(name: str) -> None:
    assert IntegerType.parse(name).name == name
