"""Running ``dse deploy`` as a real process, and looking at what it leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from dse.deploy.board_processes import FOLDER_VARIABLE
from tests.dse.sandbox import PROJECT


@dataclass(frozen=True)
class DeploySandbox:
    """``folder``: where the command runs; it has a TMPDIR of its own there."""

    folder: Path

    @property
    def temporary(self) -> Path:
        """TMPDIR of the command, and so of its boards."""
        return self.folder / "tmp"

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start ``dse`` with ``arguments``, as a shell starts a job."""
        self.temporary.mkdir(exist_ok=True)

        def as_in_a_terminal() -> None:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)

        return subprocess.Popen(
            [sys.executable, "-m", "tests.dse.run_dse", *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(PROJECT), "TMPDIR": str(self.temporary)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=as_in_a_terminal,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``dse`` to its end."""
        process = self.start(*arguments)
        output, errors = process.communicate(timeout=180)
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def board_processes(self) -> list[psutil.Process]:
        """Every process of a board that a command in this sandbox started."""
        found = []
        for process in psutil.process_iter():
            try:
                board = process.environ().get(FOLDER_VARIABLE, "")
            except psutil.Error:
                continue
            if board.startswith(str(self.temporary.resolve())):
                found.append(process)
        return found

    def wait_for_stages(self, count: int) -> list[psutil.Process]:
        """The processes of ``count`` stages, once they are there."""
        deadline = time.monotonic() + 60
        while True:
            stages = [
                process
                for process in self.board_processes()
                if any(argument.endswith("stage.py") for argument in _command(process))
            ]
            if len(stages) >= count:
                return stages
            assert time.monotonic() < deadline, "the stages do not come up"
            time.sleep(0.01)

    def assert_nothing_is_left(self) -> None:
        """No process of a board, no file in TMPDIR, after a moment."""
        deadline = time.monotonic() + 15
        while True:
            left = [*self.board_processes(), *self.temporary.iterdir()]
            if not left:
                return
            assert time.monotonic() < deadline, f"left behind: {left}"
            time.sleep(0.05)


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
