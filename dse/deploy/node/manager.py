"""The node manager: orchestrates the tasks and jobs of one board.

One thread and one loop: requests of clients, words of the tasks, their progress, leases. A client
that is not heard of for the length of the lease is taken for dead, and its tasks end.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Set, Tuple

import zmq

from dse.deploy.node.child import Child, Limits
from dse.deploy.node.messages import MOST_BYTES, MessageError, decode_request, encode
from dse.errors import DseError

#: Milliseconds between two looks at the tasks' progress.
_TICK_MS = 50
#: Who watches others and finds that it did not itself look for longer than this, was away.
OWN_PAUSE_SECONDS = 1.0
#: Seconds that a task has to end when it is asked to.
GRACE_SECONDS = 2.0
#: The same when the manager ends, too: who waits for it waits for 2 s.
_LAST_GRACE_SECONDS = 1.0


class Refused(DseError):
    """A request that cannot be met; nothing has changed."""


class Resources(NamedTuple):
    """What a board has for tasks: thousandths of a processor, and FPGAs."""

    cpu: int
    fpga: int = 1


class NodeManager:
    """Serves the ROUTER socket ``router``. ``folder``: the board's working folder; ``code``: what
    tasks have on their PYTHONPATH; ``lease_seconds``: how long a silent client is waited for."""

    def __init__(
        self,
        router: zmq.Socket[bytes],
        folder: Path,
        code: str,
        lease_seconds: float,
        resources: Optional[Resources] = None,
    ) -> None:
        self._router = router
        self._folder = folder
        self._code = code
        self._lease = lease_seconds
        self._resources = resources or Resources(1000 * (os.cpu_count() or 1))
        self._children: Dict[str, Child] = {}
        self._unsent: List[Tuple[bytes, bytes]] = []
        self._at_end: Set[Child] = set()  # of these: no channel any more, not seen to end yet
        self._clients: Dict[bytes, float] = {}
        self._poller = zmq.Poller()
        self._poller.register(router, zmq.POLLIN)

    def serve(self, stop_descriptor: int) -> None:
        """Until ``stop_descriptor`` ends; then every task is ended, too."""
        self._poller.register(stop_descriptor, zmq.POLLIN)
        try:
            looked = time.monotonic()
            while True:
                ready = dict(self._poller.poll(_TICK_MS))
                away = time.monotonic() - looked
                looked += away
                if away > OWN_PAUSE_SECONDS:
                    self._excuse(away)
                if stop_descriptor in ready and not os.read(stop_descriptor, 4096):
                    return
                # Requests first: after a pause of ours (SIGSTOP) a client's pings are waiting here.
                self._take_requests()
                self._hear_children(ready)
                self._watch()
                if self._unsent:
                    self._send_again()
        finally:
            self._end_all()

    def _excuse(self, seconds: float) -> None:
        """This process did not run for so long (SIGSTOP, a suspended machine): nobody's silence."""
        for client in self._clients:
            self._clients[client] += seconds
        for child in self._children.values():
            child.excuse(seconds)

    # -- requests -------------------------------------------------------------------------------

    def _take_requests(self) -> None:
        for _ in range(100):
            try:
                parts = self._router.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            if len(parts) != 2:
                continue
            client, data = parts
            number: Optional[int] = None
            try:
                number, request = decode_request(data)
                self._clients[client] = time.monotonic()
                answer = getattr(self, "_on_" + request["type"])(client, number, request)
            except DseError as error:
                kind = "malformed" if isinstance(error, MessageError) else "refused"
                self._send(client, kind, re=number, reason=str(error))
                continue
            except Exception as error:
                # Of the right form, and nonsense all the same (a path with a NUL): no message
                # ends the manager.
                reason = f"{type(error).__name__}: {error}"[:300]
                self._send(client, "refused", re=number, reason=reason)
                continue
            if answer is not None:
                self._send(client, "ok", re=number, **answer)

    def _on_hello(self, client: bytes, number: int, request: Dict[str, Any]) -> Dict[str, Any]:
        return {
            "python": sys.version.split()[0],
            "lease_seconds": self._lease,
            "cpu": self._resources.cpu,
            "fpga": self._resources.fpga,
            "boot": boot_identity(),
        }

    def _on_ping(self, client: bytes, number: int, request: Dict[str, Any]) -> Dict[str, Any]:
        tasks = {}
        for child in self._of(client):
            reading = child.progress.read()
            tasks[child.task] = {
                "state": reading.state_name,
                "counter": reading.counter,
                "job": reading.job,
                "sequence": reading.sequence,
                "idle_seconds": round(child.idle_seconds, 3),
                "lost": child.lost,
            }
        return {"clock_ns": time.monotonic_ns(), "tasks": tasks}

    def _on_spawn(self, client: bytes, number: int, request: Dict[str, Any]) -> Dict[str, Any]:
        task = request["task"]
        if task in self._children:
            raise Refused(f"there is a task {task!r} already")
        main = Path(request["main"])
        if self._folder not in main.resolve().parents or not main.is_file():
            raise Refused(
                "not a program in the board's folder", where=main, expected=str(self._folder)
            )
        self._admit(request)
        limits = {name: request["limits"].get(name, value) for name, value in _DEFAULTS.items()}
        if set(request["limits"]) - set(_DEFAULTS) or not all(
            isinstance(value, (int, float)) and 0 < value < 1e9 for value in limits.values()
        ):
            raise Refused("limits are seconds", choices=_DEFAULTS)
        log = self._folder / "logs" / f"{_file_name(request['name'])}-{_file_name(task)}.log"
        spawn = {**request, "limits": limits}
        child = Child(client, spawn, log, self._code)
        self._children[task] = child
        self._poller.register(child.channel.fileno(), zmq.POLLIN)
        return {"pid": child.pid}

    def _on_link(self, client: bytes, number: int, request: Dict[str, Any]) -> None:
        self._pass_on(client, request)

    def _on_run(self, client: bytes, number: int, request: Dict[str, Any]) -> None:
        self._pass_on(client, request)

    def _on_timings(self, client: bytes, number: int, request: Dict[str, Any]) -> None:
        self._pass_on(client, {**request, "re": number})

    def _on_stop(self, client: bytes, number: int, request: Dict[str, Any]) -> Dict[str, Any]:
        child = self._children.get(request["task"])
        if child is not None and child.owner == client:
            child.stop(GRACE_SECONDS)
        # The end itself is told by `ended`; a task that is gone already is stopped.
        return {"running": child is not None}

    def _on_event(self, client: bytes, number: int, request: Dict[str, Any]) -> Dict[str, Any]:
        told = 0
        for child in self._of(client):
            spawn = child.spawn
            if (
                spawn["app"] == request["app"]
                and request["to"] in (None, spawn["name"])
                and request["peer"] in (None, spawn["peer"])
                and child.task != request["source"]
            ):
                told += child.tell(
                    {"type": "event", "event": request["event"], "data": request["data"]}
                )
        return {"told": told}

    def _pass_on(self, client: bytes, request: Dict[str, Any]) -> None:
        child = self._children.get(request["task"])
        if child is None or child.owner != client:
            raise Refused(f"there is no task {request['task']!r}", choices=self._names(client))
        if not child.tell({key: value for key, value in request.items() if key not in ("v", "id")}):
            raise Refused(f"task {request['task']!r} does not listen")

    def _admit(self, request: Dict[str, Any]) -> None:
        for resource in ("cpu", "fpga"):
            wanted = request[resource]
            taken = sum(child.spawn[resource] for child in self._children.values())
            free = getattr(self._resources, resource) - taken
            if wanted < 0 or wanted > free:
                raise Refused(
                    f"{request['name']} asks for {resource} {wanted}, {free} is free",
                    expected=f"{getattr(self._resources, resource)} on this board in all",
                )

    # -- tasks ----------------------------------------------------------------------------------

    def _hear_children(self, ready: Dict[Any, int]) -> None:
        for child in list(self._children.values()):
            if child not in self._at_end and child.channel.fileno() in ready:
                self._hear(child)

    def _hear(self, child: Child) -> None:
        try:
            messages = child.channel.read()
        except ValueError as error:
            child.fail(f"it broke the protocol: {error}", "protocol")
            child.kill()
            return
        if messages is None:
            self._bury(child)
            return
        for message in messages:
            kind = str(message.get("type"))
            fields = {name: message.get(name) for name in _PASSED_ON.get(kind, ())}
            if kind == "failed":
                child.fail(str(message.get("reason")), str(message.get("cause")))
            elif kind == "timings":
                self._send(child.owner, "ok", re=message.get("re"), times=message.get("times"))
            elif kind == "event":
                self._send_word(child, kind, source=child.task, **fields)
            elif kind == "output":
                of = {name: child.spawn[name] for name in ("name", "peer")}
                self._send_word(child, kind, task=child.task, **of, **fields)
            elif kind in _PASSED_ON:
                self._send(child.owner, kind, task=child.task, **fields)

    def _watch(self) -> None:
        for child in list(self._children.values()):
            if child in self._at_end:
                self._bury(child)
            elif child.exit_code() is not None:
                # What it said last may still be in the channel.
                while child.task in self._children and child not in self._at_end:
                    self._hear(child)
            else:
                child.watch()
        now = time.monotonic()
        for client in [one for one, seen in self._clients.items() if now - seen > self._lease]:
            del self._clients[client]
            for child in self._of(client):
                child.fail(f"its client was silent for {self._lease:g} s", "lease")
                child.stop(GRACE_SECONDS)

    def _bury(self, child: Child) -> None:
        """The channel is at its end, so the process is at its, or it closed what it may not."""
        if child not in self._at_end:
            self._poller.unregister(child.channel.fileno())
            self._at_end.add(child)
            deadline = time.monotonic() + 0.5
            while child.exit_code() is None and time.monotonic() < deadline:
                time.sleep(0.005)
            if child.exit_code() is None and not child.is_stopping:
                child.fail("it went on without its channel to the node manager", "protocol")
            child.kill()
        if child.exit_code() is None:
            return  # the kernel has not ended it yet: asked again with the next tick
        self._at_end.discard(child)
        del self._children[child.task]
        reason = child.bury()
        self._send(
            child.owner,
            "ended",
            task=child.task,
            reason=reason,
            cause=child.cause,
            lost=child.lost,
        )

    def _end_all(self) -> None:
        for child in self._children.values():
            child.stop(_LAST_GRACE_SECONDS)
        while self._children:
            for child in list(self._children.values()):
                if child.exit_code() is not None:
                    self._bury(child)
                else:
                    child.watch()
            time.sleep(0.01)

    def _of(self, client: bytes) -> List[Child]:
        return [child for child in self._children.values() if child.owner == client]

    def _names(self, client: bytes) -> List[str]:
        return [child.task for child in self._of(client)]

    def _send_word(self, child: Child, kind: str, **fields: Any) -> None:
        """What a task wants to be passed on; it may talk faster than its client listens."""
        if not self._send(child.owner, kind, app=child.spawn["app"], **fields):
            child.lost[kind] += 1

    def _send(self, client: bytes, kind: str, **fields: Any) -> bool:
        """Whether it could be sent."""
        try:
            data = encode(kind, **fields)
            self._router.send_multipart([client, data], zmq.NOBLOCK)
            return True
        except zmq.Again:
            # It reads slower than its tasks talk. That one ended it must know; the rest may go.
            if kind == "ended" and client in self._clients:
                self._unsent.append((client, data))
            else:
                _note(f"a {kind} message was not sent: the client does not read")
        except (zmq.ZMQError, MessageError) as error:
            _note(f"a {kind} message was not sent: {error}")  # the client is gone
        return False

    def _send_again(self) -> None:
        unsent, self._unsent = self._unsent, []
        for client, data in unsent:
            try:
                self._router.send_multipart([client, data], zmq.NOBLOCK)
            except zmq.Again:
                if client in self._clients:
                    self._unsent.append((client, data))
            except zmq.ZMQError:
                continue


