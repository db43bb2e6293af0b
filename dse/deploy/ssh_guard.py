"""The client's end of the guard that runs on a board (dse/deploy/node/guard.py)."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from dse.deploy.boards_file import BoardEntry
from dse.deploy.node.guard import LEAVE_SECONDS, MARK
from dse.deploy.node_start import NodeAnswer, NodeStart, read_answer
from dse.errors import DeployError

if TYPE_CHECKING:
    import asyncssh

OLDEST_PYTHON = (3, 8)
#: Without them there is no node manager.
NEEDED_MODULES = ("zmq", "numpy")
#: A link that is down ends no connection: after so long without a sign of us the board clears up.
SILENCE_SECONDS = 15.0
SIGN_SECONDS = 1.0
#: The longest time that Python and numpy took to import on a slow board, and more.
_ANSWER_SECONDS = 60.0
# One line without an exclamation mark, as any shell takes it between single quotes; it reads
# the guard's text up to a zero byte, one by one, since what follows is not the text's. An alarm,
# as nothing else ends it where that text never comes.
_LOADER = (
    "import os, signal, sys; "
    "sys.version_info >= {oldest} or sys.exit('{mark}old %d.%d' % sys.version_info[:2]); "
    "signal.alarm(30); "
    "exec(compile(b''.join(iter(lambda: os.read(0, 1) or b'\\0', b'\\0')), 'guard.py', 'exec'))"
)


@dataclass(frozen=True)
class BoardState:
    """What the guard found. ``modules``: version, or None where one cannot be used, for which
    ``reasons`` has one line. ``folder``: the working folder made for us, absolute."""

    python: str
    machine: str
    modules: Mapping[str, str | None]
    reasons: Mapping[str, str]
    folder: str
    free_bytes: int


class SshGuard:
    """A guard that runs on a board. Every method runs in the event loop of the connection."""

    def __init__(self, entry: BoardEntry, process: asyncssh.SSHClientProcess[bytes]) -> None:
        self._place = f"board {entry.name}"
        self._entry = entry
        self._process = process
        self._signs: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls,
        connection: asyncssh.SSHClientConnection,
        entry: BoardEntry,
        *,
        imported: Sequence[str] = NEEDED_MODULES,
        found: Sequence[str] = (),
    ) -> tuple[SshGuard, BoardState]:
        """Run the guard on the board. It imports ``imported`` and looks for ``found``.

        Raises DeployError, naming the board, where there is no Python, one too old, or no room.
        """
        import asyncssh

        loader = shlex.quote(_LOADER.format(oldest=OLDEST_PYTHON, mark=MARK))
        modules = " ".join([*imported, "--find", *found])
        try:
            process = await connection.create_process(
                f"exec {_quoted(entry.python)} -c {loader} {modules}", encoding=None
            )
        except (asyncssh.Error, OSError) as error:
            raise DeployError(f"runs no command: {error}", where=f"board {entry.name}") from error
        guard = cls(entry, process)
        try:
            text = (files("dse.deploy.node") / "guard.py").read_bytes()
            guard._write(text + b"\0")
            return guard, _state(await guard._hear(), guard._place)
        except BaseException:
            await guard.finish()
            raise

    async def launch(
        self, zipapp: bytes, start: NodeStart, *, bind: str, silence_seconds: float
    ) -> NodeAnswer:
        """Start the node manager. Raises DeployError, naming the board, where it does not come
        up; :meth:`finish` is for the caller."""
        told = {
            "bind": bind,
            "silence_seconds": silence_seconds,
            "zipapp_bytes": len(zipapp),
            "start": json.loads(start.line()),
        }
        self._write(json.dumps(told).encode() + b"\n" + zipapp)
        self._signs = asyncio.create_task(self._give_signs())
        return read_answer(await self._line(), self._entry.name)

    async def finish(self) -> None:
        """End the node manager and all that is on the board; never raises."""
        import asyncssh

        if self._signs is not None:
            self._signs.cancel()
        with suppress(OSError, asyncssh.Error, TimeoutError):
            self._process.stdin.write_eof()
            # It lets the manager end, then ends the rest, then removes the folder.
            await asyncio.wait_for(self._process.wait(), 3 * LEAVE_SECONDS)
        self._process.close()

    def _write(self, content: bytes) -> None:
        with suppress(OSError):  # it has ended: why is heard from its output
            self._process.stdin.write(content)

    async def _give_signs(self) -> None:
        with suppress(OSError):
            while True:
                await asyncio.sleep(SIGN_SECONDS)
                self._process.stdin.write(b".")

    async def _hear(self) -> Mapping[str, Any]:
        """The guard's next line; what a shell says before it is passed over."""
        while True:
            line = await self._line()
            if line.startswith(MARK.encode()):
                said: Mapping[str, Any] = json.loads(line[len(MARK) :])
                return said

    async def _line(self) -> bytes:
        """The next line, of the guard or of the manager, unless it says what went wrong."""
        import asyncssh

        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), _ANSWER_SECONDS)
        except (TimeoutError, asyncssh.Error, OSError, ValueError) as error:
            raise DeployError(
                f"does not answer any more: {str(error) or 'time is over'}", where=self._place
            ) from error
        if not line:
            raise await self._why_it_ended()
        if line.startswith(MARK.encode()):
            said = json.loads(line[len(MARK) :])
            if "refused" in said:
                raise DeployError(
                    f"its disk cannot be written: {said['refused']}", where=self._place
                )
            if "last_words" in said:
                words = f": {said['last_words']}" if said["last_words"] else ""
                raise DeployError(
                    f"the node manager ended before it was up{words}", where=self._place
                )
        return line

    async def _why_it_ended(self) -> DeployError:
        import asyncssh

        python = self._entry.python
        words = ""
        with suppress(asyncssh.Error, OSError, TimeoutError):
            content = await asyncio.wait_for(self._process.stderr.read(4096), 5)
            await asyncio.wait_for(self._process.wait(), 5)
            lines = content.decode(errors="replace").strip().splitlines()
            words = lines[-1].strip() if lines else ""
        oldest = ".".join(map(str, OLDEST_PYTHON))
        if words.startswith(f"{MARK}old "):
            return DeployError(
                f"{python} is Python {words.split()[-1]}",
                where=self._place,
                expected=f"{oldest} or newer",
            )
        if self._process.exit_status in (126, 127):
            return DeployError(
                f"there is no {python} that runs: {words or 'command not found'}",
                where=self._place,
                expected=f"Python {oldest} or newer, named by `python` in the file of boards",
            )
        return DeployError(
            f"{python} ended at once: {words or 'without a word'}", where=self._place
        )


def _state(said: Mapping[str, Any], place: str) -> BoardState:
    try:
        return BoardState(**said)
    except TypeError as error:
        raise DeployError(
            f"answered what no guard of this version says: {error}", where=place
        ) from error


def _quoted(command: str) -> str:
    """For the shell of the board, which alone knows what ``~`` is there."""
    if command.startswith("~/"):
        return "~/" + shlex.quote(command[2:])
    return shlex.quote(command)
