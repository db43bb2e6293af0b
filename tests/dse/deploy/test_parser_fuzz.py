"""Both parsers under random and damaged input: nothing but their own error, and nothing taken that
was not sent. ``DSE_FUZZ_SEED`` repeats a run."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable

import pytest

from dse.deploy.node.frames import (
    BEGIN,
    CREDIT,
    DATA,
    END,
    FAIL,
    HEADER_BYTES,
    FrameError,
    FrameReader,
    frame_header,
)
from dse.deploy.node.messages import REQUESTS, MessageError, decode_request, encode
from tests.dse.deploy.test_messages import EXAMPLES

CHUNK_BYTES = 16
WINDOW = 4
COUNTS = [20_000, pytest.param(500_000, marks=pytest.mark.slow)]


@pytest.fixture
def chance() -> random.Random:
    seed = int(os.environ.get("DSE_FUZZ_SEED", random.SystemRandom().randrange(2**32)))
    print(f"DSE_FUZZ_SEED={seed}")
    return random.Random(seed)


def damaged(data: bytes, chance: random.Random) -> bytes:
    """A few changes of the kinds that a wire, or someone with a plan, makes."""
    changed = bytearray(data)
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(len(changed) + 1)
        kind = chance.randrange(6)
        if kind == 0 and changed:
            changed[at % len(changed)] ^= 1 << chance.randrange(8)
        elif kind == 1 and changed:
            changed[at % len(changed)] = chance.choice(b'\x00\xff\x7f\x80"{}[],:0 \\')
        elif kind == 2:
            changed[at:at] = chance.randbytes(chance.randrange(1, 9))
        elif kind == 3:
            del changed[at : at + chance.randrange(1, 9)]
        elif kind == 4:
            other = chance.randrange(len(changed) + 1)
            changed[at:at] = changed[min(at, other) : max(at, other)]
        else:
            del changed[at:]
    return bytes(changed)


def random_frame(chance: random.Random) -> bytes:
    kind = chance.choice((BEGIN, DATA, END, FAIL, CREDIT))
    payload = b""
    if kind == DATA:
        payload = chance.randbytes(CHUNK_BYTES * chance.randrange(1, WINDOW + 1))
    elif kind == FAIL:
        payload = chance.randbytes(chance.randrange(30))
    job, sequence = chance.randrange(1, 9), chance.randrange(20)
    return frame_header(kind, 0, job, 1, sequence, [payload]) + payload


@pytest.mark.parametrize("count", COUNTS)
def test_frames(count: int, chance: random.Random) -> None:
    refused = taken = 0
    for _ in range(count):
        if chance.random() < 0.2:
            stream = chance.randbytes(chance.randrange(200))
        else:
            whole = b"".join(random_frame(chance) for _ in range(chance.randrange(1, 4)))
            stream = whole if chance.random() < 0.05 else damaged(whole, chance)
        reader = FrameReader(CHUNK_BYTES, WINDOW)
        capacity = reader.capacity
        rest, at = stream, 0
        try:
            while True:
                frame = reader.next()
                if frame is not None:
                    # Exactly the bytes that were sent, which only a right checksum can be.
                    payload = bytes(frame.payload)
                    again = frame_header(*frame[:5], [payload]) + payload
                    assert stream[at : at + len(again)] == again
                    at += len(again)
                    taken += 1
                    continue
                if not rest:
                    break
                piece = reader.feed(rest[: chance.randrange(1, 100)])
                assert piece
                rest = rest[piece:]
            assert reader.pending_bytes == len(stream) - at
            assert reader.pending_bytes < HEADER_BYTES + max(CHUNK_BYTES * WINDOW, 512)
        except FrameError:
            refused += 1
        assert reader.capacity == capacity
    print(f"{count} streams: {refused} refused, {taken} frames taken")
    assert refused > count // 2
    assert taken > count // 10


@pytest.mark.parametrize("count", COUNTS)
def test_control_messages(count: int, chance: random.Random) -> None:
    samples = [encode(kind, id=3, **EXAMPLES[kind]) for kind in REQUESTS]
    makers: list[Callable[[], bytes]] = [
        lambda: chance.randbytes(chance.randrange(200)),
        lambda: damaged(chance.choice(samples), chance),
        lambda: damaged(chance.choice(samples), chance),
        lambda: damaged(chance.choice(samples) + chance.choice(samples), chance),
        lambda: swapped(chance),
    ]
    refused = 0
    for _ in range(count):
        data = chance.choice(makers)()
        try:
            number, request = decode_request(data)
        except MessageError as error:
            reason = str(error)
        else:
            reason = ""
        if reason:
            assert "\n" not in reason
            assert len(reason) < 500
            refused += 1
            continue
        # Taken: then it has every field of its type, each of its type, and no other.
        assert request["id"] == number
        assert type(number) is int
        assert type(request["v"]) is int
        fields = REQUESTS[request["type"]]
        assert set(request) == {"v", "type", "id", *fields}
        for name, wanted in fields.items():
            assert isinstance(request[name], wanted)
        json.dumps(request, allow_nan=False)
    print(f"{count} messages: {refused} refused")
    assert count // 2 < refused < count


def swapped(chance: random.Random) -> bytes:
    """The fields of one request with values of others."""
    values = [value for example in EXAMPLES.values() for value in example.values()]
    values += [None, True, -1, 1e300, float("inf"), 2**70, "", "\ud800", "\0", [], {}, [[]] * 3]
    kind = chance.choice(sorted(REQUESTS))
    fields = dict(EXAMPLES[kind])
    for name in list(fields):
        if chance.random() < 0.3:
            fields[name] = chance.choice(values)
    return json.dumps({"v": 1, "type": kind, "id": chance.choice([1, *values]), **fields}).encode()
