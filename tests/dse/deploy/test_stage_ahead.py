"""A stage whose computation takes several chunks before it must give a result."""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dse.deploy.node.engines.interface import PoisonedInput
from dse.deploy.node.frames import BEGIN, DATA, END, FAIL, Frame, FrameReader, frame_header
from dse.deploy.node.progress import Progress
from dse.deploy.node.stage_loop import Ahead, StageLoop

POISON = 0xFF


class Reversing:
    """Gives each chunk reversed; notes how many it had at a time."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.most = 0
        self._inside: deque[bytes] = deque()

    def give(self, chunk: memoryview) -> None:
        assert len(self._inside) < self.depth
        if chunk[0] == POISON:
            raise PoisonedInput("poison")
        self._inside.append(bytes(chunk)[::-1])
        self.most = max(self.most, len(self._inside))

    def take(self) -> bytes:
        return self._inside.popleft()


class Neighbours:
    """What stands before and behind the stage."""

    def __init__(self, before: socket.socket, behind: socket.socket) -> None:
        self._before, self._behind = before, behind
        self._reader = FrameReader(4, 1000)

    def send(self, kind: int, job: int, sequence: int, chunks: list[bytes] | None = None) -> None:
        pieces = chunks or []
        header = frame_header(kind, 0, job, 1, sequence, pieces)
        self._before.sendall(header + b"".join(pieces))

    def receive(self) -> Frame:
        while (frame := self._reader.next()) is None:
            count = self._behind.recv_into(self._reader.free_space())
            assert count, "the stage ended"
            self._reader.filled(count)
        return frame

    def chunks(self, count: int) -> list[bytes]:
        found: list[bytes] = []
        while len(found) < count:
            frame = self.receive()
            assert frame.kind == DATA
            assert frame.sequence == len(found)
            data = bytes(frame.payload)
            found += [data[at : at + 4] for at in range(0, len(data), 4)]
        return found


@contextmanager
def stage(computation: Reversing) -> Iterator[Neighbours]:
    before, upstream = socket.socketpair()
    downstream, behind = socket.socketpair()
    progress = Progress.create()
    ahead = Ahead(computation.depth, computation.give, computation.take)
    loop = StageLoop(bytes, 0, 1, (4, 4), 1000, progress, ahead)
    errors: list[BaseException] = []

    def run() -> None:
        try:
            loop.run(upstream, downstream)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    behind.settimeout(10)
    try:
        yield Neighbours(before, behind)
        before.close()
        thread.join(10)
        assert not thread.is_alive()
        assert not errors, errors
    finally:
        for end in (before, upstream, downstream, behind):
            end.close()
        progress.close()


def numbered(count: int) -> list[bytes]:
    return [bytes([0, 1, number // 250, number % 250]) for number in range(count)]


@settings(max_examples=40, deadline=None)
@given(
    depth=st.integers(2, 9),
    frames=st.lists(st.integers(1, 20), min_size=1, max_size=6),
    jobs=st.integers(1, 3),
)
def test_results_are_the_chunks_in_order(depth: int, frames: list[int], jobs: int) -> None:
    chunks = numbered(sum(frames))
    computation = Reversing(depth)
    with stage(computation) as neighbours:
        for job in range(1, jobs + 1):
            neighbours.send(BEGIN, job, len(chunks))
            at = 0
            for count in frames:
                neighbours.send(DATA, job, at, chunks[at : at + count])
                at += count
            neighbours.send(END, job, len(chunks))
            assert neighbours.receive().kind == BEGIN
            assert neighbours.chunks(len(chunks)) == [chunk[::-1] for chunk in chunks]
            assert neighbours.receive().kind == END
    assert computation.most <= depth
    assert computation.most >= min(depth, max(frames))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_no_result_waits_for_chunks_that_do_not_come(count: int) -> None:
    """The job goes on later: what was given comes out though the depth is not reached."""
    chunks = numbered(count)
    with stage(Reversing(8)) as neighbours:
        neighbours.send(BEGIN, 1, count + 1)
        neighbours.send(DATA, 1, 0, chunks)
        assert neighbours.receive().kind == BEGIN
        assert neighbours.chunks(count) == [chunk[::-1] for chunk in chunks]
        neighbours.send(DATA, 1, count, chunks[:1])
        neighbours.send(END, 1, count + 1)
        assert neighbours.receive().kind == DATA
        assert neighbours.receive().kind == END


@pytest.mark.parametrize("at", [0, 3, 9])
def test_poison_fails_its_job_and_the_next_one_passes(at: int) -> None:
    chunks = numbered(10)
    poisoned = [*chunks]
    poisoned[at] = bytes([POISON] * 4)
    with stage(Reversing(4)) as neighbours:
        neighbours.send(BEGIN, 1, 10)
        neighbours.send(DATA, 1, 0, poisoned)
        neighbours.send(END, 1, 10)
        assert neighbours.receive().kind == BEGIN
        assert neighbours.chunks(at) == [chunk[::-1] for chunk in chunks[:at]]
        failed = neighbours.receive()
        assert (failed.kind, failed.sequence) == (FAIL, at)
        assert bytes(failed.payload).decode() == f"image {at}: poison"
        neighbours.send(BEGIN, 2, 10)
        neighbours.send(DATA, 2, 0, chunks)
        neighbours.send(END, 2, 10)
        assert neighbours.receive().kind == BEGIN
        assert neighbours.chunks(10) == [chunk[::-1] for chunk in chunks]
        assert neighbours.receive().kind == END
