"""FARD's programming model: tasks, jobs and events, as an application's code sees them.

A *task* runs until it is stopped and may exchange events. A *job* works off a batch of fixed size,
chunk by chunk, then ends and frees the board; an ordered set of jobs is a pipeline. A program that
is one of them ends in::

    if __name__ == "__main__":
        FardTaskContainer(MyJob()).execute()
"""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional

if TYPE_CHECKING:
    from dse.deploy.node.container import TaskContainer

EventHandler = Callable[[Any], None]


class FardEvent:
    """Something that tasks tell each other. ``name``: the same in all of them.

    ``handle``: called with the event's data, a JSON value, in a thread of its own beside ``run``.
    """

    def __init__(self, name: str, handle: Optional[EventHandler] = None) -> None:
        self.name = name
        self._handle = handle
        self._container: Optional[TaskContainer] = None

    def handle(self, data: Any) -> None:
        """What to do when it arrives; override it, or give ``handle`` to the constructor."""
        if self._handle is not None:
            self._handle(data)

    def fire(
        self, task: Optional[str] = None, peer: Optional[int] = None, data: Any = None
    ) -> None:
        """Tell the others. ``task`` and ``peer``: that replica (from 0) of that task; ``task``
        alone: all its replicas; neither: the whole application (never oneself). ``data``: a JSON
        value. Raises RuntimeError for an event that is not registered, ValueError for a peer
        without a task and for data with a number that is not finite, TypeError for other data that
        JSON does not have.
        """
        if self._container is None:
            raise RuntimeError(f"event {self.name!r} is not registered with a running task")
        if task is None and peer is not None:
            raise ValueError("a peer is a replica of a task: name the task, too")
        self._container.fire(self.name, task, peer, data)

    def _attach(self, container: TaskContainer) -> None:
        self._container = container


class FardTask:
    """A program on a board. ``task_name`` and ``app_name`` come from app.yaml.

    ``stopping`` is set when the task is to end: ``run`` should return soon after.
    """

    def __init__(self, task_name: str = "", app_name: str = "") -> None:
        self.task_name = task_name
        self.app_name = app_name
        self.stopping = threading.Event()
        self.config: Any = SimpleNamespace()
        self.events: Dict[str, FardEvent] = {}
        self._container: Optional[TaskContainer] = None

    def setup(self) -> None:
        """Called once, before ``run``."""

    def run(self) -> None:
        """The work. The default waits to be stopped."""
        self.stopping.wait()

    def stop(self) -> None:
        """Called once at the end, however it came, unless the process was killed."""

    def register_event(self, event: FardEvent) -> None:
        """Take part in ``event``: it may be fired, and is handled when others fire it."""
        self.events[event.name] = event
        if self._container is not None:
            event._attach(self._container)

    def send_output_data(self, data: Any) -> None:
        """Give ``data``, a JSON value, to whoever consumes the application's output. ValueError
        for a number that is not finite, TypeError for other data that JSON does not have."""
        if self._container is None:
            raise RuntimeError("the task is not running")
        self._container.send_output(data)

    def _parse_config(self, config: Dict[str, Any]) -> None:
        """Make ``self.config`` of what the application was given: nested dicts as attributes."""
        self.config = _namespace(config)

    def _attach(self, container: TaskContainer) -> None:
        self._container = container
        for event in self.events.values():
            event._attach(container)


class FardJob(FardTask):
    """A stage of a pipeline. ``self.config.pipeline`` has ``position`` (from 0) and ``stages``.

    ``_parse_config`` is the job's set-up from its configuration, ``setup`` loads what it needs (a
    bitstream, say); then ``process`` is called for each chunk, in order, by one thread. A job that
    works on several chunks at a time sets ``depth``, how many, in ``setup``; ``give`` and ``take``
    are called then. ``manifest``, set in ``setup``: sha256 of what it has loaded, 64 lower-case
    hexadecimal digits; None for a job that holds nothing to check. It must be app.yaml's.
    """

    depth = 1
    manifest: Optional[str] = None

    def process(self, chunk: memoryview) -> bytes:
        """One chunk of ``config.pipeline.input_bytes`` to a result of ``output_bytes``.

        ``chunk`` is valid during the call only. Raise
        :class:`~dse.deploy.node.engines.interface.PoisonedInput` for a chunk that cannot be
        computed: it fails its batch, and the next one goes on. Any other exception ends the job.
        """
        raise NotImplementedError

    def give(self, chunk: memoryview) -> None:
        """Begin one chunk, with fewer than ``depth`` begun; as ``process``, but for the result."""
        raise NotImplementedError

    def take(self) -> bytes:
        """The result of the chunk that was begun first of those that are not taken yet."""
        raise NotImplementedError


def _namespace(value: Any) -> Any:
    if isinstance(value, dict):
        return SimpleNamespace(**{key: _namespace(item) for key, item in value.items()})
    if isinstance(value, list):
        items: List[Any] = [_namespace(item) for item in value]
        return items
    return value


class FardTaskContainer:
    """What runs a task: ``FardTaskContainer(task).execute()``."""

    def __init__(
        self, task: FardTask, app_id: Optional[str] = None, task_id: Optional[str] = None
    ) -> None:
        self._task = task
        self._app_id = app_id
        self._task_id = task_id

    def execute(self) -> None:
        """Run it to its end; does not return. The node manager must have started this process."""
        from dse.deploy.node.container import run_task

        run_task(self._task, self._app_id, self._task_id)
