"""The client's two ends of a pipeline: chunks into the first stage, results out of the last."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from time import monotonic_ns

import numpy as np
from numpy.typing import NDArray

from dse.deploy.node.frames import (
    BEGIN,
    CREDIT,
    DATA,
    END,
    FAIL,
    Frame,
    FrameReader,
    frame_header,
    reason_payload,
)
from dse.deploy.node.hop import with_credit
from dse.deploy.node.job_order import IDLE, JobOrder, OutOfOrder
from dse.deploy.node.links import LinkError
from dse.errors import DseError

_WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
#: Payload of a frame from which on frames grow no more.
_FRAME_BYTES = 1 << 16
_TICK_MS = 50
#: Of the first stage it is always noticed that it closed; credit is read when it is needed.
_ALWAYS = select.POLLRDHUP


class ChunkFailed(DseError):
    """A stage could not compute a chunk; the pipeline is up. ``stage``: which."""

    def __init__(self, stage: int, reason: str) -> None:
        super().__init__(reason)
        self.stage = stage


class WireResult:
    """``results``: uint8 (chunks, bytes of one); ``sent_ns``, ``received_ns``: int64 (chunks,)."""

    def __init__(self, chunks: int, result_bytes: int) -> None:
        self.results: NDArray[np.uint8] = np.empty((chunks, result_bytes), dtype=np.uint8)
        self.sent_ns: NDArray[np.int64] = np.zeros(chunks, dtype=np.int64)
        self.received_ns: NDArray[np.int64] = np.zeros(chunks, dtype=np.int64)


class ClientWire:
    """Runs one job after the other. ``wake``: a file descriptor that becomes readable when there
    is something else to look at: ``attend`` is called then, and every 50 ms or so."""

    def __init__(
        self,
        first: socket.socket,
        last: socket.socket,
        chunk_bytes: tuple[int, int],
        window: int,
        epoch: int,
        wake: int,
    ) -> None:
        self._first, self._last = first, last
        for connection in (first, last):
            connection.settimeout(0)
        self._chunk_bytes = chunk_bytes
        self._window = window
        self._epoch = epoch
        self._wake = wake
        self._credit = window
        self._credits = FrameReader(0, 0)
        self._reader = FrameReader(chunk_bytes[1], window)
        self._order = JobOrder(epoch)
        self._poll = select.poll()
        self._poll.register(last, select.POLLIN)
        self._poll.register(wake, select.POLLIN)
        self._poll.register(first, _ALWAYS)
        self._watched = 0
        self._owed = 0
        self._last_descriptor = last.fileno()
        self._results = memoryview(b"")
        self._unsent: list[bytes | memoryview] = []
        self._frame_chunks = 1
        self._expected = (0, 0)
        self._attended_ns = 0
        self._is_secure = isinstance(first, ssl.SSLSocket)

    def run(self, job: int, chunks: NDArray[np.uint8], attend: Callable[[int], None]) -> WireResult:
        """``chunks``: uint8 (chunks, bytes of one). ``attend`` is told how many results are here.

        Raises ChunkFailed, LinkError or FrameError, and whatever ``attend`` raises; after anything
        but ChunkFailed the pipeline cannot be used any more.
        """
        count = len(chunks)
        result = WireResult(count, self._chunk_bytes[1])
        # Views, no copies: ``chunks`` and the results may be large.
        content = np.ascontiguousarray(chunks, dtype=np.uint8).reshape(-1).data
        self._results = result.results.reshape(-1).data
        framed = -1  # the BEGIN comes before chunk 0
        received = 0
        self._expected = (job, count)
        self._attended_ns = monotonic_ns()
        while True:
            framed = self._send(job, framed, count, content, result)
            if self._wait(attend, received):
                received, frame = self._receive(result)
                if frame is not None and frame.kind == END and framed > count:
                    return result
                if frame is not None and frame.kind == FAIL:
                    reason = bytes(frame.payload).decode(errors="replace")
                    self._abandon(job, framed, count, attend)
                    raise ChunkFailed(frame.stage, reason)
                if frame is not None:
                    raise LinkError(f"{frame} before the job was sent")

    def close(self) -> None:
        """Close both ends."""
        # What is unread would make of the end of the stream a broken one.
        with suppress(DseError):
            self._take_credit()
        self._first.close()
        self._last.close()

    # -- sending --------------------------------------------------------------------------------

    def _send(
        self, job: int, framed: int, count: int, content: memoryview, result: WireResult
    ) -> int:
        """Send what credit and network take; how many frames are framed so far, from -1."""
        while True:
            if not self._unsent and framed <= count:
                if framed < 0:
                    self._unsent = [frame_header(BEGIN, 0, job, self._epoch, count)]
                    framed = 0
                    self._frame_chunks = 1
                if framed < count:
                    if self._credit < min(count - framed, self._frame_chunks):
                        self._take_credit()
                    last = min(count, framed + min(self._frame_chunks, self._credit))
                    if last > framed:
                        self._frame(job, framed, last, content)
                        result.sent_ns[framed:last] = monotonic_ns()
                        framed = last
                if framed == count:
                    self._unsent.append(frame_header(END, 0, job, self._epoch, count))
                    framed += 1
                if not self._unsent:
                    self._watch_first(select.POLLIN)
                    return framed
            if not self._push() or framed > count:
                return framed

    def _frame(self, job: int, first: int, last: int, content: memoryview) -> None:
        """Chunks ``first`` to before ``last`` as a frame. Each frame holds four times as many as
        the one before, so that the first stage starts with the first chunk and headers stay few."""
        size = self._chunk_bytes[0]
        payload = content[first * size : last * size]
        self._unsent += [frame_header(DATA, 0, job, self._epoch, first, [payload]), payload]
        self._credit -= last - first
        if (last - first) * size < _FRAME_BYTES:
            self._frame_chunks *= 4

    def _push(self) -> bool:
        """Hand the network what is framed; whether it took all of it."""
        unsent = self._unsent
        while unsent:
            try:
                if self._is_secure:
                    sent = self._first.send(unsent[0])
                else:
                    sent = self._first.sendmsg(unsent)
            except _WOULD_BLOCK:
                self._watch_first(select.POLLOUT)
                return False
            except OSError as error:
                raise LinkError(f"to stage 0: {error.strerror or error}") from error
            while unsent and sent >= len(unsent[0]):
                sent -= len(unsent.pop(0))
            if sent:
                unsent[0] = memoryview(unsent[0])[sent:]
        self._watch_first(0)
        return True

    def _watch_first(self, events: int) -> None:
        """Have waits end, too, when there is credit to read (POLLIN), or room to send (POLLOUT)."""
        if events != self._watched:
            self._watched = events
            self._poll.modify(self._first, _ALWAYS | events)

    def _take_credit(self) -> None:
        while True:
            frame = self._credits.next()
            if frame is not None:
                self._credit = with_credit(self._credit, self._window, self._epoch, frame)
                continue
            try:
                count = self._first.recv_into(self._credits.free_space())
            except _WOULD_BLOCK:
                return
            except OSError as error:
                raise LinkError(f"to stage 0: {error.strerror or error}") from error
            if count == 0:
                raise LinkError("stage 0 closed the connection")
            self._credits.filled(count)

    def _abandon(self, job: int, framed: int, count: int, attend: Callable[[int], None]) -> None:
        """Tell the stages that are still at the job that it is over."""
        if 0 <= framed <= count:
            reason = reason_payload("the job failed further on")
            header = frame_header(FAIL, 0, job, self._epoch, framed, [reason])
            self._unsent += [header, reason]
        while not self._push():
            self._wait(attend, 0)

    # -- receiving ------------------------------------------------------------------------------

    def _receive(self, result: WireResult) -> tuple[int, Frame | None]:
        """Take what is here: how many results came so far, and the frame that ended the job, if
        one did."""
        reader, order, size = self._reader, self._order, self._chunk_bytes[1]
        try:
            count = self._last.recv_into(reader.free_space())
        except _WOULD_BLOCK:
            return order.next_sequence, None
        except OSError as error:
            raise LinkError(f"from the last stage: {error.strerror or error}") from error
        if count == 0:
            raise LinkError("the last stage closed the connection")
        reader.filled(count)
        now = monotonic_ns()
        taken = 0
        ending: Frame | None = None
        while (frame := reader.next()) is not None:
            order.admit(frame)
            if frame.kind == DATA:
                first, last = frame.sequence, frame.sequence + frame.chunks
                self._results[first * size : last * size] = frame.payload
                result.received_ns[first:last] = now
                taken += frame.chunks
            elif frame.kind == BEGIN:
                if (frame.job, frame.sequence) != self._expected:
                    job, chunks = self._expected
                    raise OutOfOrder(f"{frame}", expected=f"job {job} of {chunks} chunks")
            elif order.state == IDLE:
                ending = frame  # looked at before the reader is filled again
                break
        if taken:
            self._give_credit(taken)
        return order.next_sequence, ending

    def _give_credit(self, taken: int) -> None:
        """What was taken is given back in one message for half a window, as by a stage."""
        self._owed += taken
        if self._owed < max(1, self._window // 2):
            return
        message = frame_header(CREDIT, 0, 0, self._epoch, self._owed)
        self._owed = 0
        try:
            # 32 bytes into an otherwise unused direction: there is room for every credit at once.
            self._last.sendall(message)
        except OSError:
            return  # whether that matters shows when the next results are read

    def _wait(self, attend: Callable[[int], None], received: int) -> bool:
        """Until there is something to do; whether there are results to take."""
        if isinstance(self._last, ssl.SSLSocket) and self._last.pending():
            return True  # decrypted already: poll() does not know of it
        ready = self._poll.poll(_TICK_MS)
        if not ready or monotonic_ns() - self._attended_ns > _TICK_MS * 1_000_000:
            self._attend(attend, received)
        has_results = False
        for descriptor, _ in ready:
            if descriptor == self._last_descriptor:
                has_results = True
            elif descriptor == self._wake:
                self._attend(attend, received)
            else:
                self._take_credit()
        return has_results

    def _attend(self, attend: Callable[[int], None], received: int) -> None:
        self._attended_ns = monotonic_ns()
        attend(received)
