"""The two ends of a hop that is up: one sends frames within its credit, one takes and gives it."""

from __future__ import annotations

import socket
import ssl
from time import monotonic_ns
from typing import Callable, List, Optional, Union

from dse.deploy.node.frames import CREDIT, DATA, Frame, FrameError, FrameReader, frame_header
from dse.deploy.node.links import LinkError

#: What a read or write raises that returned only to let the thread say that it is alive.
_WOKE = (BlockingIOError, socket.timeout, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_Buffer = Union[bytes, memoryview]


class HopReceiver:
    """Takes frames from a hop.

    ``window``: chunks that the sender may have on the way; ``alive``: called whenever a wait for
    bytes goes on.
    """

    def __init__(
        self,
        connection: socket.socket,
        chunk_bytes: int,
        window: int,
        epoch: int,
        alive: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._reader = FrameReader(chunk_bytes, window)
        self._epoch = epoch
        self._alive = alive
        self._owed = 0
        # Half a window at a time: the sender never runs dry while we have room, and pays one
        # message for many frames.
        self._give_at = max(1, window // 2)
        self.next: Callable[[], Optional[Frame]] = self._reader.next

    def wait(self) -> bool:
        """Until more bytes are here. False at the end of the stream. LinkError if it broke.

        Invalidates the payloads given out so far.
        """
        space = self._reader.free_space()
        while True:
            try:
                count = self._connection.recv_into(space)
            except _WOKE:
                self._alive()
                continue
            except OSError as error:
                raise LinkError(f"receiving: {error.strerror or error}") from error
            if count == 0:
                if self._reader.pending_bytes:
                    raise LinkError("the stream ends within a frame")
                return False
            self._reader.filled(count)
            return True

    def consumed(self) -> None:
        """One chunk is dealt with; its room is free."""
        self._owed += 1
        if self._owed >= self._give_at:
            header = frame_header(CREDIT, 0, 0, self._epoch, self._owed)
            self._owed = 0
            try:
                _send_all(self._connection, [header], self._alive)
            except LinkError:
                # Whether that matters shows when the next bytes are waited for: the sender may
                # have closed after its last frame.
                return

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class HopSender:
    """Gives frames to a hop, a few at a time where they come quickly.

    ``put`` collects, ``flush`` sends; ``alive``: called whenever a wait for room or credit goes on.
    """

    def __init__(
        self,
        connection: socket.socket,
        window: int,
        epoch: int,
        alive: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._window = window
        self._epoch = epoch
        self._alive = alive
        self._credit = window
        self._credits = FrameReader(0, 1)
        self._pending: List[_Buffer] = []
        self.pending_bytes = 0
        #: When the oldest frame that is not sent yet was put, in monotonic nanoseconds.
        self.oldest_ns = 0

    def put(self, kind: int, stage: int, job: int, sequence: int, payload: _Buffer = b"") -> None:
        """Send a frame, now or with the next flush. ``payload`` must stay as it is until then."""
        if kind == DATA:
            if self._credit == 0:
                self.flush()
                self._wait_for_credit()
            self._credit -= 1
        if not self._pending:
            self.oldest_ns = monotonic_ns()
        self._pending.append(frame_header(kind, stage, job, self._epoch, sequence, payload))
        if len(payload):
            self._pending.append(payload)
        self.pending_bytes += len(payload) + 32

    def flush(self) -> None:
        """Hand over to the system what was put. LinkError if the hop broke."""
        if self._pending:
            pending, self._pending = self._pending, []
            self.pending_bytes = 0
            _send_all(self._connection, pending, self._alive)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _wait_for_credit(self) -> None:
        while self._credit == 0:
            frame = self._credits.next()
            if frame is None:
                try:
                    count = self._connection.recv_into(self._credits.free_space())
                except _WOKE:
                    self._alive()
                    continue
                except OSError as error:
                    raise LinkError(f"sending: {error.strerror or error}") from error
                if count == 0:
                    raise LinkError("the receiver closed the connection")
                self._credits.filled(count)
                continue
            self._credit = with_credit(self._credit, self._window, self._epoch, frame)


def with_credit(credit: int, window: int, epoch: int, frame: Frame) -> int:
    """The credit after ``frame``. FrameError if it is no credit, or more than was ever given."""
    if frame.kind != CREDIT or frame.epoch != epoch:
        raise FrameError(f"{frame}, where credit of epoch {epoch} is due")
    if not 0 < frame.sequence <= window - credit:
        raise FrameError(f"credit for {frame.sequence} frames, {window - credit} are on the way")
    return credit + frame.sequence


#: Buffers that one sendmsg() takes (IOV_MAX is 1024).
_MOST_BUFFERS = 1000


def _send_all(connection: socket.socket, buffers: List[_Buffer], alive: Callable[[], None]) -> None:
    try:
        if isinstance(connection, ssl.SSLSocket):
            _send_rest(connection, memoryview(b"".join(buffers)), alive)
            return
        for at in range(0, len(buffers), _MOST_BUFFERS):
            some = buffers[at : at + _MOST_BUFFERS]
            try:
                sent = connection.sendmsg(some)
            except _WOKE:
                alive()
                sent = 0
            if sent != sum(map(len, some)):
                _send_rest(connection, memoryview(b"".join(some))[sent:], alive)
    except OSError as error:
        raise LinkError(f"sending: {error.strerror or error}") from error


def _send_rest(connection: socket.socket, rest: memoryview, alive: Callable[[], None]) -> None:
    while rest:
        try:
            rest = rest[connection.send(rest) :]
        except _WOKE:
            alive()