def _note(text: str) -> None:
    with suppress(OSError):  # the disk with the log may be full
        print(text, file=sys.stderr, flush=True)


def boot_identity() -> str:
    """Names this run of this machine's kernel: two that say the same have one monotonic clock."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


_DEFAULTS = Limits()._asdict()

#: What a task says that is passed on to its client: type -> fields.
_PASSED_ON = {
    "ready": ("port", "manifest"),
    "linked": ("hop",),
    "running": (),
    "output": ("data",),
    "event": ("event", "to", "peer", "data"),
}


def _file_name(text: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in text)[:80]


def bind_router(
    host: str, public_key: bytes, secret_key: bytes, context: zmq.Context[Any]
) -> "tuple[zmq.Socket[bytes], int]":
    """A ROUTER socket on a free port of ``host`` that speaks CURVE only; the port, too."""
    router: zmq.Socket[bytes] = context.socket(zmq.ROUTER)
    router.curve_server = True
    router.curve_publickey = public_key
    router.curve_secretkey = secret_key
    router.setsockopt(zmq.MAXMSGSIZE, MOST_BYTES)
    router.setsockopt(zmq.LINGER, 500)
    router.setsockopt(zmq.HANDSHAKE_IVL, 5000)
    # A message to a client that does not read, or is gone, is an error and not nothing.
    router.setsockopt(zmq.ROUTER_MANDATORY, 1)
    # Another client that claims a name that is taken does not get it.
    router.setsockopt(zmq.ROUTER_HANDOVER, 0)
    port = router.bind_to_random_port(f"tcp://{host}")
    return router, port
