"""The contract between a deployment and a board."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class NodeAddress:
    """Where a node manager is. ``control``: ``tcp://host:port`` of its ROUTER socket;
    ``data_host``: address at which other boards and the client reach its stages; ``server_key``:
    its public CURVE key, z85."""

    control: str
    data_host: str
    server_key: str


class Board(Protocol):
    """A board, emulated or real. ``engine``: what computes on it (onnx, rtl, pynq)."""

    name: str
    engine: str

    def start(self) -> NodeAddress:
        """Bring the node manager up. Raises DeployError, naming the board, where it cannot be."""
        ...

    def put(self, folder: Path, name: str) -> str:
        """Copy ``folder`` to the board as ``name``; returns the absolute path of the copy there.

        Raises DeployError, naming the board, where it cannot be written (full disk).
        """
        ...

    def collect(self, into: Path) -> list[Path]:
        """Copy the logs of the manager and of its stages into ``into``; returns the copies."""
        ...

    def stop(self) -> None:
        """End the manager and every process of it, and remove its files. May be called twice, and
        after a crash of any of them."""
        ...
