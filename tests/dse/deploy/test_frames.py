"""Frames: whatever way the bytes come in, and whatever happened to them on the way."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dse.deploy.node.frames import (
    BEGIN,
    CREDIT,
    DATA,
    END,
    FAIL,
    HEADER_BYTES,
    KIND_NAMES,
    MAGIC,
    REASON_BYTES,
    VERSION,
    FrameError,
    FrameReader,
    frame_header,
    reason_payload,
)

#: kind, stage, job, epoch, sequence, payload
Content = tuple[int, int, int, int, int, bytes]
CHUNK_BYTES = 24
WINDOW = 4

numbers = st.tuples(
    st.integers(0, 2**16 - 1),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
)


@st.composite
def contents(draw: st.DrawFn) -> Content:
    kind = draw(st.sampled_from(list(KIND_NAMES)))
    payload = b""
    if kind == DATA:
        size = CHUNK_BYTES * draw(st.integers(1, WINDOW))
        payload = draw(st.binary(min_size=size, max_size=size))
    elif kind == FAIL:
        payload = draw(st.binary(max_size=REASON_BYTES))
    stage, job, epoch, sequence = draw(numbers)
    return kind, stage, job, epoch, sequence, payload


def written(frame: Content) -> bytes:
    payload = frame[5]
    return frame_header(*frame[:5], [payload]) + payload


@given(content=contents())
def test_the_checksum_is_crc_32(content: Content) -> None:
    """Of Python's own library, whichever computes it: boards have another than the client."""
    frame = written(content)
    found = struct.unpack_from("<I", frame, HEADER_BYTES - 4)[0]
    assert found == zlib.crc32(content[5], zlib.crc32(frame[: HEADER_BYTES - 4]))


