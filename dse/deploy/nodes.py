"""The boards of a deployment: brought up together, reached through one control hub, taken down."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from dse.deploy.board import Board
from dse.deploy.key_files import ClientKeys
from dse.deploy.node_control import ControlHub, NodeControl
from dse.errors import DeployError

Item = TypeVar("Item")
Result = TypeVar("Result")


class Nodes:
    """``boards``, each with its node manager. A context manager: entering brings all boards up (at
    the same time), leaving takes them down, whatever state they are in.

    ``keys``: of this client; the boards were made with its public key.
    """

    def __init__(
        self, boards: Sequence[Board], keys: ClientKeys, *, lease_seconds: float = 3.0
    ) -> None:
        names = [board.name for board in boards]
        if len(set(names)) != len(names):
            raise DeployError(f"two boards of one name among {', '.join(names)}")
        self.boards = tuple(boards)
        self.hub: ControlHub
        self._keys = keys
        self._lease_seconds = lease_seconds
        self._controls: dict[str, NodeControl] = {}
        self._on_boards: dict[tuple[str, str], str] = {}
        # Of each board: several applications may copy to it, or find it lost, at the same time.
        self._locks = {name: threading.RLock() for name in names}
        self._stack = ExitStack()

    def __enter__(self) -> Nodes:
        with ExitStack() as stack:
            self.hub = stack.enter_context(
                ControlHub(self._keys, lease_seconds=self._lease_seconds)
            )
            stack.callback(self._stop_all)
            for board, control in zip(
                self.boards, self._at_once(self.boards, self._bring_up), strict=True
            ):
                self._controls[board.name] = control
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def control(self, board: Board) -> NodeControl:
        """The node manager of ``board``."""
        return self._controls[board.name]

    def put(self, board: Board, folder: Path, name: str) -> str:
        """Copy ``folder`` to ``board`` as ``name``, once; the absolute path there."""
        key = (board.name, name)
        with self._locks[board.name]:
            if key not in self._on_boards:
                self._on_boards[key] = board.put(folder, name)
            return self._on_boards[key]

    def put_all(self, folders: Sequence[tuple[Board, Path, str]]) -> list[str]:
        """:meth:`put` for several boards at the same time."""
        return self._at_once(folders, lambda one: self.put(*one))

    def revive(self, boards: Sequence[Board] | None = None) -> list[str]:
        """Bring every one of ``boards`` (default: all) up again whose manager is lost; their
        names. What was copied to them is gone."""
        return [
            board.name
            for board in (self.boards if boards is None else boards)
            if self._revive(board)
        ]

    def _revive(self, board: Board) -> bool:
        with self._locks[board.name]:
            if not self._controls[board.name].is_lost:
                return False
            self.hub.disconnect(self._controls[board.name])
            board.stop()
            for key in [key for key in list(self._on_boards) if key[0] == board.name]:
                del self._on_boards[key]
            self._controls[board.name] = self._bring_up(board)
            return True

    def collect(self, into: Path) -> list[Path]:
        """Copy all logs into a folder for each board. A board that does not answer is left out."""
        copies: list[Path] = []
        for board in self.boards:
            try:
                copies += board.collect(into)
            except DeployError:
                continue
        return copies

    def _bring_up(self, board: Board) -> NodeControl:
        return self.hub.connect(board.name, board.start())

    def _stop_all(self) -> None:
        self._at_once(self.boards, lambda board: board.stop())

    def _at_once(self, items: Sequence[Item], work: Callable[[Item], Result]) -> list[Result]:
        """``work`` on each in a thread of its own; the first error, once all have ended."""
        with ThreadPoolExecutor(max_workers=min(32, max(1, len(items)))) as pool:
            futures = [pool.submit(work, item) for item in items]
        return [future.result() for future in futures]
