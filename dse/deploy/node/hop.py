"""The two ends of a hop that is up: one sends frames within its credit, one takes and gives it."""

from __future__ import annotations

import errno
import select
import socket
import ssl
from typing import Callable, List, Optional, Union

from dse.deploy.node.frames import CREDIT, DATA, Frame, FrameError, FrameReader, frame_header
from dse.deploy.node.links import LinkError, NeighbourGone

#: What a read or write raises that returned only to let the thread say that it is alive.
_WOKE = (BlockingIOError, socket.timeout, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_Buffer = Union[bytes, memoryview]
#: Chunks of more bytes than this do not wait for others.
_MOST_PENDING_BYTES = 1 << 17
#: Chunks of fewer bytes are copied into one: cheaper than a checksum and a buffer for each.
_SMALL_BYTES = 1 << 10
#: Results wait for each other no longer than this, in nanoseconds, and only while more input is
#: there already: a computation that takes longer is sent on by itself, at once.
COALESCE_NS = 50_000
#: Taken in at a time: what the processor's cache still holds when it is looked at.
_MOST_RECEIVED = 1 << 18


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
                count = self._connection.recv_into(space, min(len(space), _MOST_RECEIVED))
            except _WOKE as woke:
                _check_woke(woke, "receiving")
                self._alive()
                continue
            except ConnectionResetError:
                count = 0  # it closed, and had not read the last of our credits
            except OSError as error:
                raise LinkError(f"receiving: {error.strerror or error}") from error
            if count == 0:
                if self._reader.pending_bytes:
                    raise NeighbourGone("the stream ends within a frame")
                return False
            self._reader.filled(count)
            return True

    def is_ready(self) -> bool:
        """Whether :meth:`wait` would return at once."""
        connection = self._connection
        if isinstance(connection, ssl.SSLSocket) and connection.pending():
            return True
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        return bool(poll.poll(0))

    def consumed(self, chunks: int) -> None:
        """So many chunks are dealt with; their room is free."""
        self._owed += chunks
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
    """Gives frames to a hop. Results that come quickly share a frame; ``flush`` sends it.

    ``alive``: called whenever a wait for credit begins, or one for room or credit goes on.
    """

    def __init__(
        self,
        connection: socket.socket,
        stage: int,
        window: int,
        epoch: int,
        alive: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._stage = stage
        self._window = window
        self._epoch = epoch
        self._alive = alive
        self._credit = window
        self._credits = FrameReader(0, 0)
        self._ready: List[_Buffer] = []  # whole frames that are not sent yet
        self._chunks: List[_Buffer] = []  # of the frame that grows behind them
        self._job = 0
        self._sequence = 0
        self._most_chunks = 1
        self._due_ns = 0

    def put(self, job: int, sequence: int, chunk: _Buffer, now_ns: int) -> bool:
        """Send a chunk, the one after the last of its job, with the next flush; it must stay as it
        is until then. ``now_ns``: monotonic. Whether it is time to flush."""
        if self._credit == 0:
            self.flush()
            self._wait_for_credit()
        self._credit -= 1
        chunks = self._chunks
        if not chunks:
            self._job, self._sequence, self._due_ns = job, sequence, now_ns + COALESCE_NS
            self._most_chunks = 1 + _MOST_PENDING_BYTES // len(chunk)
        chunks.append(chunk)
        return now_ns > self._due_ns or len(chunks) >= self._most_chunks

    def send(self, kind: int, stage: int, job: int, sequence: int, payload: bytes = b"") -> None:
        """Send a frame that is no chunk with the next flush, behind what was put before."""
        self._frame_chunks()
        header = frame_header(kind, stage, job, self._epoch, sequence, [payload])
        self._ready.append(header + payload)

    def flush(self) -> bool:
        """Hand over to the system what is not sent yet; whether there was anything. LinkError if
        the hop broke."""
        self._frame_chunks()
        if not self._ready:
            return False
        ready, self._ready = self._ready, []
        _send_all(self._connection, ready, self._alive)
        return True

    def _frame_chunks(self) -> None:
        if self._chunks:
            chunks, self._chunks = self._chunks, []
            if len(chunks[0]) < _SMALL_BYTES:
                chunks = [b"".join(chunks)]
            self._ready.append(
                frame_header(DATA, self._stage, self._job, self._epoch, self._sequence, chunks)
            )
            self._ready += chunks

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _wait_for_credit(self) -> None:
        self._alive()
        while self._credit == 0:
            frame = self._credits.next()
            if frame is None:
                try:
                    count = self._connection.recv_into(self._credits.free_space())
                except _WOKE as woke:
                    _check_woke(woke, "sending")
                    self._alive()
                    continue
                except OSError as error:
                    raise _broken(error) from error
                if count == 0:
                    raise NeighbourGone("the receiver closed the connection")
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
            except _WOKE as woke:
                _check_woke(woke, "sending")
                alive()
                sent = 0
            if sent != sum(map(len, some)):
                _send_rest(connection, memoryview(b"".join(some))[sent:], alive)
    except OSError as error:
        raise _broken(error) from error


def _broken(error: OSError) -> LinkError:
    kind = (
        NeighbourGone if isinstance(error, (BrokenPipeError, ConnectionResetError)) else LinkError
    )
    return kind(f"sending: {error.strerror or error}")


def _check_woke(error: OSError, doing: str) -> None:
    """From Python 3.10 on a call that woke, and a connection that the kernel gave up because the
    other host does not answer, raise the same TimeoutError."""
    if error.errno == errno.ETIMEDOUT:
        raise LinkError(f"{doing}: {error.strerror}") from error


def _send_rest(connection: socket.socket, rest: memoryview, alive: Callable[[], None]) -> None:
    while rest:
        try:
            rest = rest[connection.send(rest) :]
        except _WOKE as woke:
            _check_woke(woke, "sending")
            alive()
