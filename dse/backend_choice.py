"""Backends by name, each given the board and limits it needs, and asked whether it can work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from dse.errors import InputError
from finn_flows.backends import BACKENDS, load_backend
from finn_flows.backends.interface import Backend

if TYPE_CHECKING:
    from finn_flows.backends.vivado import VivadoBackend
    from finn_flows.tool_process import Limits
    from finn_flows.vivado.board import VivadoBoard

DEFAULT_CLOCK_MHZ = 100.0


@dataclass(frozen=True)
class BuildTarget:
    """What is built for, as a person says it; None: nothing said.

    ``board_file``: TOML file of boards that FINN does not know. ``tool_hours``, ``tool_memory_gb``:
    what one run of a vendor's tool may take. ``here``: whether builds run on this machine; what is
    not installed is then found out before anything begins.
    """

    device: str | None = None
    board: str | None = None
    board_file: Path | None = None
    clock_mhz: float | None = None
    tool_hours: float | None = None
    tool_memory_gb: float | None = None
    here: bool = True

    def clock(self) -> float:
        """The one given, else the board's, else 100. Raises InputError as :func:`find_board`."""
        from dse.clock_range import check_clock
        from dse.device_choice import board_of_file

        if self.clock_mhz is not None:
            check_clock(self.clock_mhz)
            return self.clock_mhz
        board = board_of_file(self.board, self.board_file)
        return DEFAULT_CLOCK_MHZ if board is None else board.clock_mhz or DEFAULT_CLOCK_MHZ


def choose_backends(
    names: Sequence[str], target: BuildTarget, instead: Sequence[str] | None = None
) -> list[Backend]:
    """The backends called ``names``, each once, the quicker ones first.

    ``instead``: the backends to name where one of these lacks something; None: all others.

    Imports neither FINN nor a network before what a backend needs of this machine is known to be
    there. Raises InputError for an unknown name, for a tool or library that is missing (one line,
    with the backends that would work), for limits that no backend heeds, and for a board or a
    clock that the backend cannot build for.
    """
    order = list(BACKENDS)
    found = {name: load_backend(name) for name in names}
    backends = [found[name] for name in sorted(found, key=order.index)]
    limited = target.tool_hours is not None or target.tool_memory_gb is not None
    if limited and "vivado" not in found:
        raise InputError(
            "--tool-hours and --tool-memory limit a vendor's tools, and no backend here runs any",
            choices=["--backend vivado"],
        )
    for backend in backends:
        if backend.name == "vivado":
            if instead is None:
                instead = [other for other in BACKENDS if other != backend.name]
            _set_up(cast("VivadoBackend", backend), target, instead)
    return backends


def tool_limits(limits: Limits, hours: float | None, memory_gb: float | None) -> Limits:
    """``limits`` of a vendor's tool, with those that were given in place of its own."""
    if hours is not None:
        limits = replace(limits, seconds=3600 * hours)
    if memory_gb is not None:
        limits = replace(limits, memory_bytes=round(memory_gb * 1024**3))
    return limits


def _set_up(backend: VivadoBackend, target: BuildTarget, instead: Sequence[str]) -> None:
    from finn_flows.vivado.clock_limits import check_board_clock
    from finn_flows.vivado.installation import find_installation

    if target.here:
        find_installation(instead)
    backend.board = _board(target)
    check_board_clock(backend.board, target.clock())
    backend.limits = tool_limits(backend.limits, target.tool_hours, target.tool_memory_gb)
    if target.here:
        backend.check()


def _board(target: BuildTarget) -> VivadoBoard:
    from dse.device_choice import DEFAULT_BOARD, DEFAULT_DEVICE
    from finn_flows.vivado.board import find_board, finn_boards

    board = target.board
    if board is None and target.device in (None, DEFAULT_DEVICE):
        board = DEFAULT_BOARD
    if board is None:
        raise InputError(
            f"backend vivado builds an overlay for a board, not for {target.device} alone",
            expected="--board NAME",
            choices=sorted(board.name for board in finn_boards()),
        )
    return find_board(board, target.board_file)
