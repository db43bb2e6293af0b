"""A task's or job's process: what it does between the node manager's messages.

Messages to it: ``config`` (the first), ``link``, ``run``, ``timings``, ``event``, ``stop``; from
it: ``ready``, ``linked``, ``running``, ``timings``, ``event``, ``output``, ``failed``
(docs/protocol.md).
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import traceback
from collections import deque
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Callable, Deque, Dict, List, NoReturn, Optional

from dse.deploy.node.bell import Bell
from dse.deploy.node.fard import FardJob, FardTask
from dse.deploy.node.json_channel import JsonChannel
from dse.deploy.node.links import (
    WAKE_SECONDS,
    HopKey,
    LinkError,
    NeighbourGone,
    accept,
    connect,
    listen,
    tls_context,
)
from dse.deploy.node.progress import LINKING, LOADING, READY, UNWATCHED, Progress
from dse.deploy.node.stage_loop import Ahead, StageError, StageLoop
from dse.errors import DseError

CONTROL_VARIABLE = "DSE_CONTROL_DESCRIPTOR"
PROGRESS_VARIABLE = "DSE_PROGRESS_DESCRIPTOR"

#: Exit code of a task whose failure was told to the node manager.
EXIT_FAILED = 1


def run_task(task: FardTask, app_id: Optional[str], task_id: Optional[str]) -> NoReturn:
    """Serve the node manager until the task ends; then exit."""
    if CONTROL_VARIABLE not in os.environ:
        print("this program is started by a node manager (dse deploy)", file=sys.stderr)
        raise SystemExit(2)
    channel = JsonChannel.from_descriptor(int(os.environ.pop(CONTROL_VARIABLE)))
    progress = Progress(int(os.environ.pop(PROGRESS_VARIABLE)))
    container = TaskContainer(task, channel, progress)
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the client's; it tells us
    code = 0
    try:
        container.serve()
    except _Stopped:
        pass
    except BaseException as error:
        code = EXIT_FAILED
        said = str(error) if isinstance(error, DseError) else f"{type(error).__name__}: {error}"
        container.report_failure(said, _cause(error))
        _log_traceback()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        task.stop()
    except Exception:
        _log_traceback()
    with suppress(OSError):
        sys.stdout.flush()
    # Whatever the task left running (a thread, a program) ends with it.
    os._exit(code)


def _cause(error: BaseException) -> str:
    if isinstance(error, NeighbourGone):
        return "neighbour"
    return "link" if isinstance(error, LinkError) else "task"


class ProgramError(DseError):
    """The program is not of the kind that app.yaml says it is."""


def _check_program(task: FardTask, config: Dict[str, Any]) -> None:
    # Only who is a stage is told of a pipeline (app.yaml cannot).
    if "pipeline" in config and not isinstance(task, FardJob):
        raise ProgramError("its program is a task, not a FardJob")
    if "pipeline" not in config and isinstance(task, FardJob):
        raise ProgramError("its program is a FardJob, not a task: it belongs into jobs")


class _Stopped(BaseException):
    """SIGTERM: the manager wants this process to end."""


def _stop(number: int, frame: Any) -> None:
    raise _Stopped


def _log_traceback() -> None:
    # The disk with the log may be full.
    with suppress(OSError):
        traceback.print_exc()
        sys.stderr.flush()


class TaskContainer:
    """One task in its process."""

    def __init__(self, task: FardTask, channel: JsonChannel, progress: Progress) -> None:
        self._task = task
        self._channel = channel
        self._progress = progress
        self._orders: Deque[Dict[str, Any]] = deque()
        self._ordered = Bell()
        self._loop: Optional[StageLoop] = None

    def serve(self) -> None:
        """From the configuration to the end of the task."""
        self._progress.report(LOADING)
        threading.Thread(target=self._listen, name="control", daemon=True).start()
        while not self._ordered.wait(3600.0):
            continue  # the manager says it at once, or is gone, and we with it
        config = self._orders.popleft()
        task = self._task
        task.task_name = task.task_name or str(config["name"])
        task.app_name = task.app_name or str(config["app"])
        _check_program(task, config["config"])
        task._attach(self)
        task._parse_config(config["config"])
        task.setup()
        if isinstance(task, FardJob):
            self._serve_job(task, config["config"]["pipeline"])
        else:
            self._progress.report(UNWATCHED)
            self._channel.send({"type": "ready"})
            task.run()

    def _serve_job(self, job: FardJob, pipeline: Dict[str, Any]) -> None:
        listener = listen(pipeline["bind"])
        self._progress.report(READY)
        self._channel.send(
            {
                "type": "ready",
                "port": listener.getsockname()[1],
                "manifest": job.manifest,
            }
        )
        position = int(pipeline["position"])
        connections: Dict[int, socket.socket] = {}
        # Hops are numbered by the stage that they lead into; ours are these two.
        while len(connections) < 2:
            order = self._next_order("link")
            if order is None:
                return
            hop = int(order["hop"])
            if hop not in (position, position + 1) or hop in connections:
                raise StageError(f"stage {position} was told to set up hop {hop}")
            connections[hop] = self._watched(partial(self._link, order, listener, pipeline))
            self._channel.send({"type": "linked", "hop": hop})
        listener.close()
        if self._next_order("run") is None:
            return
        self._loop = StageLoop(
            job.process,
            position,
            int(pipeline["epoch"]),
            (int(pipeline["input_bytes"]), int(pipeline["output_bytes"])),
            int(pipeline["window"]),
            self._progress,
            Ahead(job.depth, job.give, job.take) if job.depth > 1 else None,
        )
        self._channel.send({"type": "running"})
        try:
            self._loop.run(connections[position], connections[position + 1])
        finally:
            for connection in connections.values():
                connection.close()

    def _next_order(self, expected: str) -> Optional[Dict[str, Any]]:
        """What the manager wants next; None for the end of the task. DseError for anything but
        ``expected``: nothing runs before all is linked."""
        while True:
            self._progress.report(READY)
            if not self._ordered.wait(WAKE_SECONDS):
                continue
            order = self._orders.popleft()
            if order["type"] == "stop":
                return None
            if order["type"] != expected:
                raise StageError(f"it was told to {order['type']}", expected=expected)
            return order

    def _watched(self, link: Callable[[], socket.socket]) -> socket.socket:
        """What ``link`` returns or raises. It waits for a neighbour, in a thread of its own, while
        this one shows that it is there: the manager can tell a stopped stage from a waiting one."""
        done: List[Any] = []
        bell = Bell()

        def work() -> None:
            try:
                done.append(link())
            except Exception as error:
                done.append(error)
            bell.ring()

        self._progress.report(LINKING)
        threading.Thread(target=work, name="link", daemon=True).start()
        while not bell.wait(WAKE_SECONDS):
            self._progress.report(LINKING)
        bell.close()
        (result,) = done
        if isinstance(result, Exception):
            raise result
        connection: socket.socket = result
        return connection

    def _link(
        self, order: Dict[str, Any], listener: socket.socket, pipeline: Dict[str, Any]
    ) -> socket.socket:
        accepts = order["role"] == "accept"
        tls = None
        if pipeline.get("tls"):
            tls = tls_context(Path(pipeline["tls"]), server=accepts)
        key = HopKey(
            int(order["hop"]),
            bytes.fromhex(pipeline["id"]),
            int(pipeline["epoch"]),
            bytes.fromhex(order["secret"]),
            bytes.fromhex(order["nonce"]),
            tls,
        )
        seconds = float(order["seconds"])
        if accepts:
            return accept(listener, key, seconds)
        return connect((order["host"], int(order["port"])), key, seconds)

    # -- what the task says ---------------------------------------------------------------------

    def fire(self, name: str, task: Optional[str], peer: Optional[int], data: Any) -> None:
        """Send an event to others of the application."""
        self._channel.send({"type": "event", "event": name, "to": task, "peer": peer, "data": data})

    def send_output(self, data: Any) -> None:
        """Send output to the client."""
        self._channel.send({"type": "output", "data": data})

    def report_failure(self, reason: str, cause: str) -> None:
        """Tell the manager why this process ends; it may be gone. ``cause``: see
        dse/deploy/node/child.py."""
        line = " ".join(reason.split())[:2000]
        with suppress(OSError):
            self._channel.send({"type": "failed", "reason": line, "cause": cause})

    # -- the control thread ---------------------------------------------------------------------

    def _listen(self) -> None:
        try:
            for message in self._channel.receive():
                self._told(message)
        except (ValueError, OSError):
            _log_traceback()
        # The manager is gone: so are we, with every program that we started.
        os.killpg(0, signal.SIGKILL)

    def _told(self, message: Dict[str, Any]) -> None:
        kind = message.get("type")
        if kind == "timings":
            times = self._loop.times.as_json() if self._loop is not None else None
            self._channel.send({"type": "timings", "re": message.get("re"), "times": times})
        elif kind == "event":
            self._handle(message)
        elif kind == "stop":
            self._task.stopping.set()
            self._order(message)
        else:
            self._order(message)

    def _order(self, message: Dict[str, Any]) -> None:
        self._orders.append(message)
        self._ordered.ring()

    def _handle(self, message: Dict[str, Any]) -> None:
        event = self._task.events.get(str(message.get("event")))
        if event is None:
            return
        try:
            event.handle(message.get("data"))
        except Exception:
            # A handler's mistake is the application's: it is in its log, and the task goes on.
            _log_traceback()
