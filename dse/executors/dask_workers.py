"""The workers of a Dask cluster that can build: who is there, who may, who has room."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from dse.counted import counted
from dse.errors import DseError, ExecutorError, InputError
from dse.executors import dask_task
from dse.executors.interface import tools_here
from dse.executors.software import difference, software_here
from dse.worker import Outcome, describe
from finn_flows.backends.interface import Backend

if TYPE_CHECKING:
    from distributed import Client, Future

#: Between looks at who is there.
LOOK_SECONDS = 1.0
#: Between looks at whether a worker has answered.
_ANSWER_SECONDS = 0.05


@dataclass(frozen=True)
class VersionsTask:
    """Ask ``backend`` for the versions of its tools, and whether it can build at all.

    InputError where it cannot, read on another machine: "here" is there, and which other backends
    would do is no choice of a worker's.
    """

    backend: Backend
    directory: Path = Path()

    def run(self) -> dict[str, str]:
        try:
            return tools_here(self.backend)
        except DseError as error:
            message = error.message.replace("installed here", "installed there")
            raise InputError(message, where=error.where, expected=error.expected) from error


class Standing(Enum):
    """What is known of a worker."""

    ASKED = auto()
    USABLE = auto()
    REFUSED = auto()


@dataclass(eq=False)
class DaskWorker:
    """A Dask worker that offers what a build takes.

    ``scratch``: its folder, by which it is told from one that was at this address before.
    ``slots``: builds that it takes at once, ``busy`` of them taken by us. ``reserved``: it is kept
    for one build that is to have it alone.
    """

    address: str
    scratch: str
    slots: int
    busy: int = 0
    reserved: bool = False
    standing: Standing = Standing.ASKED
    asked: Future | None = field(default=None, repr=False)


class DaskWorkers:
    """The workers of ``client`` that can do tasks of ``backend``.

    ``needs``: by resource tag what one task takes. ``tools``: the versions that every worker must
    have; None: those of the first one. ``wait``: seconds that may pass without any worker, None for
    no end. ``note`` is told who is refused and what is waited for.
    """

    def __init__(
        self,
        client: Client,
        backend: Backend,
        needs: Mapping[str, float],
        tools: Mapping[str, str] | None,
        wait: float | None,
    ) -> None:
        self.tools = tools
        self._client = client
        self._needs = needs
        self._wait = wait
        self._question = pickle.dumps(VersionsTask(backend))
        self._name = backend.name
        self._known: dict[str, DaskWorker] = {}
        self._without = 0
        self._looked = 0.0
        self._starving_since: float | None = None
        self._said = ""
        self._refusals: list[str] = []

    @property
    def usable(self) -> list[DaskWorker]:
        """Those that may build."""
        return [one for one in self._known.values() if one.standing is Standing.USABLE]

    def free(self) -> DaskWorker | None:
        """The one with most room, None if no one has any."""
        with_room = [one for one in self.usable if one.busy < one.slots and not one.reserved]
        return max(with_room, key=lambda one: one.slots - one.busy, default=None)

    def reserve(self) -> DaskWorker | None:
        """Keep the one with least to do for one build alone; None if there is no other to keep."""
        open_ones = [one for one in self.usable if not one.reserved]
        least = min(open_ones, key=lambda one: one.busy, default=None)
        if least is not None:
            least.reserved = True
        return least

    def is_there(self, worker: DaskWorker) -> bool:
        """Whether it was, at the last look."""
        return self._known.get(worker.address) is worker

    def look(self, note: Callable[[str], None], *, at_once: bool = False) -> None:
        """See who came and who left; the scheduler is asked at most once a second.

        Raises ExecutorError where it does not answer, or where no worker could be used for too
        long.
        """
        if at_once or time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            self._count(self._present())
        self._take_answers(note)
        self._starve(note)

    def meet(self, note: Callable[[str], None], seconds: float) -> None:
        """Look at who is there until all of them have answered, or ``seconds`` have passed."""
        end = time.monotonic() + seconds
        self._count(self._present())
        while time.monotonic() < end:
            self._take_answers(note)
            if all(one.standing is not Standing.ASKED for one in self._known.values()):
                return
            time.sleep(_ANSWER_SECONDS)

    def _present(self) -> Mapping[str, Mapping[str, Any]]:
        from distributed.comm.core import CommClosedError

        if self._client.status == "running":
            try:
                info = self._client.sync(self._client.scheduler.identity, n_workers=-1)
            except (OSError, CommClosedError):
                pass
            else:
                workers: Mapping[str, Mapping[str, Any]] = info["workers"]
                return workers
        raise scheduler_lost()

    def _count(self, present: Mapping[str, Mapping[str, Any]]) -> None:
        self._without = 0
        for address, known in list(self._known.items()):
            if address not in present or present[address]["local_directory"] != known.scratch:
                del self._known[address]
        for address, worker in present.items():
            slots = _slots(worker, self._needs)
            if slots < 1:
                self._without += 1
            elif address not in self._known and worker["status"] == "running":
                new = DaskWorker(address, worker["local_directory"], slots)
                new.asked = self._client.submit(
                    dask_task.probe,
                    self._question,
                    workers=[address],
                    pure=False,
                    key=f"dse-probe-{uuid4().hex}",
                )
                self._known[address] = new

    def _take_answers(self, note: Callable[[str], None]) -> None:
        for worker in self._known.values():
            if worker.asked is None or not worker.asked.done():
                continue
            asked, worker.asked = worker.asked, None
            if asked.status in ("cancelled", "lost"):
                worker.standing = Standing.REFUSED  # it is about to be gone
                continue
            reason = self._unlike(asked)
            worker.standing = Standing.REFUSED if reason else Standing.USABLE
            if reason:
                line = f"worker {worker.address} is not used: {reason}"
                self._refusals.append(line)
                note(line)

    def _unlike(self, asked: Future) -> str | None:
        """Why a worker cannot be used beside this machine and the others."""
        try:
            software, outcome = asked.result(timeout=10)
        except Exception as error:  # whatever it could not import or unpickle
            return describe(error)
        assert isinstance(outcome, Outcome)
        unlike = difference(software_here(), software)
        if unlike is not None:
            return f"it has {unlike}"
        if outcome.error is not None:
            return outcome.error
        if self.tools is None:
            self.tools = outcome.result
        unlike = difference(self.tools, outcome.result)
        return None if unlike is None else f"it has {unlike}"

    def _starve(self, note: Callable[[str], None]) -> None:
        if self.usable:
            self._starving_since, self._said = None, ""
            return
        now = time.monotonic()
        if self._starving_since is None:
            self._starving_since = now
        missing = self._missing()
        if self._wait is not None and now - self._starving_since > self._wait:
            raise ExecutorError(
                f"no Dask worker can build for {self._wait:g} s: {missing}",
                expected=f"a worker that {self._offer()}",
            )
        asked = any(one.standing is Standing.ASKED for one in self._known.values())
        if not asked and missing != self._said:
            self._said = missing
            note(f"waiting for a Dask worker that {self._offer()}: {missing}")

    def _missing(self) -> str:
        if self._refusals:
            more = len(self._refusals) - 1
            return self._refusals[-1] + (f" (and {more} more refused)" if more else "")
        if self._without:
            are = "is" if self._without == 1 else "are"
            return f"{counted(self._without, 'worker')} {are} there, none offers it"
        return "none is there"

    def _offer(self) -> str:
        if self._refusals:  # a worker offers what is asked for, and that is not enough
            return f"can run {self._name}"
        tags = ", ".join(f"{tag}={amount:g}" for tag, amount in self._needs.items())
        return f"offers {tags}" if tags else f"can run {self._name}"


def scheduler_lost() -> ExecutorError:
    """What is said when the scheduler is gone."""
    return ExecutorError(
        "the Dask scheduler is gone; what was finished is kept, and the next sweep goes on there"
    )


def _slots(worker: Mapping[str, Any], needs: Mapping[str, float]) -> int:
    offered = worker["resources"]
    fits = [int(offered.get(tag, 0) / amount + 1e-9) for tag, amount in needs.items()]
    return min([int(worker["nthreads"]), *fits])
