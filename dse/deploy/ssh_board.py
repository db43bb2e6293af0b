"""A board behind SSH: its node manager runs as long as the connection does."""

from __future__ import annotations

import posixpath
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from dse.deploy.board import NodeAddress
from dse.deploy.boards_file import BoardEntry
from dse.deploy.node_start import NodeAnswer, NodeStart
from dse.deploy.ssh_connect import CONNECT_SECONDS, connect
from dse.deploy.ssh_guard import NEEDED_MODULES, SILENCE_SECONDS, BoardState, SshGuard
from dse.deploy.ssh_thread import wait_for
from dse.deploy.stage_names import check_stage_name
from dse.deploy.zipapp_build import build_node_zipapp
from dse.errors import DeployError

if TYPE_CHECKING:
    import asyncssh

#: What an engine imports on its board, beside pyzmq and numpy.
ENGINE_MODULES: dict[str, tuple[str, ...]] = {
    "onnx": ("onnxruntime",),
    "rtl": (),
    "pynq": ("pynq",),
}
#: Module -> what a person installs.
DISTRIBUTIONS = {"zmq": "pyzmq"}


class SshBoard:
    """Whatever ends the connection, or silences it, ends the node manager and removes its files.

    Also a context manager: leaving it stops the board, entering it does not start it. Several
    boards may be started at the same time, each in a thread.
    """

    def __init__(
        self,
        entry: BoardEntry,
        *,
        client_key: str,
        lease_seconds: float = 3.0,
        connect_seconds: float = CONNECT_SECONDS,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        """``client_key``: public CURVE key (z85) of the one who may command the board.
        ``connect_seconds``: how long the login may take. ``silence_seconds``: after so long without
        a sign of us, though the connection may seem up to it, the board clears up."""
        self.name = entry.name
        self.engine = entry.engine
        self._entry = entry
        self._client_key = client_key
        self._lease_seconds = lease_seconds
        self._connect_seconds = connect_seconds
        self._silence_seconds = silence_seconds
        self._connection: asyncssh.SSHClientConnection | None = None
        self._guard: SshGuard | None = None
        self._files: asyncssh.SFTPClient | None = None
        self._folder: str | None = None
        self._answer: NodeAnswer | None = None

    def __enter__(self) -> SshBoard:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def folder(self) -> str | None:
        """The working folder on the board; None while the board is down."""
        return self._folder

    @property
    def answer(self) -> NodeAnswer | None:
        """What the node manager said of itself; None while the board is down."""
        return self._answer

    def start(self) -> NodeAddress:
        """Bring the node manager up. Raises DeployError, with nothing left behind."""
        if self._connection is not None:
            raise DeployError("is up already", where=self._place)
        try:
            return wait_for(self._start())
        except BaseException:
            self.stop()
            raise

    def put(self, folder: Path, name: str) -> str:
        """See Board.put."""
        check_stage_name(name)
        return wait_for(self._put(folder, name))

    def collect(self, into: Path) -> list[Path]:
        """Copy the logs to ``into/<name of the board>``; what is not there is left out."""
        return wait_for(self._collect(into / self.name))

    def stop(self) -> None:
        """See Board.stop."""
        if self._connection is not None:
            wait_for(self._stop())

    @property
    def _place(self) -> str:
        return f"board {self.name}"

    async def _start(self) -> NodeAddress:
        import asyncssh

        told = NodeStart.with_new_keys([self._client_key], self._lease_seconds)
        with tempfile.TemporaryDirectory(prefix="dse-zipapp-") as folder:
            zipapp = build_node_zipapp(Path(folder) / "node.pyz").read_bytes()
        self._connection = await connect(self._entry, seconds=self._connect_seconds)
        self._guard, state = await SshGuard.start(
            self._connection, self._entry, found=ENGINE_MODULES[self.engine]
        )
        refuse_missing_modules(state, self._entry)
        self._answer = await self._guard.launch(
            zipapp, told, bind="0.0.0.0", silence_seconds=self._silence_seconds
        )
        try:
            self._files = await self._connection.start_sftp_client()
        except (asyncssh.Error, OSError) as error:
            raise DeployError(
                f"takes no files: {error}", where=self._place, expected="SFTP in its ssh server"
            ) from error
        self._folder = state.folder
        host = (self._connection.get_extra_info("peername") or [self._entry.address])[0]
        return NodeAddress(f"tcp://{host}:{self._answer.port}", host, told.public_key)

    async def _put(self, folder: Path, name: str) -> str:
        import asyncssh

        if self._files is None or self._folder is None:
            raise DeployError("is not up", where=self._place)
        target = posixpath.join(self._folder, "parts", name)
        try:
            # Never made here: where it is gone the guard has cleared up, and nothing may follow.
            if not await self._files.isdir(posixpath.dirname(target)):
                raise DeployError("its node manager has ended", where=self._place)
            if await self._files.exists(target):
                raise DeployError(f"has a {name} already", where=self._place)
            try:
                await self._files.put(str(folder), target, recurse=True, follow_symlinks=True)
            except BaseException:
                with suppress(asyncssh.Error, OSError):
                    await self._files.rmtree(target)
                raise
        except asyncssh.SFTPError as error:
            raise DeployError(
                f"{folder} cannot be copied: {await self._disk_reason(folder, error)}",
                where=self._place,
            ) from error
        except asyncssh.Error as error:
            raise DeployError(
                f"{folder} cannot be copied: {error.reason}", where=self._place
            ) from error
        except OSError as error:
            raise DeployError(
                f"{folder} cannot be copied: {error.strerror or error}", where=self._place
            ) from error
        return target

    async def _disk_reason(self, folder: Path, error: asyncssh.SFTPError) -> str:
        """SFTP says no more than "Failure" for a full disk."""
        import asyncssh

        assert self._files is not None
        assert self._folder is not None
        with suppress(asyncssh.Error, OSError):
            disk = await self._files.statvfs(self._folder)
            free = (disk.bavail or 0) * (disk.frsize or 0)
            needed = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            if free < needed:
                return f"its disk is full: {free} bytes free, {needed} needed"
        return error.reason

    async def _collect(self, target: Path) -> list[Path]:
        import asyncssh

        copies: list[Path] = []
        if self._files is None or self._folder is None:
            return copies
        logs = posixpath.join(self._folder, "logs")
        try:
            names = sorted(str(name) for name in await self._files.listdir(logs))
            for name in names:
                # A name from the board becomes part of a path here.
                if name.endswith(".log") and "/" not in name:
                    target.mkdir(parents=True, exist_ok=True)
                    await self._files.get(posixpath.join(logs, name), str(target / name))
                    copies.append(target / name)
        except (asyncssh.Error, OSError) as error:
            raise DeployError(
                f"logs cannot be copied to {target}: {error}", where=self._place
            ) from error
        return copies

    async def _stop(self) -> None:
        import asyncssh

        connection, guard, files = self._connection, self._guard, self._files
        self._connection = self._guard = self._files = self._folder = self._answer = None
        with suppress(asyncssh.Error, OSError):
            if files is not None:
                files.exit()
        if guard is not None:
            await guard.finish()
        if connection is not None:
            # Not close(), which waits for an answer that a dead link never brings.
            connection.abort()


def refuse_missing_modules(state: BoardState, entry: BoardEntry) -> None:
    """Raises DeployError, naming the board, for the first module that cannot be used there."""
    for module, reason in state.reasons.items():
        who = "a node" if module in NEEDED_MODULES else f"engine {entry.engine}"
        raise DeployError(
            f"{entry.python} cannot use {module}: {reason}",
            where=f"board {entry.name}",
            expected=f"{DISTRIBUTIONS.get(module, module)}, which {who} needs",
        )
