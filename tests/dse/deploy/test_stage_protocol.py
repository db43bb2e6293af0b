"""A stage at work, driven by a neighbour that may do anything: it computes each chunk that may
come, once, in order, and nothing else ever (I3)."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from dse.deploy.node.engines.interface import PoisonedInput
from dse.deploy.node.frames import (
    BEGIN,
    CREDIT,
    DATA,
    END,
    FAIL,
    FrameError,
    FrameReader,
    frame_header,
)
from dse.deploy.node.progress import Progress
from dse.deploy.node.stage_loop import StageLoop

CHUNK_BYTES = 16
RESULT_BYTES = 8
WINDOW = 4
POISON = 255
POSITION = 7


def chunk(epoch: int, job: int, sequence: int, poison: bool = False) -> bytes:
    return bytes([epoch % 250, job % 250, sequence, POISON if poison else 0]) + bytes(12)


class StageProtocol(RuleBasedStateMachine):
    """The model: which chunks were sent rightly, and what they come to behind the stage."""

    def __init__(self) -> None:
        super().__init__()
        self.epoch = 0
        self.computed: list[bytes] = []
        self.expected_computed: list[bytes] = []
        self.sent: list[bytes] = []  # whole frames, of all epochs
        self.stage: threading.Thread | None = None

    # -- a stage --------------------------------------------------------------------------------

    @initialize()
    def start(self) -> None:
        self.epoch += 1
        self.job, self.count, self.next = 0, 0, 0
        self.is_open = self.is_failed = False
        self.before, self.upstream = socket.socketpair()
        self.downstream, self.behind = socket.socketpair()
        self.behind.settimeout(10)
        self.reader = FrameReader(RESULT_BYTES, WINDOW)
        self.progress = Progress.create()
        self.errors: list[BaseException] = []
        sizes = (CHUNK_BYTES, RESULT_BYTES)
        loop = StageLoop(self.compute, POSITION, self.epoch, sizes, WINDOW, self.progress)

        def run() -> None:
            try:
                loop.run(self.upstream, self.downstream)
            except BaseException as error:
                self.errors.append(error)
            self.downstream.close()
            self.upstream.close()

        self.stage = threading.Thread(target=run, daemon=True)
        self.stage.start()

    def compute(self, payload: memoryview) -> bytes:
        data = bytes(payload)
        self.computed.append(data)
        if data[3] == POISON:
            raise PoisonedInput("poison")
        return data[:RESULT_BYTES]

    def over(self) -> None:
        """The stage has ended: its thread, its connections, its memory."""
        assert self.stage is not None
        self.stage.join(10)
        assert not self.stage.is_alive()
        self.stage = None
        for end in (self.before, self.behind, self.upstream, self.downstream):
            end.close()
        self.progress.close()

    # -- what it says ---------------------------------------------------------------------------

    def receive(self, kind: int, sequence: int, payload: bytes | None = None) -> None:
        """The next frame behind the stage."""
        while (frame := self.reader.next()) is None:
            count = self.behind.recv_into(self.reader.free_space())
            assert count, f"the stage ended: {self.errors}"
            self.reader.filled(count)
        assert (frame.kind, frame.job, frame.epoch) == (kind, self.job, self.epoch)
        assert frame.sequence == sequence
        if payload is not None:
            assert bytes(frame.payload) == payload
        if kind == DATA:
            assert frame.chunks == 1 or payload is None
            credit = frame_header(CREDIT, 0, 0, self.epoch, frame.chunks)
            self.behind.sendall(credit)

    def receive_results(self, first: int, chunks: list[bytes]) -> None:
        """In whatever frames they come."""
        wanted = b"".join(one[:RESULT_BYTES] for one in chunks)
        while wanted:
            while (frame := self.reader.next()) is None:
                count = self.behind.recv_into(self.reader.free_space())
                assert count, f"the stage ended: {self.errors}"
                self.reader.filled(count)
            assert (frame.kind, frame.job, frame.epoch) == (DATA, self.job, self.epoch)
            assert frame.sequence == first
            assert wanted.startswith(bytes(frame.payload))
            wanted = wanted[len(frame.payload) :]
            first += frame.chunks
            self.behind.sendall(frame_header(CREDIT, 0, 0, self.epoch, frame.chunks))

    def send(self, kind: int, job: int, epoch: int, sequence: int, payload: bytes = b"") -> None:
        frame = frame_header(kind, 0, job, epoch, sequence, [payload]) + payload
        self.sent.append(frame)
        self.before.sendall(frame)

    # -- what may come --------------------------------------------------------------------------

    @precondition(lambda self: not self.is_open)
    @rule(count=st.integers(0, 6), ahead=st.integers(1, 3))
    def begin(self, count: int, ahead: int) -> None:
        self.job, self.count, self.next = self.job + ahead, count, 0
        self.is_open, self.is_failed = True, False
        self.send(BEGIN, self.job, self.epoch, count)
        self.receive(BEGIN, count)

    @precondition(lambda self: self.is_open and self.next < self.count)
    @rule(chunks=st.integers(1, WINDOW), poisoned=st.one_of(st.none(), st.integers(0, 3)))
    def data(self, chunks: int, poisoned: int | None) -> None:
        chunks = min(chunks, self.count - self.next)
        if poisoned is not None and poisoned >= chunks:
            poisoned = None
        content = [
            chunk(self.epoch, self.job, self.next + index, index == poisoned)
            for index in range(chunks)
        ]
        self.send(DATA, self.job, self.epoch, self.next, b"".join(content))
        if not self.is_failed:
            good = content if poisoned is None else content[:poisoned]
            self.receive_results(self.next, good)
            self.expected_computed += good
            if poisoned is not None:
                self.expected_computed.append(content[poisoned])
                at = self.next + poisoned
                self.receive(FAIL, at, f"image {at}: poison".encode())
                self.is_failed = True
        self.next += chunks

    @precondition(lambda self: self.is_open and self.next == self.count)
    @rule()
    def end(self) -> None:
        self.send(END, self.job, self.epoch, self.count)
        if not self.is_failed:
            self.receive(END, self.count)
        self.is_open = False

    @precondition(lambda self: self.is_open)
    @rule()
    def fail(self) -> None:
        self.send(FAIL, self.job, self.epoch, self.next, b"a stage before it")
        if not self.is_failed:
            self.receive(FAIL, self.next, b"a stage before it")
        self.is_open = False

    @precondition(lambda self: not self.is_open)
    @rule()
    def close(self) -> None:
        """The peaceful end, and another pipeline."""
        self.before.close()
        self.over()
        assert not self.errors, self.errors
        self.start()

    # -- what may not ---------------------------------------------------------------------------

    def refused(self) -> None:
        """What was sent last ends the stage, and is behind it in no form."""
        assert self.stage is not None
        self.stage.join(10)
        assert not self.stage.is_alive(), "it took what may not come"
        assert len(self.errors) == 1
        assert isinstance(self.errors[0], FrameError), self.errors
        rest = b""
        with suppress(ConnectionResetError):  # it has not read our last credits
            while piece := self.behind.recv(4096):
                rest += piece
        assert not rest, "it told the next stage of it"
        self.over()
        self.start()

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        """Any frame that was sent before, of this epoch or another."""
        frame = data.draw(st.sampled_from(self.sent))
        reader = FrameReader(CHUNK_BYTES, WINDOW)
        reader.feed(frame)
        old = reader.next()
        assert old is not None
        if old.kind == FAIL and (old.job, old.epoch) == (self.job, self.epoch) and self.is_open:
            return  # it may come at any point of its job
        if old.kind == BEGIN and old.epoch == self.epoch and old.job > self.job:
            return  # it was refused before, and would be right now
        is_next = old.kind == DATA and old.sequence == self.next and self.is_open
        if is_next and (old.job, old.epoch) == (self.job, self.epoch):
            return  # the same
        if old.kind == END and (old.job, old.epoch) == (self.job, self.epoch) and self.is_open:
            return
        self.before.sendall(frame)
        self.refused()

    @precondition(lambda self: self.is_open and self.next < self.count)
    @rule(by=st.integers(1, 4))
    def skip(self, by: int) -> None:
        """A chunk is missing: reordered, or lost."""
        sequence = self.next + by
        content = chunk(self.epoch, self.job, sequence)
        self.send(DATA, self.job, self.epoch, sequence, content)
        self.refused()

    @precondition(lambda self: self.is_open)
    @rule(over=st.integers(1, 3))
    def too_many(self, over: int) -> None:
        """More chunks than the job has."""
        missing = self.count - self.next + over
        if missing > WINDOW:
            return
        content = b"".join(chunk(self.epoch, self.job, self.next + i) for i in range(missing))
        self.send(DATA, self.job, self.epoch, self.next, content)
        self.refused()

    @rule(other=st.sampled_from([-1, 1]), kind=st.sampled_from([BEGIN, DATA, END, FAIL, CREDIT]))
    def another_epoch(self, other: int, kind: int) -> None:
        """What would be right, had it this epoch."""
        payload = chunk(self.epoch, self.job, self.next) if kind == DATA else b""
        sequence = self.count if kind == END else self.next
        job = self.job + (kind == BEGIN)
        self.send(kind, job, self.epoch + other, sequence, payload)
        self.refused()

    @precondition(lambda self: self.is_open and self.next < self.count)
    @rule(by=st.sampled_from([-1, 1]))
    def another_job(self, by: int) -> None:
        content = chunk(self.epoch, self.job, self.next)
        self.send(DATA, self.job + by, self.epoch, self.next, content)
        self.refused()

    @precondition(lambda self: self.is_open and self.next < self.count)
    @rule(at=st.integers(0, 31 + CHUNK_BYTES), bit=st.integers(0, 7))
    def damage(self, at: int, bit: int) -> None:
        content = chunk(self.epoch, self.job, self.next)
        frame = bytearray(
            frame_header(DATA, 0, self.job, self.epoch, self.next, [content]) + content
        )
        frame[at] ^= 1 << bit
        # Should the length have become longer: the rest that it waits for.
        self.before.sendall(bytes(frame) + bytes(CHUNK_BYTES * WINDOW))
        self.refused()

    @precondition(lambda self: not self.is_open and self.job > 0)
    @rule(by=st.integers(0, 3), count=st.integers(0, 3))
    def an_earlier_job(self, by: int, count: int) -> None:
        """A whole job once more."""
        self.send(BEGIN, max(0, self.job - by), self.epoch, count)
        self.refused()

    @rule(garbage=st.binary(min_size=32, max_size=200))
    def garbage(self, garbage: bytes) -> None:
        self.before.sendall(garbage)
        self.refused()

    @invariant()
    def each_is_computed_once(self) -> None:
        assert self.computed == self.expected_computed
        assert len(set(self.computed)) == len(self.computed)

    def teardown(self) -> None:
        if self.stage is not None:
            self.before.close()
            self.over()


@pytest.mark.parametrize("examples", [40, pytest.param(1500, marks=pytest.mark.slow)])
def test_a_stage_computes_what_may_come_once_and_nothing_else(examples: int) -> None:
    run_state_machine_as_test(
        StageProtocol,
        settings=settings(max_examples=examples, stateful_step_count=50, deadline=None),
    )
