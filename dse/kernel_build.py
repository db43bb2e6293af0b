"""Folders of HLS kernels through the vendor's tools: an IP block each, and an overlay with it.

Steps are kept in the cache folder by content (``kernels/<key>``): what was interrupted goes on, and
the same kernel is not built twice.

    work/      the kernel's folder and what the tools leave in it
    logs/      what the tools printed
    result/    what goes into the kernel's folder at the end
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from dse.errors import InputError, OutputError
from finn_flows.cache_directory import cache_directory
from finn_flows.tool_process import Limits
from finn_flows.vendor.checked_report import read_checked
from finn_flows.vendor.failure import FailureKind, ToolError
from finn_flows.vendor.installed import find_hls_tool, require, tool_version
from finn_flows.vendor.kept_steps import KeptSteps
from finn_flows.vendor.tool_call import ToolCall, call_tool
from hls_templates.headers import find_hlslib
from reports.missed_goals import resource_misses, timing_misses
from reports.readers.records import HlsReport, PowerReport, TimingReport, UtilizationReport
from reports.sweep_record import Implementation
from reports.utilization import Utilization

#: Changes with every change of ours that can change what is built.
_FLOW_VERSION = "1"
_TOP = "part_bd_wrapper"
#: What the script of the overlay leaves beside its project.
_OVERLAY_RESULTS = (
    "part.bit",
    "part.hwh",
    "utilization.rpt",
    "utilization_hierarchical.rpt",
    "timing.rpt",
    "power.rpt",
)


@dataclass(frozen=True)
class BuiltKernel:
    """What the tools made of one kernel.

    ``estimate``: of HLS, the kernel alone. ``placed``: with the shell, None for a design that does
    not fit. ``cycles``: HLS' estimate from one call with one image to its end, None if unknown.
    """

    kernel: str
    folder: Path
    estimate: Utilization
    cycles: int | None
    placed: Utilization | None
    implementation: Implementation


def require_kernel_tools() -> str:
    """The tool that HLS would be run with. InputError, one line, if it or Vivado is missing."""
    require(["vitis_hls|vitis-run|vivado_hls", "vivado"])
    tool = find_hls_tool()
    assert tool is not None
    return tool


def build_kernel(
    folder: Path, hlslib: Path | None, limits: Limits, status: Callable[[str], None]
) -> BuiltKernel:
    """Run the scripts of the kernel in ``folder`` (one of ``dse hls``) and leave results there.

    ``hlslib``: as :func:`hls_templates.headers.find_hlslib` has it. ``limits``: of one run of a
    tool. ``status`` is told what is being done. Raises ToolError where a tool fails (but for a
    design that does not fit), InputError without tools or library, OutputError where results cannot
    be written.
    """
    tool = require_kernel_tools()
    library = find_hlslib(hlslib)
    facts = json.loads((folder / "part.json").read_text())
    if not (folder / "overlay.tcl").is_file():
        raise InputError(
            f"no overlay is made for {facts['device']}",
            where=folder,
            expected="a device with a Zynq processing system",
        )
    key = _key(folder, library.sha256, tool)
    with KeptSteps(cache_directory("kernels") / key) as steps:
        build = _KernelBuild(folder, facts, library.path, tool, steps, limits, status)
        made = build.run(key)
        try:
            shutil.copytree(steps.folder / "result", folder, dirs_exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot write: {error.strerror}", where=folder) from error
    return _read(folder, facts, made)


class _KernelBuild:
    """The steps of one kernel."""

    def __init__(
        self,
        folder: Path,
        facts: dict[str, Any],
        library: Path,
        tool: str,
        steps: KeptSteps,
        limits: Limits,
        status: Callable[[str], None],
    ) -> None:
        self._source, self._facts, self._library, self._tool = folder, facts, library, tool
        self._steps, self._limits, self._status = steps, limits, status
        self._work, self._logs = steps.folder / "work", steps.folder / "logs"
        self._result = steps.folder / "result"

    def run(self, key: str) -> dict[str, Any]:
        """What became of the overlay, as JSON."""
        return dict(self._steps.do("result", key, lambda: self._make(key), outputs=[self._result]))

    def _make(self, key: str) -> dict[str, Any]:
        block = self._work / "hls" / "solution" / "impl" / "ip"
        csynth = self._work / "reports"
        seconds = self._steps.do("hls", key, lambda: self._hls(block), outputs=[block, csynth])
        outputs: list[Path] = []
        made = self._steps.do("overlay", key, lambda: self._overlay(outputs), outputs=outputs)
        shutil.rmtree(self._result, ignore_errors=True)
        shutil.copytree(self._work / "reports", self._result / "reports")
        shutil.copytree(self._logs, self._result / "logs")
        (self._result / "overlay").mkdir()
        if made["fits"]:
            for name in _OVERLAY_RESULTS:
                shutil.copyfile(self._work / "overlay" / name, self._result / "overlay" / name)
        made["seconds"] += seconds
        for leftover in (self._work, self._logs):
            shutil.rmtree(leftover, ignore_errors=True)
        return made

    def _hls(self, block: Path) -> float:
        shutil.rmtree(self._work, ignore_errors=True)
        shutil.copytree(self._source, self._work)
        newest = self._tool == "vitis-run"
        arguments = ("--mode", "hls", "--tcl", "hls.tcl") if newest else ("-f", "hls.tcl")
        report = self._work / "reports" / "csynth.xml"
        seconds = self._call("HLS", self._tool, arguments, block / "component.xml", report)
        _read_estimate(self._work, self._facts)  # a damaged one is not kept
        return seconds

    def _overlay(self, outputs: list[Path]) -> dict[str, Any]:
        shutil.rmtree(self._work / "overlay", ignore_errors=True)
        makes = [self._work / "overlay" / name for name in _OVERLAY_RESULTS]
        arguments = ("-mode", "batch", "-source", "overlay.tcl")
        try:
            seconds = self._call("overlay", "vivado", arguments, *makes)
        except ToolError as error:
            if error.kind is not FailureKind.DOES_NOT_FIT:
                raise
            excess = [asdict(excess) for excess in error.excess]
            return {"fits": False, "excess": excess, "reason": error.reason, "seconds": 0.0}
        _read_overlay(self._work, self._facts)
        outputs += makes
        return {"fits": True, "excess": [], "reason": None, "seconds": seconds}

    def _call(self, step: str, tool: str, arguments: tuple[str, ...], *makes: Path) -> float:
        call = ToolCall(
            f"{self._facts['kernel']}: {step}",
            tool,
            (tool, *arguments),
            self._work,
            self._logs / f"{step.lower()}.log",
            makes,
            environment={"FINN_HLSLIB": str(self._library), "HLS_STEPS": "csynth export"},
        )
        return call_tool(call, self._limits, self._status).seconds


def _key(folder: Path, library: str, tool: str) -> str:
    """Content address of what the tools make of the kernel in ``folder``."""
    digest = hashlib.sha256()
    for fact in (_FLOW_VERSION, library, tool, tool_version(tool), tool_version("vivado")):
        digest.update(f"{fact}\0".encode())
    for name in ("part.json", "hls.tcl", "overlay.tcl"):  # part.json has the sha256 of the others
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()


def _read(folder: Path, facts: dict[str, Any], made: dict[str, Any]) -> BuiltKernel:
    """What the reports below ``folder`` say. ToolError for one that cannot be trusted."""
    csynth = _read_estimate(folder, facts)
    if not made["fits"]:
        return BuiltKernel(
            facts["kernel"],
            folder,
            csynth.utilization,
            csynth.latency_worst,
            None,
            Implementation(run_seconds=made["seconds"], misses=_lacking(made)),
        )
    placed, timing, power = _read_overlay(folder, facts)
    return BuiltKernel(
        facts["kernel"],
        folder,
        csynth.utilization,
        csynth.latency_worst,
        placed.utilization,
        Implementation(
            wns_ns=timing.wns,
            whs_ns=timing.whs,
            power_w=power.total,
            run_seconds=made["seconds"],
            misses=timing_misses(timing.wns, timing.whs, facts["clock_mhz"]),
        ),
    )


def _read_estimate(folder: Path, facts: dict[str, Any]) -> HlsReport:
    kernel, file = facts["kernel"], folder / "reports" / "csynth.xml"
    step = f"{kernel}: HLS"
    return read_checked(file, HlsReport, step=step, design=kernel, device=facts["device"])


def _read_overlay(
    folder: Path, facts: dict[str, Any]
) -> tuple[UtilizationReport, TimingReport, PowerReport]:
    reports, step, device = folder / "overlay", f"{facts['kernel']}: overlay", facts["device"]
    checked = partial(read_checked, step=step, design=_TOP, device=device)
    return (
        checked(reports / "utilization.rpt", UtilizationReport),
        checked(reports / "timing.rpt", TimingReport),
        checked(reports / "power.rpt", PowerReport),
    )


def _lacking(made: dict[str, Any]) -> tuple[str, ...]:
    lacking = [(item["resource"], item["needed"], item["available"]) for item in made["excess"]]
    return resource_misses(lacking) or (f"placement: {made['reason']}",)
