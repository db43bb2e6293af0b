"""Boards of this machine with pipelines of stages that fail when told to, and what is checked after
each: results, what was computed how often, what is left."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from dse.deploy.board_processes import board_processes
from dse.deploy.job_outcome import JobDone
from dse.deploy.key_files import ClientKeys
from dse.deploy.local_board import LocalBoard
from dse.deploy.node.child import Limits
from dse.deploy.node_control import ControlHub, NodeControl
from dse.deploy.pipeline import Pipeline
from dse.deploy.pipeline_plan import PipelineOptions, StagePlan, StateListener
from tests.dse.deploy import faulty_stage
from tests.dse.deploy.faulty_stage import HEAD, RECORD, fault, result_of

LEASE_SECONDS = 1.5
#: Short, so that a test does not wait; long enough for a machine with other work.
LIMITS = Limits(load=5.0, compute=1.0, silence=1.0)
OPTIONS = PipelineOptions(
    limits=LIMITS, link_seconds=3.0, stall_seconds=3.0, verdict_seconds=LEASE_SECONDS + 1.0
)
#: By when a failure has reached the caller, whatever it is, with the times above: noticed within
#: stall_seconds, its cause named within verdict_seconds, every stage ended within the grace of 2 s.
DEADLINE_SECONDS = 3.0 + 2.5 + 2.0 + 1.0


@dataclass
class StageSettings:
    """Of one stage of a test's pipeline."""

    delay_seconds: float = 0.0
    fault: Mapping[str, Any] = field(default_factory=fault)


class FaultRig:
    """``count`` boards that live as long as no fault ends them; those that died are replaced."""

    def __init__(self, count: int, folder: Path) -> None:
        """``folder``: for records; must exist."""
        self.folder = folder
        self.epoch = 0
        self.boards: list[LocalBoard] = []
        self.nodes: list[NodeControl] = []
        self._count = count
        self.keys = ClientKeys.new()
        self._mains: list[str] = []
        self._descriptors: list[int] = []
        self._application = folder / "application"
        self._application.mkdir()
        shutil.copy(faulty_stage.__file__, self._application / "faulty_stage.py")

    def __enter__(self) -> FaultRig:
        self.hub = ControlHub(self.keys, heartbeat_seconds=0.1, lease_seconds=LEASE_SECONDS)
        try:
            for index in range(self._count):
                board = LocalBoard(
                    f"b{index}",
                    "test",
                    client_key=self.keys.public,
                    lease_seconds=LEASE_SECONDS,
                )
                self.boards.append(board)
                self._mains.append("")
                self._descriptors.append(0)
                self.nodes.append(self._bring_up(index))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for board in self.boards:
            board.stop()
        self.hub.close()

    # -- boards ---------------------------------------------------------------------------------

    def manager(self, index: int) -> psutil.Process:
        """The node manager's process."""
        pid = self.boards[index].manager_pid
        assert pid is not None
        return psutil.Process(pid)

    def program(self, index: int, name: str) -> str:
        """Where a program that was in ``folder / "application"`` is on a board."""
        return str(Path(self._mains[index]).with_name(name))

    def stages(self, index: int) -> list[psutil.Process]:
        """The stage processes of a board, in the order of their start."""
        return sorted(self.manager(index).children(), key=lambda process: process.create_time())

    def repair(self) -> int:
        """Replace every board whose manager does not answer; how many."""
        replaced = 0
        for index in range(self._count):
            if not self.nodes[index].is_lost and self._lives(index):
                continue
            self.hub.disconnect(self.nodes[index])
            self.boards[index].stop()
            self.nodes[index] = self._bring_up(index)
            replaced += 1
        return replaced

    def _lives(self, index: int) -> bool:
        try:
            return self.manager(index).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_STOPPED)
        except psutil.NoSuchProcess:
            return False

    def _bring_up(self, index: int) -> NodeControl:
        board = self.boards[index]
        node = self.hub.connect(board.name, board.start())
        self._mains[index] = board.put(self._application, "application") + "/faulty_stage.py"
        self._descriptors[index] = self.manager(index).num_fds()
        return node

    # -- pipelines ------------------------------------------------------------------------------

    def record(self, epoch: int, position: int) -> Path:
        """What the stage computed in that epoch."""
        return self.folder / f"computed-{epoch}-{position}"

    def pipeline(
        self,
        sizes: Sequence[int] = (64, 48, 24),
        *,
        settings: Mapping[int, StageSettings] | None = None,
        options: PipelineOptions = OPTIONS,
        on_state: StateListener | None = None,
        manifest: str | None = None,
    ) -> Pipeline:
        """A new one, in a new epoch, on the first boards. ``sizes``: bytes of a chunk on each hop,
        one more than there are stages."""
        self.epoch += 1
        plans = []
        for position in range(len(sizes) - 1):
            of_stage = (settings or {}).get(position, StageSettings())
            config = {
                "delay_seconds": of_stage.delay_seconds,
                "record": str(self.record(self.epoch, position)),
                "fault": dict(of_stage.fault),
            }
            plans.append(
                StagePlan(
                    self.nodes[position],
                    self._mains[position],
                    config,
                    sizes[position],
                    sizes[position + 1],
                    name=f"stage{position}",
                )
            )
        return Pipeline(
            self.hub,
            plans,
            app="faults",
            epoch=self.epoch,
            manifest=manifest,
            options=options,
            on_state=on_state,
        )

    # -- what is checked ------------------------------------------------------------------------

    def check_computed(self, epoch: int, stages: int) -> Counter[tuple[int, int]]:
        """I3: no stage computed a chunk twice, or one of another epoch. How often each was."""
        all_of_them: Counter[tuple[int, int]] = Counter()
        for position in range(stages):
            path = self.record(epoch, position)
            if not path.exists():
                continue
            content = path.read_bytes()
            counted: Counter[tuple[int, int]] = Counter()
            for job, sequence, at_epoch in RECORD.iter_unpack(content):
                assert at_epoch == epoch
                counted[job, sequence] += 1
            assert all(times == 1 for times in counted.values()), counted.most_common(3)
            all_of_them += counted
            path.unlink()
        return all_of_them

    def check_boards_are_free(self, seconds: float = 5.0) -> None:
        """I9 for the boards that live: no process, descriptor or port of a stage."""
        deadline = time.monotonic() + seconds
        for index in range(self._count):
            if self.nodes[index].is_lost or not self._lives(index):
                continue
            while left := self._left_on(index):
                assert time.monotonic() < deadline, left
                time.sleep(0.01)

    def _left_on(self, index: int) -> list[str]:
        manager = self.manager(index)
        left = [f"process {process}" for process in manager.children(recursive=True)]
        folder = self.boards[index].folder
        assert folder is not None
        others = [process for process in board_processes(folder) if process != manager]
        left += [f"process {process}" for process in others]
        more = manager.num_fds() - self._descriptors[index]
        if more > 0:
            left.append(f"{more} descriptors more than at its start: {_descriptors(manager.pid)}")
        listening = [one for one in manager.net_connections("tcp") if one.status == "LISTEN"]
        if len(listening) != 1:
            left.append(f"ports {listening}")
        return left


