"""The ``vivado`` backend: every part as a bitstream, through FINN and the vendor's tools."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path

from dse.errors import BuildError, InputError
from finn_flows.backends.interface import BuildResult, Part, SharedStep
from finn_flows.build_status import clear_status, write_status
from finn_flows.cache_directory import cache_directory
from finn_flows.tool_process import Limits
from finn_flows.vendor.installed import tool_version
from finn_flows.vendor.kept_steps import MARKERS, KeptSteps
from finn_flows.vivado.board import AlveoBoard, VivadoBoard
from finn_flows.vivado.board_content import board_text
from finn_flows.vivado.copied_folder import copy_folder
from finn_flows.vivado.failed_build import leave_texts
from reports.sweep_record import SweepRecord
from reports.utilization import Source

#: Changes with every change of ours that can change the numbers (part of the store's key).
FLOW_VERSION = "1"
#: In the folder of a build: what is kept of it.
_RESULT = "result"
_INSTEAD = ("estimate", "yosys")
#: What a run of a tool may take: implementation of a full device takes hours and many GB.
VIVADO_LIMITS = Limits(seconds=12 * 3600.0, memory_bytes=32 * 1024**3)


class VivadoBackend:
    """Counts after placement, timing and power of an overlay: the part, its DMA, the Zynq shell.

    For an Alveo card, which Vitis links for, the shell is all of the card's platform.

    ``board``: what it is built for; a part's device must be the board's. ``limits``: time and
    memory that one run of a tool may take. ``jobs``: runs that Vivado may have at a time.
    ``measure_fifos``: FIFOs between layers as deep as a simulation of the part asks for; else
    there are none, and the part may be slower than its slowest layer.

    Steps of a build are kept in the cache folder until its result is there: what was interrupted
    goes on. Cycles are FINN's estimate.
    """

    name = "vivado"
    source = Source.VIVADO_PLACED
    depends_on_clock = True
    #: What a worker of a cluster must offer for one build (dse/executors/interface.py).
    resources: Mapping[str, float] = {"vivado": 1}

    def __init__(
        self,
        *,
        board: VivadoBoard | None = None,
        limits: Limits | None = None,
        jobs: int = 2,
        measure_fifos: bool = True,
    ) -> None:
        self.board = board
        self.limits = limits or VIVADO_LIMITS
        self.jobs = jobs
        self.measure_fifos = measure_fifos

    def tool_versions(self) -> dict[str, str]:
        """Of Vivado (``none`` where there is none), FINN, the flow; the board as it is set up."""
        linker = {"v++": tool_version("v++") or "none"} if _is_card(self.board) else {}
        return {
            "vivado": tool_version("vivado") or "none",
            **linker,
            "finn-plus": version("finn-plus"),
            "board": board_text(self.board),
            "fifos": "measured" if self.measure_fifos else "none",
            "flow": FLOW_VERSION,
        }

    def check(self) -> None:
        """InputError, one line, if a build cannot even begin: no tool, no library, no board."""
        from finn_flows.vivado.installation import check_libraries, find_installation

        installation = find_installation(instead=_INSTEAD)
        check_libraries(self._board(), installation)
        self._check_card()
        if self.measure_fifos:
            _check_simulation()

    def build(self, part: Part, directory: Path) -> BuildResult:
        """Build ``part``; leaves bitstream, handoff, driver, reports, scripts and logs.

        A design that does not fit has counts of synthesis alone (source ``vivado-synth``), one that
        misses timing is placed; ``implementation.misses`` says so. Raises ToolError where a tool
        fails, BuildError where FINN does or the part's device is not the board's; logs and scripts
        as far as the build came are left then.
        """
        from finn_flows.vivado.build_result import build_result

        if not part.network.layers:
            return BuildResult(None, None, None, ())
        self._bring(part, directory)
        clear_status(directory)
        return build_result(part, directory)

    def write_folder(self, part: Part, record: SweepRecord, directory: Path) -> list[Path]:
        """Everything of ``part``, built before as ``record`` says; the paths.

        See :mod:`finn_flows.vivado.part_folder`.
        """
        from finn_flows.vivado.part_folder import write_part_folder

        self._bring(part, directory)
        clear_status(directory)
        versions = self.tool_versions()
        return write_part_folder(part, self._board(), record, versions, directory)

    def _bring(self, part: Part, directory: Path) -> None:
        """Copy what is kept of a build of ``part`` into ``directory``; build it if it is new."""
        self._check_device(part)
        directory.mkdir(parents=True, exist_ok=True)
        write_status(directory, "waiting for another build of this part")
        key = part.key(self)
        with KeptSteps(cache_directory("vivado") / key) as steps:
            folder = steps.folder / _RESULT
            make = partial(self._make, part, steps, directory)
            try:
                steps.do("result", key, make, outputs=[folder])
            except Exception as error:
                leave_texts(steps.folder, directory, error)
                raise
            _empty(steps.folder)
            copy_folder(folder, directory)

    def _make(self, part: Part, steps: KeptSteps, directory: Path) -> None:
        """Everything of ``part`` that is kept, in the folder of ``steps``."""
        from finn_flows.vivado.alveo_build import AlveoBuild
        from finn_flows.vivado.build_result import gather
        from finn_flows.vivado.build_steps import PartBuild
        from finn_flows.vivado.installation import check_libraries, find_installation

        board, installation = self._board(), find_installation()
        check_libraries(board, installation)
        self._check_card()
        say = partial(write_status, directory)
        build = (AlveoBuild if _is_card(board) else PartBuild)(
            part,
            board,
            installation,
            steps,
            part.key(self),
            limits=self.limits,
            jobs=self.jobs,
            fifo_depths=self._fifo_depths(part, say),
            status=say,
        )
        gather(build, build.emptied(_RESULT))

    def shared_steps(self, points: Sequence[Part]) -> Sequence[SharedStep]:
        """HLS of each layer that several of ``points`` have; see :mod:`.vivado.shared_hls`."""
        from finn_flows.vivado.shared_hls import shared_steps

        buildable = self._board().part.lower()
        if any(part.device.lower() != buildable for part in points):
            return ()  # build says why
        versions = self.tool_versions()
        return shared_steps(points, versions, self.limits, measure=self.measure_fifos)

    def _fifo_depths(self, part: Part, say: Callable[[str], None]) -> Mapping[str, int]:
        from finn_flows.vivado.shared_hls import try_fifo_depths

        if not self.measure_fifos:
            return {}
        say("FIFO depths")
        return try_fifo_depths(part.whole, part.folding, part.device)

    def _board(self) -> VivadoBoard:
        if self.board is None:
            raise InputError("backend vivado builds for a board: none is given")
        return self.board

    def _check_card(self) -> None:
        from finn_flows.vivado.vitis import check_vitis

        if isinstance(self.board, AlveoBoard):
            check_vitis(self.board, instead=_INSTEAD)

    def _check_device(self, part: Part) -> None:
        board = self._board()
        if part.device.lower() != board.part.lower():
            raise BuildError(
                f"{part} is for {part.device}", expected=f"{board.part} of {board.name}"
            )
        if _is_card(board) and not float(part.clock_mhz).is_integer():
            raise BuildError(
                f"{part} is for {part.clock_mhz:g} MHz", expected="whole MHz, which v++ takes"
            )


def _is_card(board: VivadoBoard | None) -> bool:
    return isinstance(board, AlveoBoard)


def _check_simulation() -> None:
    """InputError without what FIFOs are measured with: Verilator and a C++ compiler."""
    from finn_flows.simulation.verilator import SimulationError, find_compiler, find_verilator

    try:
        find_verilator()
        find_compiler()
    except SimulationError as error:
        raise InputError(f"FIFO depths: {error.message}", expected=error.expected) from error


def _empty(folder: Path) -> None:
    """Leave of a finished build its result alone: its projects take gigabytes."""
    for path in folder.iterdir():
        if path.is_dir() and path.name not in (_RESULT, MARKERS):
            shutil.rmtree(path, ignore_errors=True)
