"""The contract between the sweep driver and an executor."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar

from dse.worker import Outcome, Task
from finn_flows.backends.interface import Backend

Name = TypeVar("Name")


class Watch(Protocol):
    """What is told while tasks run, in the thread that asks for outcomes."""

    def look(self) -> None:
        """About once a second."""
        ...

    def note(self, line: str) -> None:
        """Something that a person should know: a worker that was lost, what is waited for."""
        ...


class Executor(Protocol):
    """A place to run tasks, several at the same time. Usable inside ``with``; construction is cheap
    and starts nothing."""

    name: str

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def tool_versions(self, backend: Backend, note: Callable[[str], None]) -> Mapping[str, str]:
        """``backend.tool_versions()`` of the machines that will build; decides the store's keys."""
        ...

    def slots(self, backend: Backend, most: int, note: Callable[[str], None]) -> int:
        """How many of ``most`` tasks can run at once, as far as is known now; at least 1."""
        ...

    def run_tasks(
        self,
        backend: Backend,
        next_task: Callable[[], tuple[Name, Task] | None],
        most: int,
        watch: Watch,
    ) -> Generator[tuple[Name, Outcome], None, None]:
        """Run tasks of ``backend``, at most ``most`` at once; yield (name, outcome) as they finish.

        ``next_task`` is asked whenever a slot is free, and again after each outcome if it said
        None: nothing can start yet. None while no task runs is the end. What a task leaves in its
        folder is in ``task.directory`` when its outcome is given, and so is, while it runs, what it
        says by :mod:`finn_flows.build_status`. A task that fails, or takes its process with it, has
        an outcome with ``error``. When the iterator is closed, or an exception passes through it,
        all tasks and what they started are ended.
        """
        ...


@dataclass(frozen=True)
class ExecutorChoice:
    """What a person can say of an executor; None and empty: nothing said.

    ``workers``: most tasks at once; None: as many as there are cores (local), or as the Dask
    workers have room for. ``scheduler``: address of a Dask scheduler; ``slurm``: a
    TOML file, in its place. ``resources``: what a Dask worker must offer for one task, in place of
    what the backend says. ``wait``: seconds to wait while no worker can be used. ``pull``: fetch
    what builds leave even from a worker that shares the store's folder.
    """

    workers: int | None = None
    scheduler: str | None = None
    slurm: Path | None = None
    resources: Mapping[str, float] | None = None
    wait: float | None = None
    pull: bool = False


def resources_of(backend: Backend) -> dict[str, float]:
    """What a worker must offer, by resource tag, to run one task of ``backend``.

    A backend that needs a particular host (a licence, an installed tool) says so by an attribute
    ``resources``, such as ``{"vivado": 1}``; most have none and run anywhere.
    """
    return dict(getattr(backend, "resources", {}))


def tools_here(backend: Backend) -> dict[str, str]:
    """``backend.tool_versions()``. DseError, one line, if it cannot build on this machine.

    A backend that needs what may not be installed says what is missing by a method ``check()``,
    which raises; most have none.
    """
    check = getattr(backend, "check", None)
    if check is not None:
        check()
    return backend.tool_versions()
