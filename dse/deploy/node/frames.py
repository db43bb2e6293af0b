"""Frames: what travels over a hop, between two stages or between a stage and the client.

A frame is a header of 32 bytes and a payload. All numbers are little-endian:

    magic 4s "DSEF" | version u8 | kind u8 | stage u16 | job u64 | epoch u32 | sequence u32 |
    length u32 | crc u32

``crc`` is the CRC-32 (zlib) of the 28 bytes before it and of the payload. Which lengths are legal
follows from the kind and from the chunk size and window that the hop was configured with, and is
checked before a byte of the payload is waited for: a header cannot make anyone allocate.
docs/protocol.md has the whole protocol.
"""

from __future__ import annotations

import struct
from typing import NamedTuple, Optional, Sequence

try:  # The same CRC-32, several times as quick; boards without it take Python's own.
    from isal.isal_zlib import crc32
except ImportError:
    from zlib import crc32

from dse.errors import DseError

MAGIC = b"DSEF"
VERSION = 1

#: A job begins; ``sequence`` is how many chunks it has.
BEGIN = 1
#: One chunk, or several that follow each other; ``sequence`` is the first one's, from 0.
DATA = 2
#: Every chunk of the job has passed; ``sequence`` is how many chunks it had.
END = 3
#: The job failed at ``stage``; the payload is the reason (UTF-8).
FAIL = 4
#: Against the stream: the receiver can take ``sequence`` chunks more.
CREDIT = 5

KIND_NAMES = {BEGIN: "BEGIN", DATA: "DATA", END: "END", FAIL: "FAIL", CREDIT: "CREDIT"}
#: Longest reason that a FAIL frame carries, in bytes.
REASON_BYTES = 512

_BEFORE_CRC = struct.Struct("<4sBBHQIII")
_CRC = struct.Struct("<I")
_HEADER = struct.Struct("<4sBBHQIIII")
HEADER_BYTES = _HEADER.size


class FrameError(DseError):
    """Bytes that are no frame of this hop. The hop cannot be trusted from there on."""


class Frame(NamedTuple):
    """One frame. ``payload`` is valid until the reader is filled again; ``chunks``: how many it
    holds, 0 but for DATA."""

    kind: int
    stage: int
    job: int
    epoch: int
    sequence: int
    payload: memoryview
    chunks: int

    def __str__(self) -> str:
        name = KIND_NAMES.get(self.kind, str(self.kind))
        return f"{name} of job {self.job}, epoch {self.epoch}, sequence {self.sequence}"


def frame_header(
    kind: int,
    stage: int,
    job: int,
    epoch: int,
    sequence: int,
    pieces: Sequence[bytes | memoryview] = (),
) -> bytes:
    """The 32 bytes that go before a payload that is these ``pieces``, one after the other."""
    length = 0
    for piece in pieces:
        length += len(piece)
    head = _BEFORE_CRC.pack(MAGIC, VERSION, kind, stage, job, epoch, sequence, length)
    crc = crc32(head)
    for piece in pieces:
        crc = crc32(piece, crc)
    return head + _CRC.pack(crc)


def reason_payload(reason: str) -> bytes:
    """``reason`` as the payload of a FAIL frame: one line, cut to what a frame carries."""
    line = " ".join(reason.split()).encode("utf-8", "replace")[:REASON_BYTES]
    return line.decode("utf-8", "ignore").encode()


class FrameReader:
    """Takes bytes in, gives frames out, in a buffer of fixed size.

    ``chunk_bytes``: of every chunk on this hop. ``window``: how many chunks the other side may
    have on the way; so many, in as many frames, and no more, find room here. A hop without chunks
    (both 0) carries frames without payload only.
    """

    def __init__(self, chunk_bytes: int, window: int) -> None:
        self.chunk_bytes = chunk_bytes
        self._most_bytes = window * chunk_bytes
        # One frame without a payload for each with one: jobs of a single chunk.
        capacity = window * (chunk_bytes + 3 * HEADER_BYTES) + HEADER_BYTES + REASON_BYTES
        self._buffer = bytearray(capacity)
        self._view = memoryview(self._buffer)
        self._start = 0
        self._end = 0

    @property
    def pending_bytes(self) -> int:
        """Bytes taken in of which no frame was given out yet."""
        return self._end - self._start

    @property
    def capacity(self) -> int:
        """Bytes that the buffer holds; it never grows."""
        return len(self._buffer)

    def free_space(self) -> memoryview:
        """Where the next bytes go; tell :meth:`filled` how many came. Never empty between frames.

        Invalidates the payloads given out so far.
        """
        if self._start == self._end:
            self._start = self._end = 0
        elif self._start and self._end > len(self._buffer) // 2:
            pending = self._end - self._start
            self._buffer[:pending] = self._buffer[self._start : self._end]
            self._start, self._end = 0, pending
        return self._view[self._end :]

    def filled(self, count: int) -> None:
        """So many bytes were written into the free space."""
        self._end += count

    def feed(self, data: bytes) -> int:
        """Copy as much of ``data`` in as there is room for; how much that was."""
        space = self.free_space()
        count = min(len(space), len(data))
        space[:count] = data[:count]
        self._end += count
        return count

    def next(self) -> Optional[Frame]:
        """The next frame, or None if it is not all here yet. FrameError if it is no frame."""
        start = self._start
        have = self._end - start
        if have < HEADER_BYTES:
            return None
        magic, version, kind, stage, job, epoch, sequence, length, crc = _HEADER.unpack_from(
            self._buffer, start
        )
        if magic != MAGIC or version != VERSION:
            raise FrameError(f"not a frame: it begins with {magic!r}, version {version}")
        chunks = 0
        if kind == DATA:
            if not 0 < length <= self._most_bytes or length % self.chunk_bytes:
                raise FrameError(
                    f"a DATA frame of {length} bytes",
                    expected=f"a multiple of {self.chunk_bytes}, {self._most_bytes} at most",
                )
            chunks = length // self.chunk_bytes
        elif kind not in KIND_NAMES:
            raise FrameError(f"a frame of kind {kind}", choices=KIND_NAMES)
        elif length > (REASON_BYTES if kind == FAIL else 0):
            raise FrameError(f"a {KIND_NAMES[kind]} frame of {length} bytes")
        if have < HEADER_BYTES + length:
            return None
        body = start + HEADER_BYTES
        payload = self._view[body : body + length]
        if crc32(payload, crc32(self._view[start : start + HEADER_BYTES - 4])) != crc:
            raise FrameError(
                f"a {KIND_NAMES[kind]} frame (job {job}, sequence {sequence}) whose checksum "
                "is not that of its bytes"
            )
        self._start = body + length
        return Frame(kind, stage, job, epoch, sequence, payload, chunks)
