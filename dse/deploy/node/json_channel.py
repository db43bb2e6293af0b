"""JSON messages, one a line, over a pair of sockets between the node manager and a stage."""

from __future__ import annotations

import os
import socket
import threading
from typing import Any, Dict, Iterator, List

from dse.deploy.node.strict_json import from_json, to_json

#: Longest message in bytes; a longer one closes the channel.
MOST_BYTES = 1 << 20


class JsonChannel:
    """One end. Sending is safe from several threads."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._received = b""

    @classmethod
    def from_descriptor(cls, descriptor: int) -> JsonChannel:
        """The end that was inherited as ``descriptor``."""
        os.set_inheritable(descriptor, False)
        return cls(socket.socket(fileno=descriptor))

    def fileno(self) -> int:
        """To wait for it among others."""
        return self._connection.fileno()

    def send(self, message: Dict[str, Any]) -> None:
        """Send ``message``. OSError if the other end is gone; ValueError for a number that is not
        finite, TypeError for what is no JSON: nothing is sent then."""
        line = to_json(message).encode() + b"\n"
        with self._lock:
            self._connection.sendall(line)

    def receive(self) -> Iterator[Dict[str, Any]]:
        """Every message until the other end is gone; waits for each."""
        while True:
            messages = self.read()
            if messages is None:
                return
            yield from messages

    def read(self) -> List[Dict[str, Any]] | None:
        """What one read brings, perhaps no whole message; None at the end of the channel.

        Raises ValueError for what is no JSON object, or too long.
        """
        try:
            piece = self._connection.recv(65536)
        except OSError:
            return None
        if not piece:
            return None
        *lines, self._received = (self._received + piece).split(b"\n")
        if len(self._received) > MOST_BYTES:
            raise ValueError(f"a message of more than {MOST_BYTES} bytes")
        messages = [from_json(line.decode("utf-8")) for line in lines]
        if not all(isinstance(message, dict) for message in messages):
            raise ValueError("a message that is no JSON object")
        return messages

    def close(self) -> None:
        """Close this end."""
        self._connection.close()
