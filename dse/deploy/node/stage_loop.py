"""A stage at work: chunks in, computed one by one, results out, in one thread.

One thread, because handing an image from one Python thread to another costs more than sending it;
the kernel's socket buffers keep the neighbours busy meanwhile.
"""

from __future__ import annotations

import socket
from time import monotonic_ns
from typing import Any, Callable, Dict, List, Tuple

from dse.deploy.node.engines.interface import PoisonedInput
from dse.deploy.node.frames import BEGIN, DATA, FAIL, Frame, reason_payload
from dse.deploy.node.hop import HopReceiver, HopSender
from dse.deploy.node.job_order import IDLE, RUNNING, JobOrder
from dse.deploy.node.links import LinkError
from dse.deploy.node.progress import COMPUTING, SENDING, WAITING, Progress
from dse.errors import DseError

#: Results wait for each other no longer than this, in nanoseconds, and only while more input is
#: there already: a computation that takes longer is sent on by itself, at once.
_COALESCE_NS = 50_000
#: Chunks of a job of which times are kept.
MOST_TIMED = 4096


class StageError(DseError):
    """The stage cannot go on."""


class StageTimes:
    """When each chunk of the current job was where: monotonic nanoseconds of this machine."""

    def __init__(self) -> None:
        self.job = 0
        self.computed: List[Tuple[int, int, int]] = []  # received, started, finished
        self.flushed: List[Tuple[int, int]] = []  # how many were computed by then, when

    def begin(self, job: int) -> None:
        """Another job: the times of the last one go."""
        self.job, self.computed, self.flushed = job, [], []

    def as_json(self) -> Dict[str, Any]:
        """``received_ns``, ``started_ns``, ``finished_ns``, ``sent_ns``, a list each."""
        computed, flushed = list(self.computed), list(self.flushed)
        sent: List[int] = []
        for count, when in flushed:
            sent += [when] * (min(count, len(computed)) - len(sent))
        return {
            "job": self.job,
            "received_ns": [one[0] for one in computed],
            "started_ns": [one[1] for one in computed],
            "finished_ns": [one[2] for one in computed],
            "sent_ns": sent,
        }


class StageLoop:
    """Runs jobs until the hop before it closes.

    ``compute``: one chunk (a memoryview that is valid during the call) to one result.
    ``chunk_bytes``: of what comes in and of what goes out.
    """

    def __init__(
        self,
        compute: Callable[[memoryview], bytes],
        position: int,
        epoch: int,
        chunk_bytes: Tuple[int, int],
        window: int,
        progress: Progress,
    ) -> None:
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
                self._flush(sender)
                progress.report(WAITING)
                if not receiver.wait():
                    if order.state != IDLE:
                        raise LinkError(f"the hop before ended in job {order.job}")
                    return
                received = monotonic_ns()
                continue
            order.admit(frame)
            if frame.kind == DATA:
                self._chunks(frame, received, receiver, sender)
                continue
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
        sequence = frame.sequence
        for at in range(0, frame.chunks * take, take):
            if order.state != RUNNING:
                receiver.consumed()
                continue
            progress.sequence = sequence
            progress.report(COMPUTING)
            started = monotonic_ns()
            try:
                result = compute(frame.payload[at : at + take])
            except PoisonedInput as error:
                order.fail_here()
                reason = reason_payload(f"image {sequence}: {error}")
                sender.send(FAIL, self._position, order.job, sequence, reason)
                receiver.consumed()
                continue
            finished = monotonic_ns()
            if len(result) != give:
                raise StageError(f"image {sequence} became {len(result)} bytes", expected=str(give))
            if sequence < MOST_TIMED:
                self.times.computed.append((received, started, finished))
            sender.put(order.job, sequence, result, finished)
            if finished - started > _COALESCE_NS or finished - sender.oldest_ns > _COALESCE_NS:
                self._flush(sender)
            receiver.consumed()
            sequence += 1

    def _flush(self, sender: HopSender) -> None:
        if not sender.flush():
            return
        times = self.times
        if len(times.computed) <= MOST_TIMED and (
            not times.flushed or times.flushed[-1][0] < len(times.computed)
        ):
            times.flushed.append((len(times.computed), monotonic_ns()))
