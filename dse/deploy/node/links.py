"""Setting up a hop: a TCP connection whose two ends have proved that they belong together.

The client (the pipeline's coordinator) gives both ends of a hop the same secret and a nonce that
is used once, over the control channel. The hello, all sizes fixed:

    connector  "DSEH" | version u8 | hop u16 | pipeline 16s | epoch u32 | nonce 32s
    acceptor   "DSEA" | nonce 32s | HMAC-SHA256(secret, "accept" | manager's nonce | hello | nonce)
    connector  HMAC-SHA256(secret, "connect" | manager's nonce | hello | acceptor's nonce)

Until the last of these has been checked nothing of the stage changes: a connection that says
anything else, or nothing, is closed. With TLS both ends have the same certificate and take no
other.
"""

from __future__ import annotations

import hmac
import os
import select
import socket
import ssl
import struct
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import List, Optional

from dse.errors import DseError

_HELLO = struct.Struct("<4sBH16sI32s")
_ANSWER = struct.Struct("<4s32s32s")
_VERSION = 1
_NONCE_BYTES = 32
#: Seconds that whoever connects may take for its hello, and again for its proof.
_HELLO_SECONDS = 3.0
#: Connections whose hello is being read at a time.
_MOST_PENDING = 16
_BACKLOG = 128
#: Seconds after which a blocking call on a hop returns to say that the thread is alive.
WAKE_SECONDS = 0.25


class LinkError(DseError):
    """A hop cannot be set up, or broke."""


class NeighbourGone(LinkError):
    """The other end closed the hop: whatever made it do so is the cause of this."""


class HopKey:
    """What both ends of a hop were told. ``secret`` and ``nonce``: 32 bytes each; ``pipeline``: 16
    bytes; ``tls``: a context for this end, None for plain TCP."""

    def __init__(
        self,
        hop: int,
        pipeline: bytes,
        epoch: int,
        secret: bytes,
        nonce: bytes,
        tls: Optional[ssl.SSLContext] = None,
    ) -> None:
        self.hop = hop
        self.pipeline = pipeline
        self.epoch = epoch
        self._secret = secret
        self._nonce = nonce
        self.tls = tls

    def hello(self) -> bytes:
        """The connector's first words, with a nonce of its own."""
        return _HELLO.pack(
            b"DSEH", _VERSION, self.hop, self.pipeline, self.epoch, os.urandom(_NONCE_BYTES)
        )

    def is_ours(self, hello: bytes) -> bool:
        """Whether it is for this hop of this pipeline in this epoch."""
        magic, version, hop, pipeline, epoch, _ = _HELLO.unpack(hello)
        return (magic, version, hop, pipeline, epoch) == (
            b"DSEH",
            _VERSION,
            self.hop,
            self.pipeline,
            self.epoch,
        )

    def proof(self, role: bytes, hello: bytes, nonce: bytes) -> bytes:
        """HMAC of the end that plays ``role``."""
        return hmac.new(self._secret, role + self._nonce + hello + nonce, "sha256").digest()


def tls_context(certificate: Path, server: bool) -> ssl.SSLContext:
    """For one end of a hop. ``certificate``: PEM file with the key and the certificate that both
    ends have. TLS 1.2 or later; the other end must show the same certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_cert_chain(str(certificate))
        context.load_verify_locations(str(certificate))
    except (OSError, ssl.SSLError) as error:
        raise LinkError(f"not a certificate: {error}", where=certificate) from error
    return context


def listen(host: str) -> socket.socket:
    """A listening socket on a free port of ``host``."""
    try:
        return socket.create_server((host, 0), backlog=_BACKLOG)
    except OSError as error:
        raise LinkError(f"cannot listen: {error.strerror or error}", where=host) from error


def connect(address: tuple[str, int], key: HopKey, seconds: float) -> socket.socket:
    """The hop's connection, from the connecting side. LinkError if it is not up in ``seconds``."""
    where = f"{address[0]}:{address[1]}"
    connection: Optional[socket.socket] = None
    try:
        connection = socket.create_connection(address, timeout=seconds)
        if key.tls is not None:
            connection = key.tls.wrap_socket(connection)
        hello = key.hello()
        connection.sendall(hello)
        magic, nonce, proof = _ANSWER.unpack(_exactly(connection, _ANSWER.size, seconds))
        expected = key.proof(b"accept", hello, nonce)
        if magic != b"DSEA" or not hmac.compare_digest(proof, expected):
            raise LinkError(f"hop {key.hop}: the other end does not know its secret", where=where)
        connection.sendall(key.proof(b"connect", hello, nonce))
        prepare(connection)
        return connection
    except (OSError, LinkError) as error:
        if connection is not None:
            connection.close()
        if isinstance(error, LinkError):
            raise
        raise LinkError(
            f"hop {key.hop}: no connection: {error.strerror or error}", where=where
        ) from error


