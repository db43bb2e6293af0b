"""The service's socket: takes requests of clients, one job after the other, and answers them.

A thread of its own serves it, so clients are answered while a job runs. Memory is bounded: by the
length of a message, and by how many requests, and bytes, wait.
"""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import zmq
from zmq.auth.thread import ThreadAuthenticator

from dse.deploy.infer_messages import MOST_PART_BYTES, decode_infer
from dse.deploy.key_files import ClientKeys
from dse.deploy.node.messages import encode
from dse.errors import DeployError, DseError

MOST_WAITING = 32
MOST_WAITING_BYTES = 1 << 26
_TICK_MS = 500


@dataclass(frozen=True, eq=False)
class InferRequest:
    """``pixels``: uint8, ``images`` of them; ``client``: ZeroMQ's name of who asks."""

    client: bytes
    number: int
    images: int
    pixels: bytes


class InferService:
    """Listens at ``address`` once it is made. A context manager: leaving it ends it, and tells
    those who wait.

    ``keys``: of the service; ``client_key``: public key of those who may ask. ``port`` 0: any.
    ``image_bytes``: of one image. Raises DeployError where it cannot listen. ``refused``,
    ``vanished``: how many requests were refused, and how many clients went away before they had
    their answer.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        keys: ClientKeys,
        client_key: str,
        image_bytes: int,
        most_waiting: int = MOST_WAITING,
        most_waiting_bytes: int = MOST_WAITING_BYTES,
    ) -> None:
        self.refused = 0
        self.vanished = 0
        self._image_bytes = image_bytes
        self._most_waiting = most_waiting
        self._most_waiting_bytes = most_waiting_bytes
        self._waiting: deque[InferRequest] = deque()
        self._current: InferRequest | None = None
        self._handed: queue.SimpleQueue[InferRequest] = queue.SimpleQueue()
        self._orders: queue.SimpleQueue[tuple[bytes, ...] | None] = queue.SimpleQueue()
        self._is_closed = False
        self._context: zmq.Context[Any] = zmq.Context()
        self._authenticator = ThreadAuthenticator(self._context)
        self._authenticator.start()
        self._authenticator.configure_curve_callback(
            domain="*", credentials_provider=_OneKey(client_key)
        )
        self._router = self._listen(host, port, keys)
        self._wake_out, self._wake_in = os.pipe()
        os.set_blocking(self._wake_in, False)
        os.set_blocking(self._wake_out, False)
        self._thread = threading.Thread(target=self._serve, name="service", daemon=True)
        self._thread.start()

    def __enter__(self) -> InferService:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def port(self) -> int:
        """On which it listens."""
        return self._port

    def next_request(self, seconds: float) -> InferRequest | None:
        """The next job, once the last one was answered; None if there is none in time."""
        with suppress(queue.Empty):
            return self._handed.get(timeout=seconds)
        return None

    def answer(self, request: InferRequest, kind: str, *parts: bytes, **fields: Any) -> None:
        """Answer the current request, with ``done`` or ``failed`` (dse/deploy/infer_messages.py);
        the next one can then be had."""
        header = encode(kind, re=request.number, **fields)
        self._order((request.client, header, *parts))

    def close(self) -> None:
        """Refuse all that wait, end the thread, close the socket. May be called twice."""
        if self._is_closed:
            return
        self._is_closed = True
        self._order(None)
        self._thread.join()
        self._authenticator.stop()
        os.close(self._wake_in)
        os.close(self._wake_out)
        self._context.destroy(linger=500)

    # -- inside ---------------------------------------------------------------------------------

    def _listen(self, host: str, port: int, keys: ClientKeys) -> zmq.Socket[bytes]:
        router: zmq.Socket[bytes] = self._context.socket(zmq.ROUTER)
        router.curve_server = True
        router.curve_publickey = keys.public.encode()
        router.curve_secretkey = keys.secret.encode()
        router.setsockopt(zmq.MAXMSGSIZE, MOST_PART_BYTES)
        router.setsockopt(zmq.LINGER, 500)
        router.setsockopt(zmq.HANDSHAKE_IVL, 5000)
        # Of each client a few messages at a time are taken in, the rest is kept on its side.
        router.setsockopt(zmq.RCVHWM, 4)
        # A client that is gone is an error, and not nothing: its job is not computed.
        router.setsockopt(zmq.ROUTER_MANDATORY, 1)
        place = f"[{host}]" if ":" in host else host
        if ":" in host:
            router.setsockopt(zmq.IPV6, 1)
        try:
            if port:
                router.bind(f"tcp://{place}:{port}")
                self._port = port
            else:
                self._port = router.bind_to_random_port(f"tcp://{place}")
        except zmq.ZMQError as error:
            self._authenticator.stop()
            self._context.destroy(linger=0)
            reason = zmq.strerror(error.errno or 0)
            raise DeployError(f"cannot listen: {reason}", where=f"{place}:{port or '*'}") from error
        return router

    def _order(self, order: tuple[bytes, ...] | None) -> None:
        self._orders.put(order)
        with suppress(BlockingIOError, OSError):  # a full pipe wakes, too
            os.write(self._wake_in, b"x")

    def _serve(self) -> None:
        poller = zmq.Poller()
        poller.register(self._wake_out, zmq.POLLIN)
        poller.register(self._router, zmq.POLLIN)
        while True:
            ready = dict(poller.poll(_TICK_MS))
            if self._wake_out in ready:
                with suppress(BlockingIOError):
                    os.read(self._wake_out, 65536)
            if not self._follow_orders():
                break
            for _ in range(100):
                try:
                    client, *parts = self._router.recv_multipart(zmq.NOBLOCK)
                except zmq.Again:
                    break
                self._take(client, parts)
            self._hand_on()
        left = [] if self._current is None else [self._current]
        for request in (*left, *self._waiting):
            self._say(request.client, "refused", re=request.number, reason="the service has ended")
        self._router.close(linger=500)

    def _follow_orders(self) -> bool:
        while True:
            try:
                order = self._orders.get_nowait()
            except queue.Empty:
                return True
            if order is None:
                return False
            self._current = None
            self.vanished += not self._send(*order)

    def _take(self, client: bytes, parts: list[bytes]) -> None:
        try:
            number, kind, images, pixels = decode_infer(parts, self._image_bytes)
        except DseError as error:
            self._say(client, "refused", re=None, reason=str(error))
            return
        except Exception as error:  # whatever a decoder makes of bytes from outside
            self._say(client, "refused", re=None, reason=type(error).__name__)
            return
        if kind == "ping":
            self._say(client, "pong", re=number)
            return
        request = InferRequest(client, number, images, pixels)
        if not self._has_room(request):
            self._drop_vanished()
        if self._has_room(request):
            self._waiting.append(request)
            self._hand_on()
            if self._waiting:
                self._say(client, "queued", re=number, ahead=len(self._waiting))
        else:
            self.refused += 1
            reason = f"the service is busy: {len(self._waiting)} jobs wait already"
            self._say(client, "refused", re=number, reason=reason)

    def _has_room(self, request: InferRequest) -> bool:
        waiting = sum(len(one.pixels) for one in self._waiting)
        return (
            len(self._waiting) < self._most_waiting
            and waiting + len(request.pixels) <= self._most_waiting_bytes
        )

    def _drop_vanished(self) -> None:
        for ahead, request in enumerate(list(self._waiting), 1):
            if not self._say(request.client, "queued", re=request.number, ahead=ahead):
                self._waiting.remove(request)
                self.vanished += 1

    def _hand_on(self) -> None:
        while self._current is None and self._waiting:
            request = self._waiting.popleft()
            if self._say(request.client, "started", re=request.number):
                self._current = request
                self._handed.put(request)
            else:
                self.vanished += 1

    def _say(self, client: bytes, kind: str, **fields: Any) -> bool:
        return self._send(client, encode(kind, **fields))

    def _send(self, *parts: bytes) -> bool:
        try:
            self._router.send_multipart(parts, zmq.NOBLOCK)
        except zmq.ZMQError:
            return False  # gone, or it does not read: there is nobody to answer
        return True


class _OneKey:
    """Admits one public key, z85."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def callback(self, domain: str, key: bytes) -> bool:
        """pyzmq's question, in the authenticator's thread."""
        return key == self._key
