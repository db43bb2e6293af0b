"""What a node manager is told on its standard input, and what it answers, one JSON line each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dse.errors import DeployError

#: An answer is one short line; whatever is longer comes from something else.
LONGEST_ANSWER = 64 * 1024


@dataclass(frozen=True)
class NodeAnswer:
    """``port``: of the manager's control socket; ``pid``: its process on the board. The rest are
    the versions that it runs with."""

    port: int
    pid: int
    python: str
    zmq: str
    numpy: str


@dataclass(frozen=True)
class NodeStart:
    """CURVE keys are z85 text of 40 characters. ``public_key``, ``secret_key``: the manager's own;
    ``client_keys``: the public keys of those who may talk to it."""

    public_key: str
    secret_key: str = field(repr=False)
    client_keys: tuple[str, ...]
    lease_seconds: float

    @classmethod
    def with_new_keys(cls, client_keys: Sequence[str], lease_seconds: float) -> NodeStart:
        """Keys of its own for each start: nobody has to keep them."""
        import zmq

        public_key, secret_key = zmq.curve_keypair()
        return cls(public_key.decode(), secret_key.decode(), tuple(client_keys), lease_seconds)

    def line(self) -> bytes:
        """The line for the manager's standard input: never its command line, which all can see."""
        told: dict[str, Any] = {
            "public_key": self.public_key,
            "secret_key": self.secret_key,
            "client_keys": list(self.client_keys),
            "lease_seconds": self.lease_seconds,
        }
        return json.dumps(told).encode() + b"\n"


def read_answer(line: bytes, board: str) -> NodeAnswer:
    """The manager's line. Raises DeployError, naming the board, for any other."""
    try:
        answer = json.loads(line)
        port, pid = answer["port"], answer["pid"]
        versions = [answer[name] for name in ("python", "zmq", "numpy")]
    except (ValueError, KeyError, TypeError, RecursionError):
        port, pid, versions = None, None, []
    if (
        not (_is_count(port) and port < 1 << 16 and _is_count(pid))
        or not versions
        or not all(isinstance(version, str) for version in versions)
    ):
        raise DeployError(
            f"the node manager answered {line[:80]!r}",
            where=f"board {board}",
            expected="one JSON line with port, pid, python, zmq and numpy",
        )
    return NodeAnswer(port, pid, *versions)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
