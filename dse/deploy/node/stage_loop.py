"""A stage at work: chunks in, computed one by one, results out, in one thread.

One thread, because handing an image from one Python thread to another costs more than sending it;
the kernel's socket buffers keep the neighbours busy meanwhile.
"""

from __future__ import annotations

import socket
from collections import deque
from time import monotonic_ns
from typing import Any, Callable, Deque, Dict, List, NamedTuple, Optional, Tuple

from dse.deploy.node.engines.interface import PoisonedInput
from dse.deploy.node.frames import BEGIN, DATA, FAIL, Frame, reason_payload
from dse.deploy.node.hop import COALESCE_NS, HopReceiver, HopSender
from dse.deploy.node.job_order import IDLE, RUNNING, JobOrder
from dse.deploy.node.links import NeighbourGone
from dse.deploy.node.progress import COMPUTING, SENDING, WAITING, Progress
from dse.errors import DseError

#: Chunks of a job of which times are kept.
MOST_TIMED = 4096


class StageError(DseError):
    """The stage cannot go on."""


class StageTimes:
    """When each chunk of the current job was where: monotonic nanoseconds of this machine."""

    def __init__(self) -> None:
        self.job = 0
        #: Received, started, finished of a chunk, then of the next: numbers in one list are less to
        #: make and to collect than a tuple for each.
        self.computed: List[int] = []
        self.flushed: List[Tuple[int, int]] = []  # how many were computed by then, when

    def begin(self, job: int) -> None:
        """Another job: the times of the last one go."""
        self.job, self.computed, self.flushed = job, [], []

    @property
    def count(self) -> int:
        """Chunks of which times are kept so far."""
        return len(self.computed) // 3

    def as_json(self) -> Dict[str, Any]:
        """``received_ns``, ``started_ns``, ``finished_ns``, ``sent_ns``, a list each."""
        computed, flushed = list(self.computed), list(self.flushed)
        sent: List[int] = []
        for count, when in flushed:
            sent += [when] * (min(count, len(computed) // 3) - len(sent))
        return {
            "job": self.job,
            "received_ns": computed[0::3],
            "started_ns": computed[1::3],
            "finished_ns": computed[2::3],
            "sent_ns": sent,
        }


class Ahead(NamedTuple):
    """A computation that takes ``depth`` chunks before it must give a result (FardJob)."""

    depth: int
    give: Callable[[memoryview], None]
    take: Callable[[], bytes]


class StageLoop:
    """Runs jobs until the hop before it closes.

    ``compute``: one chunk (a memoryview that is valid during the call) to one result.
    ``chunk_bytes``: of what comes in and of what goes out. ``ahead``: used in place of ``compute``.
    """

    def __init__(
        self,
        compute: Callable[[memoryview], bytes],
        position: int,
        epoch: int,
        chunk_bytes: Tuple[int, int],
        window: int,
        progress: Progress,
        ahead: Optional[Ahead] = None,
    ) -> None:
        self._ahead = ahead
        #: Of the chunks that were given and not taken: sequence, when received, when given.
        self._begun: Deque[Tuple[int, int, int]] = deque()
        self._finished = 0
        self._compute = compute
        self._position = position
        self._epoch = epoch
        self._chunk_bytes = chunk_bytes
        self._window = window
        self._progress = progress
        self._order = JobOrder(epoch)
        self.times = StageTimes()

    def run(self, upstream: socket.socket, downstream: socket.socket) -> None:
        """Until ``upstream`` ends between two jobs. Raises DseError for anything else that ends it,
        and whatever ``compute`` raises beside PoisonedInput."""
        progress = self._progress
        receiver = HopReceiver(
            upstream,
            self._chunk_bytes[0],
            self._window,
            self._epoch,
            lambda: progress.report(WAITING),
        )
        sender = HopSender(
            downstream,
            self._position,
            self._window,
            self._epoch,
            lambda: progress.report(SENDING),
        )
        order = self._order
        received = 0
        while True:
            frame = receiver.next()
            if frame is None:
                if self._begun and not receiver.is_ready():
                    self._take(sender)
                    continue
                self._flush(sender)
                progress.report(WAITING)
                if not receiver.wait():
                    if order.state != IDLE:
                        raise NeighbourGone(f"the hop before ended in job {order.job}")
                    return
                received = monotonic_ns()
                continue
            order.admit(frame)
            if frame.kind == DATA:
                if self._ahead is None:
                    self._chunks(frame, received, receiver, sender)
                else:
                    self._chunks_ahead(self._ahead, frame, received, receiver, sender)
                continue
            self._take_all(sender)
            if frame.kind == BEGIN:
                self.times.begin(frame.job)
                progress.job = frame.job
            elif order.failed_here:
                continue
            # BEGIN, END and FAIL go on to the next stage.
            sender.send(frame.kind, frame.stage, frame.job, frame.sequence, bytes(frame.payload))

    def _chunks(
        self, frame: Frame, received: int, receiver: HopReceiver, sender: HopSender
    ) -> None:
        progress, order, compute = self._progress, self._order, self._compute
        take, give = self._chunk_bytes
        job, payload, sequence = order.job, frame.payload, frame.sequence
        put, computed = sender.put, self.times.computed
        done = 0
        for at in range(0, frame.chunks * take, take):
            done += 1
            if order.state != RUNNING:
                continue
            progress.sequence = sequence
            progress.report(COMPUTING)
            started = monotonic_ns()
            try:
                result = compute(payload[at : at + take])
            except PoisonedInput as error:
                self._fail(sequence, error, sender)
                continue
            finished = monotonic_ns()
            if len(result) != give:
                raise _wrong_length(sequence, result, give)
            if sequence < MOST_TIMED:
                computed += (received, started, finished)
            is_due = put(job, sequence, result, finished)
            sequence += 1
            if is_due or finished - started > COALESCE_NS:
                self._flush(sender)
                # With each flush, too: a long frame must not keep the sender from the next one.
                receiver.consumed(done)
                done = 0
        receiver.consumed(done)

    def _chunks_ahead(
        self,
        ahead: Ahead,
        frame: Frame,
        received: int,
        receiver: HopReceiver,
        sender: HopSender,
    ) -> None:
        """As :meth:`_chunks`, but a result is waited for only where the depth is reached."""
        progress, take = self._progress, self._chunk_bytes[0]
        for index in range(frame.chunks):
            if self._order.state == RUNNING:
                sequence = frame.sequence + index
                while len(self._begun) >= ahead.depth:
                    self._take(sender)
                progress.sequence = sequence
                progress.report(COMPUTING)
                started = monotonic_ns()
                try:
                    ahead.give(frame.payload[index * take : (index + 1) * take])
                except PoisonedInput as error:
                    self._take_all(sender)
                    self._fail(sequence, error, sender)
                else:
                    self._begun.append((sequence, received, started))
            receiver.consumed(1)

    def _take(self, sender: HopSender) -> None:
        """One result out of the computation, and on its way."""
        assert self._ahead is not None
        self._progress.report(COMPUTING)
        result = self._ahead.take()
        finished = monotonic_ns()
        sequence, received, given = self._begun.popleft()
        if len(result) != self._chunk_bytes[1]:
            raise _wrong_length(sequence, result, self._chunk_bytes[1])
        if sequence < MOST_TIMED:
            # Its turn came when the one before it was done: so times of two do not overlap.
            started = max(given, min(self._finished, finished))
            self.times.computed += (received, started, finished)
        self._finished = finished
        sender.put(self._order.job, sequence, result, finished)
        self._flush(sender)

    def _take_all(self, sender: HopSender) -> None:
        while self._begun:
            self._take(sender)

    def _fail(self, sequence: int, error: PoisonedInput, sender: HopSender) -> None:
        self._order.fail_here()
        reason = reason_payload(f"image {sequence}: {error}")
        sender.send(FAIL, self._position, self._order.job, sequence, reason)

    def _flush(self, sender: HopSender) -> None:
        # Before, not after: where cores are few, the next stage may have it before we go on.
        now = monotonic_ns()
        if not sender.flush():
            return
        times = self.times
        count = times.count
        if count <= MOST_TIMED and (not times.flushed or times.flushed[-1][0] < count):
            times.flushed.append((count, now))


def _wrong_length(sequence: int, result: bytes, expected: int) -> StageError:
    return StageError(f"image {sequence} became {len(result)} bytes", expected=str(expected))
