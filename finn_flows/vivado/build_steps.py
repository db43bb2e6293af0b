"""A part from its layers to a bitstream: FINN's own steps, each kept, tools run within limits.

code/        what FINN writes for every node, with its block once that is made
blocks/      FINN's models of the partitions with their blocks
stitched/    for each partition, Vivado's project that packages it, and the model with it
overlay/     Vivado's project with the processing system around it, and the whole model
synthesis/, implementation/, bitstream/    script and result of each run of that project
logs/        what each tool printed
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from dse.errors import DseError
from finn_flows.backends.interface import Part
from finn_flows.tool_process import Limits
from finn_flows.vendor.failure import Excess, FailureKind, ToolError
from finn_flows.vendor.kept_steps import KeptSteps
from finn_flows.vendor.tool_call import ToolCall, call_tool
from finn_flows.vivado.board import VivadoBoard
from finn_flows.vivado.finn_session import FinnTools, finn_session, tool_environment
from finn_flows.vivado.hls_blocks import code_folder, hls_block, hls_key
from finn_flows.vivado.hls_run import run_hls
from finn_flows.vivado.implementation_reports import (
    PROJECT,
    read_implementation_reports,
    report_names,
    report_script,
)
from finn_flows.vivado.installation import VivadoInstallation
from finn_flows.vivado.part_model import into_partitions, part_model
from finn_flows.vivado.project_runs import (
    BITSTREAM,
    ENDED,
    HANDOFF,
    IMPLEMENTATION,
    SYNTHESIS,
    ProjectRun,
    bitstream_script,
    run_script,
)
from finn_flows.vivado.verilog_paths import make_paths_absolute
from finn_flows.vivado.zynq_shell import clock_period_ns, zynq_shell


@dataclass(frozen=True)
class Overlay:
    """What a build left.

    ``project``: folder of the Vivado project. ``bitstream`` (an xclbin for an Alveo card, which has
    no ``handoff``), ``handoff``, ``model`` (FINN's, of the partitions): None if the design does not
    fit, and then ``excess`` says by how much, as far as the tool says it. ``seconds``: wall time of
    the vendor's tools.
    """

    project: Path
    bitstream: Path | None
    handoff: Path | None
    model: Path | None
    seconds: float
    excess: tuple[Excess, ...] = ()
    #: In the tool's words why it does not fit.
    reason: str | None = None

    @property
    def fits(self) -> bool:
        return self.bitstream is not None


class PartBuild:
    """The build of ``part`` for ``board`` in the folder of ``steps``, which is this part's own.

    ``key``: content address of the part and of all tools. ``jobs``: runs that Vivado may have at a
    time. ``fifo_depths``: see :func:`part_model`. ``status`` is told what is being done.
    """

    #: FINN's word for what is around the part.
    platform = "zynq-iodma"

    def __init__(
        self,
        part: Part,
        board: VivadoBoard,
        installation: VivadoInstallation,
        steps: KeptSteps,
        key: str,
        *,
        limits: Limits,
        jobs: int,
        fifo_depths: Mapping[str, int],
        status: Callable[[str], None],
    ) -> None:
        self.part, self.board, self.installation = part, board, installation
        self.folder = steps.folder
        self._steps, self._limits, self._jobs, self._status = steps, limits, jobs, status
        self._fifo_depths = dict(sorted(fifo_depths.items()))
        self._period_ns = clock_period_ns(part.clock_mhz)
        self._key = _digest(key, json.dumps([self._fifo_depths, str(board)]))

    def overlay(self) -> Overlay:
        """Every step up to the bitstream; those that are done already are not done again.

        Raises ToolError where a tool fails, save for a design that was synthesised and does not
        fit, and BuildError where FINN does.
        """
        generated = self.do("generate", self._generate)
        blocks = self.do("blocks", partial(self._blocks, generated["models"]))
        stitched = {
            name: self.do(f"stitch {name}", partial(self._stitch, name, model))
            for name, model in blocks["models"].items()
        }
        models = {name: step["model"] for name, step in stitched.items()}
        made = self.finish(generated["parent"], models)
        return Overlay(
            self.folder / made["project"],
            self._path(made["bitstream"]),
            self._path(made["handoff"]),
            self._path(made["model"]),
            sum(step["seconds"] for step in (blocks, *stitched.values(), made)),
            tuple(Excess(**excess) for excess in made["excess"]),
            made["reason"],
        )

    def reports(self, overlay: Overlay) -> tuple[Path, float]:
        """The folder with Vivado's reports of ``overlay``, and the seconds it took to write them.

        Raises ToolError where Vivado fails.
        """
        found = self.do("reports", partial(self._reports, overlay))
        return self.folder / "reports", float(found["seconds"])

    def driver(self, overlay: Overlay) -> Path:
        """The folder with what the board's side of FINN needs to know of ``overlay``."""
        return self.folder / str(self.do("driver", partial(self._driver, overlay))["folder"])

    def do(self, name: str, work: Callable[[list[Path]], Any]) -> Any:
        """What the step ``name`` gives (JSON), done after all before it and then kept.

        ``work`` is given a list, to which it adds the files and folders that it leaves.
        """
        outputs: list[Path] = []
        result = self._steps.do(name, self._key, partial(work, outputs), outputs=outputs)
        self._key = _digest(self._key, name, json.dumps(result, sort_keys=True))
        return result

    def call(self, step: str, command: Sequence[str], directory: Path, *makes: Path) -> float:
        """Run a tool; its wall time in seconds. Raises ToolError."""
        call = ToolCall(
            step,
            Path(command[0]).name,
            tuple(command),
            directory,
            self.folder / "logs" / f"{step.replace(' ', '_')}.log",
            makes,
            environment=tool_environment(),
        )
        return call_tool(call, self._limits, self._status).seconds

    def emptied(self, name: str) -> Path:
        """The folder ``name`` of this build, without what an earlier try has left in it."""
        folder = self.folder / name
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        return folder

    def session(self, folder: Path, call: Callable[..., None]) -> AbstractContextManager[None]:
        """FINN building into ``folder``; it starts tools by ``call(command, directory)``."""
        logs = self.folder / "logs"
        logs.mkdir(exist_ok=True)
        tools = FinnTools(self.installation, call)
        return finn_session(folder, jobs=self._jobs, log=logs / "finn.log", tools=tools)

    def _generate(self, outputs: list[Path]) -> dict[str, Any]:
        """FINN's code for every node, with no tool: the model of partitions, and theirs."""
        from finn.transformation.fpgadataflow.prepare_ip import PrepareIP
        from qonnx.core.modelwrapper import ModelWrapper

        self._status("code of every layer")
        folder, device = self.emptied("code"), self.part.device
        with finn_session(folder, jobs=self._jobs):
            model, files = into_partitions(
                part_model(self.part, self._fifo_depths),
                device,
                self.board.port_bits,
                folder / "partitions",
            )
            for file in files.values():
                inside = ModelWrapper(str(file)).transform(PrepareIP(device, self._period_ns))
                for node in inside.graph.node:
                    make_paths_absolute(node)
                inside.save(str(file))
            model.save(str(folder / "parent.onnx"))
        outputs += [file for file in folder.rglob("*") if file.is_file()]
        return {
            "parent": self._relative(folder / "parent.onnx"),
            "models": {name: self._relative(file) for name, file in files.items()},
        }

    def _blocks(self, models: Mapping[str, str], outputs: list[Path]) -> dict[str, Any]:
        """HLS of every node that is C++."""
        from finn.util.fpgadataflow import is_hls_node
        from qonnx.core.modelwrapper import ModelWrapper

        folder = self.emptied("blocks")
        run = partial(
            run_hls,
            installation=self.installation,
            device=self.part.device,
            limits=self._limits,
            status=self._status,
        )
        seconds, files = 0.0, {}
        for name, path in models.items():
            model = ModelWrapper(str(self.folder / path))
            with finn_session(folder):
                keys = {
                    node.name: hls_key(node, self.part.device, self.installation.release)
                    for node in model.graph.node
                    if is_hls_node(node)
                }
            for node in model.graph.node:
                if node.name in keys:
                    seconds += hls_block(node, keys[node.name], run)
                outputs.append(code_folder(node))
                make_paths_absolute(node)
            files[name] = folder / f"{name}.onnx"
            model.save(str(files[name]))
        outputs += files.values()
        return {
            "seconds": seconds,
            "models": {name: self._relative(file) for name, file in files.items()},
        }

    def _stitch(self, name: str, path: str, outputs: list[Path]) -> dict[str, Any]:
        """One partition as a block of its own."""
        from finn.transformation.fpgadataflow.create_stitched_ip import CreateStitchedIP
        from qonnx.core.modelwrapper import ModelWrapper

        folder = self.emptied(f"stitched/{name}")
        seconds = 0.0

        def call(command: Sequence[str], directory: Path) -> None:
            nonlocal seconds
            made = (directory / "ip" / "component.xml", directory / "all_verilog_srcs.txt")
            seconds += self.call(f"stitch {name}", command, directory, *made)
            _check_one(f"stitch {name}", directory, f"*.*/sources_1/bd/{name}/hdl/{name}_wrapper.v")
            outputs.append(directory / "ip")

        with self.session(folder, call):
            model = ModelWrapper(str(self.folder / path)).transform(
                CreateStitchedIP(self.part.device, self._period_ns, name)
            )
            model.set_metadata_prop("platform", self.platform)
            model.save(str(folder / "model.onnx"))
        outputs.append(folder / "model.onnx")
        return {"seconds": seconds, "model": self._relative(folder / "model.onnx")}

    def finish(self, parent: str, models: Mapping[str, str]) -> dict[str, Any]:
        """From the partitions to what :class:`Overlay` is made of; each run of Vivado's is a step.

        ``parent``: model of partitions, ``models``: theirs, with their blocks, by name.
        """
        made = self.do("project", partial(self._project, parent, models))
        project = self.folder / made["project"]
        synthesis = self.do(SYNTHESIS.name, partial(self._run, SYNTHESIS, project))
        placed = self.do(IMPLEMENTATION.name, partial(self._implementation, project))
        seconds = made["seconds"] + synthesis["seconds"] + placed["seconds"]
        found: dict[str, Any] = dict.fromkeys(("bitstream", "handoff", "model"))
        if placed["fits"]:
            written = self.do("bitstream", partial(self._bitstream, project))
            seconds += written["seconds"]
            found = {**written, "model": made["model"]}
        return {**placed, **found, "project": made["project"], "seconds": seconds}

    def _project(
        self, parent: str, models: Mapping[str, str], outputs: list[Path]
    ) -> dict[str, Any]:
        """The project of the processing system and the partitions, nothing of it synthesised."""
        from finn.transformation.fpgadataflow.make_zynq_proj import MakeZYNQProject
        from qonnx.core.modelwrapper import ModelWrapper
        from qonnx.custom_op.registry import getCustomOp

        folder = self.emptied("overlay")
        model = ModelWrapper(str(self.folder / parent))
        for node in model.graph.node:
            getCustomOp(node).set_nodeattr("model", str(self.folder / models[node.name]))
        project, seconds = folder, 0.0

        def call(command: Sequence[str], directory: Path) -> None:
            nonlocal project, seconds
            project = directory
            made = directory / f"{PROJECT}.xpr"
            seconds = self.call("project", command, directory, made)
            raise _ProjectMadeError("FINN would look for the bitstream now")

        with (
            self.session(folder, call),
            zynq_shell(self.board, self.part.clock_mhz),
            suppress(_ProjectMadeError),
        ):
            # Not model.transform: that works on a copy, which would be lost.
            MakeZYNQProject(self.board.name, self._period_ns).apply(model)
        model.set_metadata_prop("platform", self.platform)
        model.save(str(folder / "parent.onnx"))
        # Of the project itself nothing: Vivado writes in it with every run.
        outputs += [folder / "parent.onnx", project / "ip_config.tcl"]
        return {
            "seconds": seconds,
            "project": self._relative(project),
            "model": self._relative(folder / "parent.onnx"),
        }

    def _run(self, run: ProjectRun, project: Path, outputs: list[Path]) -> dict[str, Any]:
        """One run of the project."""
        folder = self.emptied(run.name)
        seconds = self._batch(run.name, run_script(project, run, self._jobs), folder, ENDED)
        outputs += [folder / ENDED, project / run.leaves]
        return {"seconds": seconds}

    def _bitstream(self, project: Path, outputs: list[Path]) -> dict[str, Any]:
        folder = self.emptied("bitstream")
        script = bitstream_script(project)
        seconds = self._batch("bitstream", script, folder, BITSTREAM, HANDOFF, ENDED)
        files = {"bitstream": folder / BITSTREAM, "handoff": folder / HANDOFF}
        outputs += files.values()
        return {
            "seconds": seconds,
            **{role: self._relative(file) for role, file in files.items()},
        }

    def _batch(self, name: str, script: str, folder: Path, *makes: str) -> float:
        """Vivado in batch mode with ``script`` in ``folder``; its wall time in seconds."""
        file = folder / f"{name}.tcl"
        file.write_text(script)
        command = ("vivado", "-mode", "batch", "-source", file.name)
        return self.call(name, command, folder, *(folder / made for made in makes))

    def _implementation(self, project: Path, outputs: list[Path]) -> dict[str, Any]:
        """Placed and routed; or that it does not fit, which is a result, too."""
        started = time.monotonic()
        try:
            ended = self._run(IMPLEMENTATION, project, outputs)
        except ToolError as error:
            if error.kind is not FailureKind.DOES_NOT_FIT:
                raise
            return {
                "fits": False,
                "excess": [asdict(excess) for excess in error.excess],
                "reason": error.reason,
                "seconds": time.monotonic() - started,
            }
        return {"fits": True, "excess": [], "reason": None, "seconds": ended["seconds"]}

    def _reports(self, overlay: Overlay, outputs: list[Path]) -> dict[str, Any]:
        folder = self.emptied("reports")
        script = report_script(overlay.project, folder, placed=overlay.fits)
        makes = report_names(placed=overlay.fits)
        seconds = self._batch("reports", script, folder, *makes)
        # Here, since what is damaged must not be kept: it is written anew the next time.
        read_implementation_reports(folder, self.part.device, placed=overlay.fits)
        outputs += (folder / name for name in makes)
        return {"seconds": seconds}

    def _driver(self, overlay: Overlay, outputs: list[Path]) -> dict[str, Any]:
        from finn.transformation.fpgadataflow.make_driver import MakePYNQDriver
        from qonnx.core.modelwrapper import ModelWrapper

        folder = self.emptied("driver")
        with finn_session(folder, jobs=self._jobs):
            model = ModelWrapper(str(overlay.model)).transform(
                MakePYNQDriver(self.platform, "FINNDMAOverlay", self._period_ns)
            )
        made = Path(model.get_metadata_prop("pynq_driver_dir"))
        outputs.append(made)
        return {"folder": self._relative(made)}

    def _relative(self, path: Path) -> str:
        return str(path.relative_to(self.folder))

    def _path(self, relative: str | None) -> Path | None:
        return None if relative is None else self.folder / relative


class _ProjectMadeError(DseError):
    """Ends FINN's transformation once the project is there."""


def _check_one(step: str, directory: Path, pattern: str) -> None:
    """ToolError unless a file fits ``pattern``: where it is depends on Vivado's release."""
    if not any(file.stat().st_size for file in directory.glob(pattern)):
        name = Path(pattern).name
        raise ToolError(step, FailureKind.DAMAGED_RESULT, f"it ended well and did not make {name}")


def _digest(*facts: str) -> str:
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()
