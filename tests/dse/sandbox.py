"""A folder in which tests run ``dse`` as a real process, with the sleeping backend."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from finn_flows.network_file import save_network
from tests.dse.small_network import small_network

PROJECT = Path(__file__).resolve().parents[2]

#: The design points of a sweep of the small network with ``--pool both``; the last is empty.
SLUGS = (
    "whole",
    "0-first",
    "0-second",
    "0-after-first",
    "0-after-second",
    "1-first",
    "1-second",
    "2-first",
)


@dataclass
class Sandbox:
    """``folder`` holds network, folding and orders; ``out`` is the folder of the sweep."""

    folder: Path
    out: Path = field(init=False)
    orders: Path = field(init=False)

    def __post_init__(self) -> None:
        self.out = self.folder / "out"
        self.orders = self.folder / "orders"
        self.orders.mkdir()
        save_network(small_network(), self.folder / "small.npz")
        (self.folder / "folding.json").write_text(
            '{"name": "small", "layers": '
            '[{"simd": 3, "pe": 2}, {"simd": 2, "pe": 4}, {"simd": 8, "pe": 5}]}'
        )

    def order(self, slug: str, word: str) -> None:
        """What the sleeping backend does for a part; an empty word takes the order back."""
        (self.orders / slug).write_text(word)

    def sweep_arguments(self, *more: str) -> tuple[str, ...]:
        return (
            *("sweep", "--weights", "small.npz", "--folding", "folding.json"),
            *("--pool", "both", "--out", str(self.out), *more),
            *(() if "--backend" in more else ("--backend", "sleeping")),
        )

    def start(
        self, *arguments: str, seconds: float = 0.0, ignoring: signal.Signals | None = None
    ) -> subprocess.Popen[str]:
        """Start ``dse``; each point takes ``seconds``.

        Signals do what they do in a terminal, but for ``ignoring``, however the tests themselves
        were started: a background job or nohup would hand down ignored ones.
        """

        def as_in_a_terminal() -> None:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                ignored = number is ignoring
                signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL)

        environment = {
            **os.environ,
            "PYTHONPATH": str(PROJECT),
            "SLEEPING_BACKEND_ORDERS": str(self.orders),
            "SLEEPING_BACKEND_SECONDS": str(seconds),
        }
        return subprocess.Popen(
            [sys.executable, "-m", "tests.dse.run_dse", *arguments],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # As a shell starts a job: Ctrl-C goes to the whole group.
            start_new_session=True,
            preexec_fn=as_in_a_terminal,
        )

    def run(self, *arguments: str, seconds: float = 0.0) -> subprocess.CompletedProcess[str]:
        """Run ``dse`` to its end."""
        process = self.start(*arguments, seconds=seconds)
        output, errors = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def sweep(self, *more: str, seconds: float = 0.0) -> subprocess.CompletedProcess[str]:
        """Run a sweep of the small network to its end."""
        return self.run(*self.sweep_arguments(*more), seconds=seconds)

    def builds(self) -> Counter[str]:
        """How often each part was built so far."""
        log = self.orders / "builds"
        lines = log.read_text().splitlines() if log.exists() else []
        return Counter(line.split()[0] for line in lines)

    def wait_for_builds(self, count: int) -> None:
        """Until ``count`` builds have begun."""
        deadline = time.monotonic() + 60
        while sum(self.builds().values()) < count:
            assert time.monotonic() < deadline, "the sweep does not get on"
            time.sleep(0.01)

    def processes(self) -> list[psutil.Process]:
        """Every process that a sweep in this sandbox started, known by its environment."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("SLEEPING_BACKEND_ORDERS") == str(self.orders):
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def kill(self, process: subprocess.Popen[str]) -> None:
        """SIGKILL to ``process`` alone, and its end; fails if another one holds its output."""
        process.kill()
        process.communicate(timeout=20)

    def assert_no_process_is_left(self) -> None:
        """None after a moment: the last ones notice the end of the driver by themselves."""
        deadline = time.monotonic() + 10
        while left := self.processes():
            assert time.monotonic() < deadline, f"orphans: {left}"
            time.sleep(0.02)
