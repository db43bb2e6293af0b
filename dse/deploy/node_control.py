"""The client's side of the control channel: requests to node managers, and what they tell.

One thread serves the sockets of all boards: it sends heartbeats, matches answers to requests, and
notices a manager that is silent.
"""

from __future__ import annotations

import itertools
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from typing import Any

import zmq

from dse.deploy.board import NodeAddress
from dse.deploy.key_files import ClientKeys
from dse.deploy.node.manager import OWN_PAUSE_SECONDS, boot_identity
from dse.deploy.node.messages import MOST_BYTES, MessageError, decode, encode
from dse.errors import DeployError, DseError

Message = dict[str, Any]
#: Called in the control thread: it must be quick and must not wait for an answer.
Listener = Callable[["NodeControl", Message], None]

#: What a node says of its own accord.
TOLD = ("ready", "linked", "running", "ended", "output", "event", "lost")


class NodeControl:
    """One node manager. ``name``: the board's; ``readings``: what each task of ours did last, by
    task id, as of the last heartbeat; ``is_lost``: it was silent for longer than the lease."""

    def __init__(self, hub: ControlHub, name: str, address: NodeAddress) -> None:
        self.name = name
        self.address = address
        self.readings: dict[str, Message] = {}
        self.measured_offset_ns: int | None = None
        self.round_trip_ns: int | None = None
        self.shares_our_clock = False
        self.is_lost = False
        self.heard_at = time.monotonic()
        self._hub = hub

    @property
    def clock_offset_ns(self) -> int | None:
        """To be added to the node's monotonic clock to get ours, None until it is known. Nothing
        is measured where the clock is one and the same: an error of that would show."""
        return 0 if self.shares_our_clock else self.measured_offset_ns

    def request(self, kind: str, **fields: Any) -> Future[Message]:
        """Send a request; the future is its answer, or the DeployError for which it has none."""
        return self._hub.request(self, kind, fields)

    def call(self, kind: str, seconds: float = 10.0, **fields: Any) -> Message:
        """Send a request and wait for its answer. DeployError if it is refused or does not come."""
        return answer_of(self, self.request(kind, **fields), seconds)


def answer_of(node: NodeControl, future: Future[Message], seconds: float) -> Message:
    """The answer, within ``seconds``. DeployError, naming the board, if there is none."""
    try:
        return future.result(timeout=seconds)
    except FutureTimeout as error:
        raise DeployError(f"no answer in {seconds:g} s", where=f"board {node.name}") from error


