"""What a build costs beside itself: the same sweep on this machine's processes and on Dask."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from dse.executors.dask_executor import DaskExecutor
from dse.executors.interface import Executor
from dse.executors.local import LocalExecutor
from dse.point_result import PointResult, PointState
from dse.progress import SilentProgress
from dse.space import design_points
from dse.store import ResultStore
from dse.sweep_driver import sweep
from finn_flows.backends.interface import BuildResult, Part
from finn_flows.folding import published_folding
from finn_flows.weights import load_weights
from reports.utilization import Scope, Source, Stage, Utilization

PROJECT = Path(__file__).resolve().parents[1]
LOCAL = "local"
#: Of what a build leaves: about what a bitstream of a small board has.
_ARTEFACT_BYTES = 4_000_000


@dataclass(frozen=True)
class ExecutorOverhead:
    """Time from one finished build to the next, one at a time, of builds that only write a file.

    ``ms``: median over all rounds; ``least`` and ``most``: medians of single rounds.
    ``over_local``: what is added to the local executor's median, None for that itself.
    """

    name: str
    builds: int
    ms: float
    least: float
    most: float
    over_local: float | None


@dataclass
class WritingBackend:
    """Builds nothing, and leaves a file."""

    name: str = "writing"
    source: Source = Source.FINN_ESTIMATE
    depends_on_clock: bool = True

    def tool_versions(self) -> dict[str, str]:
        return {"writing": "1"}

    def build(self, part: Part, directory: Path) -> BuildResult:
        (directory / "design.bit").write_bytes(bytes(_ARTEFACT_BYTES))
        usage = Utilization(
            part.device, self.name, "1", Stage.ESTIMATE, Scope.OUT_OF_CONTEXT, lut=1.0
        )
        return BuildResult(usage, 1, None, ())


class _Stopwatch(SilentProgress):
    def __init__(self) -> None:
        self.moments: list[float] = []

    def finished(self, result: PointResult, seconds: float | None) -> None:
        if result.state is not PointState.BUILT:
            raise RuntimeError(f"{result.part}: {result.record.error}")
        self.moments.append(time.perf_counter())


def sweep_executors(builds: int = 25, rounds: int = 5) -> list[ExecutorOverhead]:
    """The local executor and Dask with a shared and with a pulled store, in turns."""
    points = _points(builds)
    times: dict[str, list[list[float]]] = {}
    with tempfile.TemporaryDirectory() as scratch, _dask_cluster(Path(scratch)) as address:
        for number in range(rounds):
            executors: dict[str, Executor] = {
                LOCAL: LocalExecutor(1),
                "dask, shared store": DaskExecutor(address),
                "dask, pulled store": DaskExecutor(address, pull=True),
            }
            for name, executor in executors.items():
                watch = _Stopwatch()
                out = Path(scratch) / f"{number}-{name}"
                with ResultStore(out) as store, executor:
                    sweep(points, WritingBackend(), store, executor, watch)
                pairs = zip(watch.moments, watch.moments[1:], strict=False)
                times.setdefault(name, []).append([1e3 * (b - a) for a, b in pairs])
    local = statistics.median(one for several in times[LOCAL] for one in several)
    return [_overhead(name, several, local) for name, several in times.items()]


def _overhead(name: str, times: Sequence[Sequence[float]], local: float) -> ExecutorOverhead:
    every = [one for several in times for one in several]
    medians = [statistics.median(several) for several in times]
    ms = statistics.median(every)
    over = None if name == LOCAL else ms - local
    return ExecutorOverhead(name, len(every), ms, min(medians), max(medians), over)


def _points(count: int) -> list[Part]:
    network = load_weights(None, None).network
    (point,) = design_points(
        network, (), "before", published_folding(network), "xc7z020clg400-1", 100.0
    )
    return [replace(point, clock_mhz=100.0 + number) for number in range(count)]


@contextmanager
def _dask_cluster(folder: Path) -> Iterator[str]:
    """A scheduler and one worker as processes of this machine; the scheduler's address."""
    file = folder / "scheduler.json"
    processes = []

    def start(*arguments: str) -> None:
        with (folder / f"{arguments[0]}.log").open("wb") as log:
            processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", *arguments, "--no-dashboard"],
                    env={**os.environ, "PYTHONPATH": str(PROJECT)},
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )

    try:
        options = ("--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))
        start("distributed.cli.dask_scheduler", *options)
        deadline = time.monotonic() + 60
        while not file.exists() or not file.read_text().strip():
            if time.monotonic() > deadline:
                raise RuntimeError("the Dask scheduler does not start")
            time.sleep(0.05)
        address: str = json.loads(file.read_text())["address"]
        start(
            *("distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny"),
            *("--local-directory", str(folder)),
        )
        yield address
    finally:
        for process in processes:
            process.kill()
            process.wait()