def read(stream: bytes, cuts: Sequence[int]) -> list[Content]:
    """What comes out when the stream comes in these pieces. FrameError comes with what was read
    before it."""
    reader = FrameReader(CHUNK_BYTES, WINDOW)
    capacity = reader.capacity
    found: list[Content] = []
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    for start, end in pairwise(edges):
        rest = stream[start:end]
        while rest:
            taken = reader.feed(rest)
            assert taken, "no room though every whole frame was taken out"
            rest = rest[taken:]
            try:
                while (frame := reader.next()) is not None:
                    payload = bytes(frame.payload)
                    found.append((*frame[:5], payload))
                    assert frame.chunks == (len(payload) // CHUNK_BYTES if frame[0] == DATA else 0)
            except FrameError as error:
                error.found = found  # type: ignore[attr-defined]
                raise
            assert reader.capacity == capacity
            assert reader.pending_bytes <= capacity
    return found


@given(st.lists(contents(), max_size=12), st.lists(st.integers(0, 10_000), max_size=20))
def test_frames_come_out_as_they_went_in_however_the_stream_is_cut(
    frames: list[Content], cuts: list[int]
) -> None:
    assert read(b"".join(map(written, frames)), cuts) == frames


def test_byte_by_byte_too() -> None:
    frames: list[Content] = [
        (BEGIN, 0, 1, 2, 4, b""),
        (DATA, 3, 1, 2, 0, bytes(range(96))),
        (FAIL, 3, 1, 2, 3, "schläft".encode()),
        (CREDIT, 0, 0, 2, 4, b""),
        (END, 0, 1, 2, 4, b""),
    ]
    stream = b"".join(map(written, frames))
    assert read(stream, range(len(stream))) == frames


@given(
    st.lists(contents(), min_size=1, max_size=4),
    st.integers(0, 10_000),
    st.integers(1, 255),
    st.lists(st.integers(0, 10_000), max_size=4),
)
def test_a_changed_byte_is_never_taken_for_a_frame(
    frames: list[Content], at: int, change: int, cuts: list[int]
) -> None:
    stream = bytearray(b"".join(map(written, frames)))
    stream[at % len(stream)] ^= change
    try:
        found = read(bytes(stream), cuts)
    except FrameError as error:
        found = error.found  # type: ignore[attr-defined]
    before = 0
    for length in [len(written(frame)) for frame in frames]:
        if (at % len(stream)) < length:
            break
        at = at % len(stream) - length
        before += 1
    # The frames before it, and not one more: it is refused, or the rest of it is waited for.
    assert found == frames[:before]


def test_every_byte_of_a_frame_counts() -> None:
    whole = written((DATA, 1, 2, 3, 4, bytes(CHUNK_BYTES)))
    for at in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[at] ^= 1 << bit
            reader = FrameReader(CHUNK_BYTES, WINDOW)
            reader.feed(bytes(damaged))
            try:
                assert reader.next() is None, (at, bit)
            except FrameError:
                continue
            # It waits for a longer payload; the checksum finds the difference.
            assert 28 > at >= 24
            reader.feed(bytes(CHUNK_BYTES * WINDOW))
            with pytest.raises(FrameError):
                reader.next()


@pytest.mark.parametrize("kind", [*KIND_NAMES, 0, 6, 255])
@given(length=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_an_illegal_length_is_refused_by_the_header_alone(kind: int, length: int) -> None:
    legal = {
        DATA: 0 < length <= WINDOW * CHUNK_BYTES and length % CHUNK_BYTES == 0,
        FAIL: length <= REASON_BYTES,
    }.get(kind, kind in KIND_NAMES and length == 0)
    head = struct.pack("<4sBBHQIII", MAGIC, VERSION, kind, 0, 1, 1, 0, length)
    header = head + struct.pack("<I", zlib.crc32(head))
    assert len(header) == HEADER_BYTES
    reader = FrameReader(CHUNK_BYTES, WINDOW)
    reader.feed(header)
    if legal:
        reader.next()
    else:
        with pytest.raises(FrameError):
            reader.next()


@pytest.mark.parametrize("length", [0, 1, CHUNK_BYTES + 1, CHUNK_BYTES * (WINDOW + 1), 2**32 - 1])
def test_data_that_is_no_whole_chunks_or_more_than_the_window_is_refused(length: int) -> None:
    head = struct.pack("<4sBBHQIII", MAGIC, VERSION, DATA, 0, 1, 1, 0, length)
    reader = FrameReader(CHUNK_BYTES, WINDOW)
    reader.feed(head + struct.pack("<I", zlib.crc32(head)))
    with pytest.raises(FrameError, match="a DATA frame of"):
        reader.next()


def test_a_hop_without_chunks_takes_no_data() -> None:
    reader = FrameReader(0, 0)
    reader.feed(written((DATA, 0, 1, 1, 0, b"x")))
    with pytest.raises(FrameError):
        reader.next()


@pytest.mark.parametrize(("chunk_bytes", "window"), [(1, 1), (64, 1), (64, 64), (14400, 64)])
def test_the_buffer_is_of_one_size_and_has_room_for_a_window(chunk_bytes: int, window: int) -> None:
    reader = FrameReader(chunk_bytes, window)
    assert reader.capacity <= window * (chunk_bytes + 100) + 600
    # A window of chunks, each a job of its own, before the first is looked at.
    for job in range(1, window + 1):
        stream = (
            written((BEGIN, 0, job, 1, 1, b""))
            + written((DATA, 0, job, 1, 0, bytes(chunk_bytes)))
            + written((END, 0, job, 1, 1, b""))
        )
        assert reader.feed(stream) == len(stream)
    for _ in range(3 * window):
        assert reader.next() is not None
    assert reader.next() is None


@given(st.text(max_size=2000))
def test_a_reason_is_one_line_that_fits(reason: str) -> None:
    payload = reason_payload(reason.replace("\ud800", ""))
    assert len(payload) <= REASON_BYTES
    assert "\n" not in payload.decode()