def accept(listener: socket.socket, key: HopKey, seconds: float) -> socket.socket:
    """The hop's connection, from the accepting side. LinkError if none came in ``seconds``.

    Whoever connects and cannot prove to be the other end is turned away, and the wait goes on; one
    who says nothing holds up nobody.
    """
    deadline = time.monotonic() + seconds
    listener.settimeout(0)
    applicants = _Applicants(key)
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    poll.register(applicants.found, select.POLLIN)
    try:
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise LinkError(f"hop {key.hop}: nobody connected in {seconds:g} s")
            for descriptor, _ in poll.poll(left * 1000 + 1):
                if descriptor != listener.fileno():
                    return applicants.take()
                try:
                    connection, _ = listener.accept()
                except (BlockingIOError, ConnectionAbortedError):
                    continue  # it is gone again
                except OSError as error:
                    raise LinkError(f"hop {key.hop}: {error.strerror or error}") from error
                applicants.add(connection)
    finally:
        applicants.close()


class _Applicants:
    """Who has connected and is asked for a proof, each in a thread. ``found`` becomes readable when
    one has given it."""

    def __init__(self, key: HopKey) -> None:
        self._key = key
        self._lock = threading.Lock()
        self._pending: List[socket.socket] = []  # in the order in which they came
        self._proven: Optional[socket.socket] = None
        self._is_over = False
        self.found, self._tell = socket.socketpair()

    def add(self, connection: socket.socket) -> None:
        """Ask one more. Of too many, the one who has been silent longest goes: honest ones are
        quick."""
        try:
            connection.settimeout(_HELLO_SECONDS)
            if self._key.tls is not None:
                connection = self._key.tls.wrap_socket(
                    connection, server_side=True, do_handshake_on_connect=False
                )
        except OSError:
            connection.close()
            return
        with self._lock:
            self._pending.append(connection)
            while len(self._pending) > _MOST_PENDING:
                _hang_up(self._pending.pop(0))
        threading.Thread(target=self._examine, args=(connection,), daemon=True).start()

    def take(self) -> socket.socket:
        """The one who has given the proof."""
        with self._lock:
            proven, self._proven = self._proven, None
        assert proven is not None
        return proven

    def close(self) -> None:
        """Hang up on all others."""
        with self._lock:
            self._is_over = True
            for connection in self._pending:
                _hang_up(connection)
            if self._proven is not None:
                self._proven.close()
            self.found.close()
            self._tell.close()

    def _examine(self, connection: socket.socket) -> None:
        is_proven = _welcome(connection, self._key)
        with self._lock:
            if connection in self._pending:
                self._pending.remove(connection)
            if is_proven and not self._is_over and self._proven is None:
                self._proven = connection
                self._tell.send(b"x")
            else:
                connection.close()


def _hang_up(connection: socket.socket) -> None:
    """End it for the thread that waits for its words, which closes it then."""
    with suppress(OSError):
        # Not the method of an SSLSocket, which takes away what that thread is using.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _welcome(connection: socket.socket, key: HopKey) -> bool:
    """Whether the other end proves what it should."""
    try:
        if isinstance(connection, ssl.SSLSocket):
            connection.do_handshake()
        hello = _exactly(connection, _HELLO.size, _HELLO_SECONDS)
        if not key.is_ours(hello):
            return False
        nonce = os.urandom(_NONCE_BYTES)
        connection.sendall(_ANSWER.pack(b"DSEA", nonce, key.proof(b"accept", hello, nonce)))
        proof = _exactly(connection, 32, _HELLO_SECONDS)
        if not hmac.compare_digest(proof, key.proof(b"connect", hello, nonce)):
            return False
        prepare(connection)
    except (OSError, ValueError, LinkError):  # ValueError: hung up on before the handshake
        return False
    return True


def _exactly(connection: socket.socket, count: int, seconds: float) -> bytes:
    """So many bytes, within ``seconds``."""
    data = b""
    deadline = time.monotonic() + seconds
    while len(data) < count:
        left = deadline - time.monotonic()
        if left <= 0:
            raise LinkError("the hello is too slow")
        connection.settimeout(left)
        piece = connection.recv(count - len(data))
        if not piece:
            raise LinkError("the other end closed the connection")
        data += piece
    return data


def prepare(connection: socket.socket) -> None:
    """Options of every hop: no delay, a dead peer is noticed, calls return to tell that we live."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # A peer whose host is gone: noticed within 5 s, whether we wait for it or send to it.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 2)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 5000)
    if isinstance(connection, ssl.SSLSocket):
        connection.settimeout(WAKE_SECONDS)
        return
    # Cheaper than settimeout(), which puts a poll() before every call.
    connection.settimeout(None)
    wake = struct.pack("@ll", 0, int(WAKE_SECONDS * 1e6))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, wake)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, wake)