def _descriptors(pid: int) -> list[str]:
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            found.append(str(entry.readlink()))
    return found


class ClientResources:
    """What this process holds: taken when made, compared by ``check``."""

    def __init__(self) -> None:
        self._descriptors = len(_descriptors(os.getpid()))
        self._threads = threading.active_count()

    def check(self, seconds: float = 5.0) -> None:
        """I9 for the client: no more descriptors and threads than before."""
        deadline = time.monotonic() + seconds
        while (
            len(_descriptors(os.getpid())) > self._descriptors
            or threading.active_count() > self._threads
        ):
            assert time.monotonic() < deadline, (
                _descriptors(os.getpid()),
                threading.enumerate(),
            )
            time.sleep(0.01)


def chunks(job: int, count: int, size: int, seed: int = 0) -> NDArray[np.uint8]:
    """``count`` chunks of ``size`` bytes, numbered, the rest random."""
    made = np.random.default_rng((seed, job)).integers(0, 256, (count, size), dtype=np.uint8)
    numbers = np.empty((count, 2), dtype="<u4")
    numbers[:, 0], numbers[:, 1] = job, np.arange(count)
    made[:, : HEAD.size] = numbers.view(np.uint8)
    return made


def expected(given: NDArray[np.uint8], sizes: Sequence[int]) -> NDArray[np.uint8]:
    """What stages with these sizes make of them, in one process and without any transport."""
    results = []
    for row in given:
        value = row.tobytes()
        for position, size in enumerate(sizes[1:]):
            value = result_of(value, position, size)
        results.append(np.frombuffer(value, np.uint8))
    return np.array(results, dtype=np.uint8).reshape(len(given), sizes[-1])


def check_done(outcome: object, given: NDArray[np.uint8], sizes: Sequence[int]) -> JobDone:
    """I1: done, with every result, in order, and right."""
    assert isinstance(outcome, JobDone), outcome
    np.testing.assert_array_equal(outcome.results, expected(given, sizes))
    return outcome
