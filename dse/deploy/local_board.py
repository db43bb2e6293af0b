"""A board emulated by processes of this computer: the same node manager, the same zipapp."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from dse.deploy.board import NodeAddress
from dse.deploy.board_processes import FOLDER_VARIABLE, kill_board_processes
from dse.deploy.node_start import LONGEST_ANSWER, NodeAnswer, NodeStart, read_answer
from dse.deploy.stage_names import check_stage_name
from dse.deploy.standard_error import StandardError
from dse.deploy.zipapp_build import build_node_zipapp
from dse.errors import DeployError, DseError

HOST = "127.0.0.1"
#: How long a manager whose standard input has ended may take to end its stages by itself.
LEAVE_SECONDS = 2.0


class LocalBoard:
    """A real node manager, in a temporary folder and a session of its own.

    It ends with this process, even by SIGKILL: its standard input is a pipe that only this process
    holds open. Also a context manager: leaving it stops the board, entering it does not start it.
    """

    def __init__(
        self,
        name: str,
        engine: str,
        *,
        client_key: str,
        lease_seconds: float = 3.0,
        start_seconds: float = 60.0,
        core: int | None = None,
    ) -> None:
        """``client_key``: public CURVE key (z85) of the one who may command the board.
        ``start_seconds``: how long the manager may take to come up. ``core``: of those that this
        process may use, the one that the board has for itself, counted round; None for all: a
        system may then put two boards that talk to each other on one core, and leave one idle."""
        self.name = name
        self.engine = engine
        self._client_key = client_key
        self._lease_seconds = lease_seconds
        self._start_seconds = start_seconds
        self._core = core
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: StandardError | None = None
        self._answer: NodeAnswer | None = None

    def __enter__(self) -> LocalBoard:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def folder(self) -> Path | None:
        """The working folder; None while the board is down."""
        return self._folder

    @property
    def manager_pid(self) -> int | None:
        """Process id of the node manager; None while the board is down."""
        return None if self._process is None else self._process.pid

    @property
    def answer(self) -> NodeAnswer | None:
        """What the node manager said of itself; None while the board is down."""
        return self._answer

    def start(self) -> NodeAddress:
        """Bring the node manager up. Raises DeployError, with nothing left behind."""
        if self._folder is not None:
            raise DeployError("is up already", where=self._place)
        told = NodeStart.with_new_keys([self._client_key], self._lease_seconds)
        try:
            # Absolute and without links: that is how its processes are found again.
            self._folder = Path(tempfile.mkdtemp(prefix="dse-board-")).resolve()
            self._process = self._launch(self._folder)
            assert self._process.stderr is not None
            self._errors = StandardError(
                self._process.stderr, self._folder / "logs" / "standard-error.log"
            )
            deadline = time.monotonic() + self._start_seconds
            self._answer = read_answer(self._first_line(told.line(), deadline), self.name)
        except DeployError:
            self.stop()
            raise
        except (OSError, DseError) as error:
            self.stop()
            reason = error.strerror if isinstance(error, OSError) else error
            raise DeployError(f"cannot be started: {reason}", where=self._place) from error
        except BaseException:
            self.stop()
            raise
        return NodeAddress(f"tcp://{HOST}:{self._answer.port}", HOST, told.public_key)

    def put(self, folder: Path, name: str) -> str:
        """Copy ``folder``; no byte is shared with the original. See Board.put."""
        check_stage_name(name)
        if self._folder is None:
            raise DeployError("is not up", where=self._place)
        target = self._folder / "parts" / name
        if not target.parent.is_dir():
            raise DeployError("its node manager has ended", where=self._place)
        if target.exists():
            raise DeployError(f"has a {name} already", where=self._place)
        try:
            shutil.copytree(folder, target)
        except (OSError, shutil.Error) as error:
            shutil.rmtree(target, ignore_errors=True)
            raise DeployError(
                f"{folder} cannot be copied: {_copy_reason(error)}", where=self._place
            ) from error
        return str(target)

    def collect(self, into: Path) -> list[Path]:
        """Copy the logs to ``into/<name of the board>``; what is not there is left out."""
        if self._folder is None:
            return []
        target = into / self.name
        copies = []
        try:
            for log in sorted((self._folder / "logs").glob("*.log")):
                target.mkdir(parents=True, exist_ok=True)
                copies.append(Path(shutil.copyfile(log, target / log.name)))
        except OSError as error:
            raise DeployError(
                f"logs cannot be copied to {target}: {error.strerror}", where=self._place
            ) from error
        return copies

    def stop(self) -> None:
        """See Board.stop. A process that the kernel cannot end is left, and its board's folder is
        removed all the same."""
        process, folder, errors = self._process, self._folder, self._errors
        self._process = self._folder = self._errors = self._answer = None
        if process is not None:
            assert process.stdin is not None
            assert process.stdout is not None
            with suppress(OSError):  # what was not written yet has no reader any more
                process.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                process.wait(LEAVE_SECONDS)
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.stdout.close()
        if folder is not None:
            kill_board_processes(folder)
            shutil.rmtree(folder, ignore_errors=True)
        if process is not None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(LEAVE_SECONDS)
        if errors is not None:
            errors.close()

    @property
    def _place(self) -> str:
        return f"board {self.name}"

    def _launch(self, folder: Path) -> subprocess.Popen[bytes]:
        # Inside the folder: the manager removes it with the rest if this process is gone by then.
        zipapp = build_node_zipapp(folder / "node.pyz")
        (folder / "logs").mkdir()
        process = subprocess.Popen(
            [sys.executable, str(zipapp), "manage", "--folder", str(folder), "--bind", HOST],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=folder,
            env={**os.environ, FOLDER_VARIABLE: str(folder)},
            # Ctrl-C is the client's; it tells the boards itself.
            start_new_session=True,
        )
        if self._core is not None:
            cores = sorted(os.sched_getaffinity(0))
            with suppress(ProcessLookupError):  # its end is noticed where its answer is missing
                os.sched_setaffinity(process.pid, {cores[self._core % len(cores)]})
        return process

    def _first_line(self, told: bytes, deadline: float) -> bytes:
        """Tell the manager its line, return its answer."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError):  # it has ended already: why is asked below
            process.stdin.write(told)
        answers = select.poll()  # not select.select, which ends at 1024 open files
        answers.register(process.stdout, select.POLLIN)
        line = b""
        while not line.endswith(b"\n") and len(line) < LONGEST_ANSWER:
            left = deadline - time.monotonic()
            if left <= 0 or not answers.poll(left * 1000):
                raise DeployError(
                    f"the node manager did not come up within {self._start_seconds:g} s"
                    f"{self._last_words()}",
                    where=self._place,
                )
            piece = os.read(process.stdout.fileno(), 4096)
            if not piece:
                raise DeployError(
                    f"the node manager ended before it was up{self._last_words()}",
                    where=self._place,
                )
            line += piece
        return line

    def _last_words(self) -> str:
        line = "" if self._errors is None else self._errors.last_line()
        return f": {line}" if line else ""


def _copy_reason(error: OSError | shutil.Error) -> str:
    """One reason: shutil.Error holds a list of (source, target, text), one for each file."""
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):
        return str(error.args[0][0][2])
    return str(error.strerror or error)
