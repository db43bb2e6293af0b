"""A connection to a board over SSH: host keys are strict, every failure is one line."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dse.deploy.boards_file import BoardEntry
from dse.errors import DeployError

if TYPE_CHECKING:
    import asyncssh

#: A board on a link that is up answers in far less; a person waits no longer.
CONNECT_SECONDS = 15.0
#: The connection counts as lost after three of these without an answer.
KEEPALIVE_SECONDS = 2.0


async def connect(
    entry: BoardEntry, *, seconds: float = CONNECT_SECONDS
) -> asyncssh.SSHClientConnection:
    """Log in to the board, by key only. ``~/.ssh/config`` and the ssh agent count as for ``ssh``.

    Raises DeployError, naming the board and what to do, where it is unreachable, its host key is
    unknown or another one, or it does not let us in.
    """
    import asyncssh

    place = f"board {entry.name}"
    known = _KnownHosts(entry)
    options: dict[str, Any] = {"known_hosts": known.match}
    if entry.user is not None:
        options["username"] = entry.user
    if entry.port is not None:
        options["port"] = entry.port
    if entry.key is not None:
        options["client_keys"] = [_private_key(entry.key, place)]
    try:
        await known.prepare()
        async with asyncio.timeout(seconds):
            return await asyncssh.connect(
                entry.address,
                **options,
                # Node managers listen on IPv4.
                family=socket.AF_INET,
                # Nobody is there to be asked for a password.
                preferred_auth="publickey",
                keepalive_interval=KEEPALIVE_SECONDS,
                keepalive_count_max=3,
            )
    except (asyncssh.Error, OSError, ValueError) as error:
        raise await _explained(error, entry, known, seconds) from error


async def _explained(
    error: Exception, entry: BoardEntry, known: _KnownHosts, seconds: float
) -> DeployError:
    """What a person can do about it."""
    import asyncssh

    place = f"board {entry.name}"
    said = f"cannot be reached: {known.called}"
    if isinstance(error, TimeoutError):
        return DeployError(f"{said} does not answer within {seconds:g} s", where=place)
    if isinstance(error, asyncssh.PermissionDenied):
        return DeployError(
            f"{known.called} does not let user {known.user} in with "
            f"{entry.key or 'any key of yours'}",
            where=place,
            expected="its public key in authorized_keys there",
        )
    if isinstance(error, asyncssh.HostKeyNotVerifiable) or await known.another_key_answers():
        return known.refusal(place)
    if isinstance(error, asyncssh.ConfigParseError):
        return DeployError(f"the ssh configuration is wrong: {error}", where=place)
    if isinstance(error, asyncssh.Error):
        return DeployError(f"{known.called}: {error.reason}", where=place)
    if isinstance(error, socket.gaierror):
        return DeployError(f"there is no host {known.called}: {error.strerror}", where=place)
    # asyncio's own words for a refused connection say less than the system's.
    number = getattr(error, "errno", None)
    reason = os.strerror(number) if number else getattr(error, "strerror", None) or str(error)
    return DeployError(f"{said}: {reason}", where=place)


class _KnownHosts:
    """The host keys that are known of one board, and what a failure means in their light."""

    def __init__(self, entry: BoardEntry) -> None:
        self._entry = entry
        self._files: list[Path] = []
        self._shown = Path()
        self._trusted: list[asyncssh.SSHKey] = []
        self.user: str = entry.user or ""
        self._port = entry.port or 22

    @property
    def called(self) -> str:
        """The host to a person."""
        return self._entry.address if self._port == 22 else f"{self._entry.address}:{self._port}"

    async def prepare(self) -> None:
        """Find the files: those of the board, else of the ssh configuration, else the user's."""
        import asyncssh

        given: dict[str, Any] = {"host": self._entry.address, "config": ()}
        if self._entry.port is not None:
            given["port"] = self._entry.port
        if self._entry.user is not None:
            given["username"] = self._entry.user
        options = await asyncssh.SSHClientConnectionOptions.construct(None, **given)
        self.user, self._port = options.username, options.port
        if self._entry.known_hosts is not None:
            files = [self._entry.known_hosts]
            if not files[0].is_file():
                raise DeployError(
                    "there is no such file of host keys",
                    where=files[0],
                    expected=f"known_hosts of board {self._entry.name}",
                )
        else:
            # A configuration that switches the check off is not followed: strict means strict.
            listed = options.known_hosts if isinstance(options.known_hosts, list) else []
            files = [Path(str(file)).expanduser() for file in listed]
            files = files or [Path("~/.ssh/known_hosts").expanduser()]
        self._files = [file for file in files if file.is_file()]
        self._shown = files[0]

    def match(self, host: str, addr: str, port: int | None) -> Any:
        """What asyncssh asks for: trusted, authorities, revoked, ... keys of the host."""
        import asyncssh

        if not self._files:
            return [], [], [], [], [], [], []
        known = asyncssh.read_known_hosts([str(file) for file in self._files])
        found = known.match(host, addr, port)
        self._trusted = [*found[0], *found[1]]
        return found

    async def another_key_answers(self) -> bool:
        """Whether the host is known, and has a key of another kind: the two then agree on none,
        and who hangs up first is chance."""
        import asyncssh

        if not self._trusted:
            return False
        port: int | tuple[()] = () if self._entry.port is None else self._entry.port
        with suppress(asyncssh.Error, OSError, ValueError):
            async with asyncio.timeout(KEEPALIVE_SECONDS):
                key = await asyncssh.get_server_host_key(self._entry.address, port)
            return key is not None and key not in self._trusted
        return False

    def refusal(self, place: str) -> DeployError:
        """Why the host key was refused."""
        if self._trusted:
            return DeployError(
                f"the host key of {self.called} is not the one in {self._shown}: the board was set "
                "up anew, or something answers in its place",
                where=place,
                expected="the known key",
            )
        scan = f"ssh-keyscan {'' if self._port == 22 else f'-p {self._port} '}{self._entry.address}"
        return DeployError(
            f"the host key of {self.called} is not known",
            where=place,
            expected=f"a line for it in {self._shown} (`{scan}` prints one; compare its "
            "fingerprint with the board's own before you add it)",
        )


def _private_key(path: Path, place: str) -> Any:
    import asyncssh

    try:
        return asyncssh.read_private_key(path)
    except OSError as error:
        raise DeployError(
            f"the ssh key cannot be read: {error.strerror}", where=path, expected=f"key of {place}"
        ) from error
    except asyncssh.KeyImportError as error:
        # Where it is encrypted, too: whom should a background thread ask?
        raise DeployError(
            f"not a private ssh key that can be used: {error}",
            where=path,
            expected=f"the key of {place}; one with a passphrase belongs in the ssh agent, and not "
            "in the file of boards",
        ) from error
