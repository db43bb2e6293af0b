"""A Dask scheduler and workers as real processes, as a person starts them by hand."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

PROJECT = Path(__file__).resolve().parents[3]
#: Every process of a cluster has it in its environment, and those that it starts.
MARK = "DASK_CLUSTER_OF_A_TEST"


@dataclass
class DaskCluster:
    """Processes with logs in ``folder``; workers have ``environment`` in addition to ours."""

    folder: Path
    environment: Mapping[str, str]
    settings: Mapping[str, str] = field(default_factory=dict)
    scheduler: subprocess.Popen[bytes] = field(init=False)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        file = self.folder / "scheduler.json"
        self.scheduler = self._start(
            *("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"),
            *("--scheduler-file", str(file)),
        )
        deadline = time.monotonic() + 60
        while not file.exists() or not file.read_text().strip():
            assert time.monotonic() < deadline, "the scheduler does not start"
            time.sleep(0.02)
        import json

        self.address: str = json.loads(file.read_text())["address"]

    def start_worker(
        self, *options: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """A worker for one build at a time; without ``--nanny`` it is one process."""
        nanny = () if "--nanny" in options else ("--no-nanny",)
        worker = self._start(
            *("worker", self.address, "--nthreads", "1", "--no-dashboard", *nanny, *options),
            *("--local-directory", str(self.folder)),
            environment=environment,
        )
        self.workers.append(worker)
        return worker

    def processes(self) -> list[psutil.Process]:
        """Everything of the cluster that runs."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get(MARK) == str(self.folder):
                    found.append(process)
        return found

    def stop(self) -> None:
        """End it; fails if something is left a moment after its workers are dead."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()
        deadline = time.monotonic() + 15
        while left := self.processes():
            if time.monotonic() > deadline:
                for process in left:
                    process.kill()
                raise AssertionError(f"orphans: {left}")
            time.sleep(0.05)

    def _start(
        self, what: str, *options: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        log = self.folder / f"{what}-{len(self.workers)}.log"
        with log.open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{what}", *options],
                cwd=self.folder,
                env={
                    **os.environ,
                    "PYTHONPATH": str(PROJECT),
                    MARK: str(self.folder),
                    **self.settings,
                    **self.environment,
                    **(environment or {}),
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
