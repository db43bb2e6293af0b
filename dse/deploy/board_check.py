"""Whether boards can be deployed to, and what is on them."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dse.deploy.boards_file import BoardEntry
from dse.deploy.ssh_board import ENGINE_MODULES, refuse_missing_modules
from dse.deploy.ssh_connect import CONNECT_SECONDS, connect
from dse.deploy.ssh_guard import NEEDED_MODULES, SshGuard
from dse.deploy.ssh_thread import wait_for
from dse.errors import DeployError

if TYPE_CHECKING:
    import asyncssh

_ROUND_TRIPS = 9


@dataclass(frozen=True)
class BoardCheck:
    """One board. ``error``: one line, or None where it can be deployed to. The rest is None, or
    empty, as far as the check did not get: ``python``: its version; ``machine``: as in uname;
    ``modules``: version of each that is needed, None for one that cannot be used; ``free_bytes``:
    where its working folder would be; ``round_trip_seconds``: median of SFTP requests over the
    connection, so an upper bound of the link's."""

    name: str
    address: str
    engine: str
    error: str | None = None
    python: str | None = None
    machine: str | None = None
    modules: Mapping[str, str | None] = field(default_factory=dict)
    free_bytes: int | None = None
    round_trip_seconds: float | None = None


def check_boards(
    boards: Sequence[BoardEntry], *, connect_seconds: float = CONNECT_SECONDS
) -> list[BoardCheck]:
    """Log in to all of them at once and look; nothing stays there. Raises nothing for a board
    that fails: its ``error`` says why."""

    async def together() -> list[BoardCheck]:
        return list(await asyncio.gather(*(_check(entry, connect_seconds) for entry in boards)))

    return wait_for(together())


async def _check(entry: BoardEntry, connect_seconds: float) -> BoardCheck:
    found = BoardCheck(entry.name, entry.address, entry.engine)
    try:
        connection = await connect(entry, seconds=connect_seconds)
    except DeployError as error:
        return replace(found, error=str(error))
    try:
        guard, state = await SshGuard.start(
            connection, entry, imported=(*NEEDED_MODULES, *ENGINE_MODULES[entry.engine])
        )
        await guard.finish()
        found = replace(
            found,
            python=state.python,
            machine=state.machine,
            modules=state.modules,
            free_bytes=state.free_bytes,
        )
        refuse_missing_modules(state, entry)
        return replace(found, round_trip_seconds=await _round_trip(connection, entry))
    except DeployError as error:
        return replace(found, error=str(error))
    finally:
        connection.abort()


async def _round_trip(connection: asyncssh.SSHClientConnection, entry: BoardEntry) -> float:
    """Median of a few requests; the first, which starts the server there, does not count."""
    import asyncssh

    seconds = []
    try:
        async with asyncio.timeout(10), connection.start_sftp_client() as files:
            await files.stat(".")
            for _ in range(_ROUND_TRIPS):
                begun = time.perf_counter()
                await files.stat(".")
                seconds.append(time.perf_counter() - begun)
    except (asyncssh.Error, OSError) as error:
        raise DeployError(
            f"takes no files: {error}", where=f"board {entry.name}", expected="SFTP on its server"
        ) from error
    return statistics.median(seconds)