class ControlHub:
    """All control channels of a client. A context manager: leaving it ends its thread.

    ``heartbeat_seconds``: how often each manager is asked for a sign of life; ``lease_seconds``:
    after how long without one it counts as lost.
    """

    def __init__(
        self, keys: ClientKeys, *, heartbeat_seconds: float = 0.25, lease_seconds: float = 3.0
    ) -> None:
        self._keys = keys
        self._heartbeat = heartbeat_seconds
        self._lease = lease_seconds
        self._context: zmq.Context[Any] = zmq.Context()
        self._numbers = itertools.count(1)
        self._orders: queue.SimpleQueue[tuple[str, NodeControl | None, Any]] = queue.SimpleQueue()
        self._wake_out, self._wake_in = os.pipe()
        os.set_blocking(self._wake_in, False)
        os.set_blocking(self._wake_out, False)
        self._listeners: list[Listener] = []
        self._listeners_lock = threading.Lock()
        self._sockets: dict[NodeControl, zmq.Socket[bytes]] = {}
        self._waiting: dict[int, tuple[NodeControl, Future[Message]]] = {}
        self._pings: dict[int, int] = {}
        #: When sockets were last looked at. Silence is judged by this and no later time: whenever
        #: this process is stopped after it, there may be words that nobody has read.
        self._looked = time.monotonic()
        self._is_closed = False
        self._is_over = False
        self._wake_lock = threading.Lock()
        self._thread = threading.Thread(target=self._serve, name="control", daemon=True)
        self._thread.start()

    def __enter__(self) -> ControlHub:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def connect(self, name: str, address: NodeAddress, seconds: float = 10.0) -> NodeControl:
        """The manager at ``address``, once it has answered. DeployError if it does not."""
        node = NodeControl(self, name, address)
        self._order("connect", node)
        try:
            told = node.call("hello", seconds, client="dse")
            node.shares_our_clock = bool(told.get("boot")) and told["boot"] == boot_identity()
        except DeployError as error:
            self._order("disconnect", node)
            raise DeployError(
                "the node manager does not answer", where=f"board {name}", expected=address.control
            ) from error
        return node

    def disconnect(self, node: NodeControl) -> None:
        """Talk to ``node`` no more."""
        self._order("disconnect", node)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Have ``listener`` called with whatever nodes tell; the result takes that back."""
        with self._listeners_lock:
            self._listeners.append(listener)

        def forget() -> None:
            with self._listeners_lock, suppress(ValueError):
                self._listeners.remove(listener)

        return forget

    def request(self, node: NodeControl, kind: str, fields: Message) -> Future[Message]:
        """See NodeControl.request."""
        future: Future[Message] = Future()
        try:
            number = next(self._numbers)
            data = encode(kind, id=number, **fields)
        except MessageError as error:
            future.set_exception(DeployError(str(error), where=f"board {node.name}"))
            return future
        self._order("send", node, (number, data, future))
        return future

    def close(self) -> None:
        """End the thread and close every socket; unanswered requests fail."""
        if self._is_closed:
            return
        self._is_closed = True
        self._order("close", None)
        self._thread.join()
        with self._wake_lock:
            self._is_over = True
            os.close(self._wake_in)
            os.close(self._wake_out)
        self._refuse_orders()
        self._context.destroy(linger=200)

    # -- the thread -----------------------------------------------------------------------------

    def _order(self, what: str, node: NodeControl | None, content: Any = None) -> None:
        self._orders.put((what, node, content))
        with self._wake_lock:
            if not self._is_over:  # else the number may be another file's by now
                with suppress(BlockingIOError):  # a full pipe wakes, too
                    os.write(self._wake_in, b"x")
                return
        self._refuse_orders()

    def _refuse_orders(self) -> None:
        """Nobody follows them any more."""
        with suppress(queue.Empty):
            while True:
                what, _, content = self._orders.get_nowait()
                if what == "send":
                    content[2].set_exception(DeployError("the deployment was closed"))

    def _serve(self) -> None:
        poller = zmq.Poller()
        poller.register(self._wake_out, zmq.POLLIN)
        next_beat = self._looked = time.monotonic()
        while True:
            left = max(0.0, next_beat - time.monotonic())
            ready = dict(poller.poll(int(left * 1000) + 1))
            away = time.monotonic() - self._looked
            self._looked += away
            if away > OWN_PAUSE_SECONDS:
                # This process was stopped: for so long nobody could be heard.
                for node in self._sockets:
                    node.heard_at += away
            if self._wake_out in ready:
                with suppress(BlockingIOError):
                    os.read(self._wake_out, 65536)
            if not self._follow_orders(poller):
                break
            for node, connection in list(self._sockets.items()):
                if connection in ready:
                    self._take(node, connection)
            if time.monotonic() >= next_beat:
                next_beat = time.monotonic() + self._heartbeat
                self._beat()
        for _, future in self._waiting.values():
            future.set_exception(DeployError("the deployment was closed"))
        for connection in self._sockets.values():
            connection.close(linger=200)

    def _follow_orders(self, poller: zmq.Poller) -> bool:
        while True:
            try:
                what, node, content = self._orders.get_nowait()
            except queue.Empty:
                return True
            if what == "close":
                return False
            assert node is not None
            if what == "connect":
                self._sockets[node] = self._dealer(node.address)
                poller.register(self._sockets[node], zmq.POLLIN)
            elif what == "disconnect":
                if node in self._sockets:
                    connection = self._sockets.pop(node)
                    poller.unregister(connection)
                    connection.close(linger=200)
                    self._fail_requests(node, "is no longer connected")
            else:
                number, data, future = content
                self._send(node, number, data, future)

    def _dealer(self, address: NodeAddress) -> zmq.Socket[bytes]:
        dealer: zmq.Socket[bytes] = self._context.socket(zmq.DEALER)
        dealer.curve_serverkey = address.server_key.encode()
        dealer.curve_publickey = self._keys.public.encode()
        dealer.curve_secretkey = self._keys.secret.encode()
        dealer.setsockopt(zmq.MAXMSGSIZE, MOST_BYTES)
        dealer.setsockopt(zmq.LINGER, 200)
        dealer.connect(address.control)
        return dealer

    def _send(self, node: NodeControl, number: int, data: bytes, future: Future[Message]) -> None:
        connection = self._sockets.get(node)
        try:
            if connection is None or node.is_lost:
                raise DeployError("is not connected", where=f"board {node.name}")
            self._waiting[number] = (node, future)
            connection.send(data, zmq.NOBLOCK)
        except zmq.ZMQError as error:
            del self._waiting[number]
            future.set_exception(DeployError(f"cannot be told: {error}", where=node.name))
        except DeployError as error:
            future.set_exception(error)

    def _take(self, node: NodeControl, connection: zmq.Socket[bytes]) -> None:
        for _ in range(1000):
            try:
                data = connection.recv(zmq.NOBLOCK)
            except zmq.ZMQError:
                return
            try:
                message = decode(data)
            except DseError:
                continue  # not of our protocol: it says nothing
            if not node.is_lost:
                node.heard_at = self._looked
            number = message.get("re")
            if isinstance(number, int):
                self._answered(node, number, message)
            elif message["type"] in TOLD:
                self._tell(node, message)

    def _answered(self, node: NodeControl, number: int, message: Message) -> None:
        if number in self._pings:
            self._pong(node, self._pings.pop(number), message)
            return
        found = self._waiting.pop(number, None)
        if found is None:
            return
        if message["type"] == "ok":
            found[1].set_result(message)
        else:
            reason = str(message.get("reason", message["type"]))
            found[1].set_exception(DeployError(reason, where=f"board {node.name}"))

    def _beat(self) -> None:
        for node, connection in self._sockets.items():
            if node.is_lost:
                continue
            if self._looked - node.heard_at > self._lease:
                node.is_lost = True
                self._fail_requests(node, f"silent for {self._lease:g} s")
                self._tell(node, {"type": "lost"})
                continue
            number = next(self._numbers)
            self._pings[number] = time.monotonic_ns()
            with suppress(zmq.ZMQError):
                connection.send(encode("ping", id=number), zmq.NOBLOCK)

    def _pong(self, node: NodeControl, sent: int, message: Message) -> None:
        now = time.monotonic_ns()
        if isinstance(message.get("tasks"), dict):
            node.readings = message["tasks"]
        there = message.get("clock_ns")
        if node.round_trip_ns is not None and now - sent >= node.round_trip_ns:
            return
        # The quickest round trip tells the time best.
        node.round_trip_ns = now - sent
        if isinstance(there, int):
            node.measured_offset_ns = (sent + now) // 2 - there

    def _fail_requests(self, node: NodeControl, reason: str) -> None:
        for number, (asked, future) in list(self._waiting.items()):
            if asked is node:
                del self._waiting[number]
                future.set_exception(DeployError(reason, where=f"board {node.name}"))

    def _tell(self, node: NodeControl, message: Message) -> None:
        with self._listeners_lock:
            listeners: Sequence[Listener] = list(self._listeners)
        for listener in listeners:
            try:
                listener(node, message)
            except Exception:
                # What one listener makes of it must not cost the others their heartbeats.
                threading.excepthook(threading.ExceptHookArgs([*sys.exc_info(), self._thread]))
