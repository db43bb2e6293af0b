"""A part for an Alveo card: partitions as Vitis kernels, linked into the card's platform.

Up to the blocks of the layers it is built as for a Zynq. Beside what :mod:`.build_steps` names:

stitched/    with each partition's checkpoint, synthesised out of context, and its .xo
overlay/     FINN's link configuration, the xclbin, and _x, v++'s own folder
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dse.errors import BuildError
from finn_flows.vendor.failure import Excess, FailureKind, ToolError
from finn_flows.vivado.alveo_reports import (
    LINKED_PROJECT,
    card_report_names,
    card_report_script,
    read_card_reports,
)
from finn_flows.vivado.board import AlveoBoard
from finn_flows.vivado.build_steps import Overlay, PartBuild
from finn_flows.vivado.finn_session import replaced

if TYPE_CHECKING:
    from finn.transformation.fpgadataflow.vitis_linking_configuration import (
        VitisLinkConfiguration,
    )
    from qonnx.core.modelwrapper import ModelWrapper

XCLBIN = "a.xclbin"
_SYNTHESISED = "finn_vivado_stitch_proj.xpr"
#: FINN tells memory by the board's name and knows three of them: ours by what they have.
_FINN_BOARD = {"HBM": "U280", "DDR": "U250"}


class AlveoBuild(PartBuild):
    """The build by Vitis; ``board`` must be an :class:`AlveoBoard`."""

    platform = "alveo"

    def _stitch(self, name: str, path: str, outputs: list[Path]) -> dict[str, Any]:
        """One partition as a kernel: stitched, synthesised out of context, packaged as .xo."""
        from finn.transformation.fpgadataflow import build_xo
        from finn.transformation.fpgadataflow.create_stitched_ip import CreateStitchedIP
        from qonnx.core.modelwrapper import ModelWrapper

        folder = self.emptied(f"stitched/{name}")
        seconds = 0.0

        def call(command: Sequence[str], directory: Path) -> None:
            nonlocal seconds
            if "gen_xo.tcl" in command:
                xo = directory / f"{name}.xo"
                seconds += self.call(f"package {name}", command, directory, xo)
                outputs.append(xo)
                return
            block = directory / "ip"
            made = (block / "component.xml", block / "dcp" / f"{name}.dcp")
            seconds += self.call(f"stitch {name}", command, directory, *made)
            outputs.extend((block, directory / _SYNTHESISED))

        with self.session(folder, call), ExitStack() as stack:
            # FINN asks for variables of XRT, which a computer that only builds need not have.
            stack.enter_context(replaced(build_xo, "check_vitis_envvars", lambda: None))
            model = ModelWrapper(str(self.folder / path))
            for step in (
                CreateStitchedIP(self.part.device, self._period_ns, name, run_synth=True),
                build_xo.CreateVitisXO(name),
            ):
                model = model.transform(step)
            model.set_metadata_prop("platform", self.platform)
            model.save(str(folder / "model.onnx"))
        outputs.append(folder / "model.onnx")
        return {"seconds": seconds, "model": self._relative(folder / "model.onnx")}

    def finish(self, parent: str, models: Mapping[str, str]) -> dict[str, Any]:
        found: dict[str, Any] = self.do("overlay", partial(self._overlay, parent, models))
        return found

    def _overlay(
        self, parent: str, models: Mapping[str, str], outputs: list[Path]
    ) -> dict[str, Any]:
        """The kernels linked into the platform: synthesis, implementation, xclbin."""
        from qonnx.core.modelwrapper import ModelWrapper
        from qonnx.custom_op.registry import getCustomOp

        folder = self.emptied("overlay")
        model = ModelWrapper(str(self.folder / parent))
        for node in model.graph.node:
            getCustomOp(node).set_nodeattr("model", str(self.folder / models[node.name]))
        model, link = self._configured(model, folder)
        project = link.config_path.parent
        command = (*_link_command(link.run_script_path), "--jobs", str(self._jobs))
        excesses: tuple[Excess, ...] = ()
        found: dict[str, Any] = dict.fromkeys(("bitstream", "handoff", "model", "reason"))
        started = time.monotonic()
        try:
            self.call("link", command, project, project / XCLBIN, project / LINKED_PROJECT)
        except ToolError as error:
            if error.kind is not FailureKind.DOES_NOT_FIT:
                raise
            excesses, found["reason"] = error.excess, error.reason
        else:
            model.set_metadata_prop("platform", self.platform)
            model.save(str(folder / "parent.onnx"))
            files = {"bitstream": project / XCLBIN, "model": folder / "parent.onnx"}
            outputs += [*files.values(), project / LINKED_PROJECT]
            found |= {role: self._relative(file) for role, file in files.items()}
        outputs.append(link.config_path)
        found["excess"] = [asdict(excess) for excess in excesses]
        seconds = time.monotonic() - started
        return {"seconds": seconds, "project": self._relative(project), **found}

    def _configured(
        self, model: ModelWrapper, folder: Path
    ) -> tuple[ModelWrapper, VitisLinkConfiguration]:
        """FINN's link configuration of the kernels, in a folder of its own below ``folder``."""
        from finn.builder.build_dataflow_config import FpgaMemoryType, VitisOptStrategy
        from finn.transformation.fpgadataflow.vitis_linking_configuration import (
            BuildBasicVitisLinkConfig,
            VitisLinkConfiguration,
        )
        from qonnx.custom_op.registry import getCustomOp

        board = self.board
        if not isinstance(board, AlveoBoard):
            raise TypeError(f"{board.name} is no Alveo card")
        # FINN runs kernelinfo for warnings that it then keeps to itself; v++ checks every port.
        no_definitions = replaced(VitisLinkConfiguration, "_get_kerneldefs", lambda _: {})
        with self.session(folder, _no_call), no_definitions:
            model = model.transform(
                BuildBasicVitisLinkConfig(
                    platform=board.platform,
                    board=_FINN_BOARD[board.memory],
                    mem_type=FpgaMemoryType.DEFAULT,
                    vitis_opt_strategy=VitisOptStrategy.DEFAULT,
                    optimization_level=VitisOptStrategy.DEFAULT.value,
                    f_mhz=round(self.part.clock_mhz),
                )
            )
            (link,) = VitisLinkConfiguration.load_from_model(model).values()
        # What FINN's driver is told to call the DMA kernels.
        units = dict(link.nk)
        for node in model.graph.node:
            getCustomOp(node).set_nodeattr("instance_name", units[node.name])
        return model, link

    def _reports(self, overlay: Overlay, outputs: list[Path]) -> dict[str, Any]:
        folder = self.emptied("reports")
        script = folder / "reports.tcl"
        kernels = {
            file.parent.parent.name: file
            for file in sorted((self.folder / "stitched").glob(f"*/*/{_SYNTHESISED}"))
        }
        linked = overlay.project / LINKED_PROJECT
        script.write_text(card_report_script(kernels, linked, folder, placed=overlay.fits))
        makes = [folder / name for name in card_report_names(kernels, placed=overlay.fits)]
        command = ("vivado", "-mode", "batch", "-source", script.name)
        seconds = self.call("reports", command, folder, *makes)
        # Here, since what is damaged must not be kept: it is written anew the next time.
        read_card_reports(folder, self.part.device, placed=overlay.fits)
        outputs += makes
        return {"seconds": seconds}


def _link_command(script: Path) -> list[str]:
    """The one command in FINN's script that links. BuildError for a script of another form."""
    lines = [line for line in script.read_text().splitlines() if line and line[0] != "#"]
    words = shlex.split(lines[0]) if len(lines) == 1 else []
    if not words or words[0] != "v++":
        raise BuildError("FINN's script is not of the known form", where=script)
    return words


def _no_call(command: Sequence[str], _directory: Path) -> None:
    raise BuildError(f"FINN starts {command[0]} in a step that needs no tool")
