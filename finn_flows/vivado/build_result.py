"""What is kept of a build, as files, and what it comes to, read back from these files alone.

overlay/part.bit, overlay/part.hwh    for the board (not of a design that does not fit)
overlay/part.xclbin                   in their place, for an Alveo card
driver/                               what the board's side of FINN is told
reports/                              Vivado's, and HLS's of each node
tcl/, logs/                           the scripts that made it, and what the tools printed
build.json                            the rest
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from dse.atomic_write import atomic_write
from finn_flows.backends.interface import BuildResult, Part
from finn_flows.hardware_network import hardware_network
from finn_flows.layer_estimates import LayerEstimates, PartEstimate
from finn_flows.vivado.alveo_reports import achieved_mhz, read_card_reports
from finn_flows.vivado.board import AlveoBoard
from finn_flows.vivado.build_steps import PartBuild
from finn_flows.vivado.copied_folder import copy_folder
from finn_flows.vivado.hls_blocks import HLS_LOG
from finn_flows.vivado.implementation_reports import (
    ImplementationReports,
    read_implementation_reports,
)
from reports.missed_goals import (
    clock_misses,
    generated_clock_misses,
    resource_misses,
    timing_misses,
)
from reports.sweep_record import Implementation, PartName
from reports.utilization import Source

BUILD_FILE = "build.json"
BITSTREAM, HANDOFF = Path("overlay/part.bit"), Path("overlay/part.hwh")
#: What a card is given: the kernels linked into its platform.
XCLBIN = Path("overlay/part.xclbin")
_ARTEFACTS = {
    "bitstream": BITSTREAM,
    "handoff": HANDOFF,
    "xclbin": XCLBIN,
    "driver": Path("driver/settings.json"),
    "build": Path(BUILD_FILE),
}


def gather(build: PartBuild, folder: Path) -> None:
    """Build everything, and copy into the empty ``folder`` what is kept of it.

    Raises ToolError and BuildError as the steps do, and ToolError for a report that cannot be
    trusted.
    """
    overlay = build.overlay()
    reports, seconds = build.reports(overlay)
    card, achieved = isinstance(build.board, AlveoBoard), None
    _read(reports, build.part.device, card=card, placed=overlay.fits)
    if overlay.bitstream is not None:
        place = XCLBIN if card else BITSTREAM
        (folder / place).parent.mkdir()
        shutil.copyfile(overlay.bitstream, folder / place)
        if overlay.handoff is not None:
            shutil.copyfile(overlay.handoff, folder / HANDOFF)
        if card:
            achieved = achieved_mhz(overlay.bitstream.with_suffix(".xclbin.info"))
        copy_folder(build.driver(overlay), folder / "driver")
    for place, found in build_texts(build.folder):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found, folder / place)
    facts = {
        "fits": overlay.fits,
        "seconds": overlay.seconds + seconds,
        "excess": [asdict(excess) for excess in overlay.excess],
        "reason": overlay.reason,
        "card": card,
        "achieved_mhz": achieved,
    }
    atomic_write(folder / BUILD_FILE, json.dumps(facts, indent=1) + "\n")


def build_texts(work: Path) -> Iterator[tuple[Path, Path]]:
    """What is read by people, as (place in the result, file of the build in folder ``work``)."""
    for file in (work / "reports").glob("*.rpt"):
        yield Path("reports", file.name), file
    for file in (work / "logs").glob("*"):
        yield Path("logs", file.name), file
    yield Path("tcl/reports.tcl"), work / "reports" / "reports.tcl"
    for file in (work / "overlay").glob("*/ip_config.tcl"):
        yield Path("tcl/overlay.tcl"), file
    for file in (work / "overlay").glob("*/*.runs/*/runme.log"):
        yield Path("logs", f"{file.parent.name}.log"), file
    for file in (work / "overlay").glob("*/config.txt"):
        yield Path("tcl/link.cfg"), file
    for file in (work / "overlay").glob("*/a.xclbin.info"):
        yield Path("reports/part.xclbin.info"), file
    for file in (work / "overlay").glob("*/_x/link/vivado/vpl/prj/*.runs/impl_1/runme.log"):
        yield Path("logs/impl_1.log"), file
    for file in (work / "stitched").glob("*/*/make_project.tcl"):
        yield Path("tcl", f"{file.parent.parent.name}.tcl"), file
    for file in (work / "code").glob("*/hls_syn_*.tcl"):
        node = file.stem.removeprefix("hls_syn_")
        yield Path("tcl", f"{node}.tcl"), file
        yield Path("logs", f"{node}.log"), file.parent / HLS_LOG
        for report in file.parent.glob("project_*/sol1/syn/report/*csynth.rpt"):
            yield Path("reports", node, report.name), report


def build_result(part: Part, folder: Path) -> BuildResult:
    """What the files of :func:`gather` in ``folder`` say of ``part``.

    Counts by layer are not given: what Vivado reports by instance lacks what it optimised across
    them, and FINN's estimates are numbers of another source. Raises ToolError for a damaged report.
    """
    facts = json.loads((folder / BUILD_FILE).read_text())
    fits = bool(facts["fits"])
    reports = _read(folder / "reports", part.device, card=bool(facts.get("card")), placed=fits)
    estimate = _estimate(part)
    # Reports write the device in a way of their own.
    synthesised = replace(reports.synthesised.utilization, device=part.device)
    placed = reports.placed and replace(reports.placed.utilization, device=part.device)
    artefacts = {role: folder / file for role, file in _ARTEFACTS.items()}
    return BuildResult(
        placed or synthesised,
        estimate.cycles,
        estimate.slowest,
        (),
        {role: file for role, file in artefacts.items() if file.is_file()},
        source=Source.VIVADO_SYNTH if placed is None else Source.VIVADO_PLACED,
        synthesised=None if placed is None else synthesised,
        implementation=_implementation(part, facts, reports),
    )


def _implementation(
    part: Part, facts: dict[str, Any], reports: ImplementationReports
) -> Implementation:
    timing, power = reports.timing, reports.power
    wns, whs = (None, None) if timing is None else (timing.wns, timing.whs)
    misses = timing_misses(wns, whs, part.clock_mhz)
    misses += clock_misses(facts.get("achieved_mhz"), part.clock_mhz)
    if not facts.get("card"):
        misses += generated_clock_misses(reports.clock_mhz, part.clock_mhz)
    if not facts["fits"]:
        misses = _lacking(facts, reports)
    return Implementation(
        wns_ns=wns,
        whs_ns=whs,
        power_w=None if power is None else power.total,
        run_seconds=facts["seconds"],
        misses=misses,
    )


def _read(folder: Path, device: str, *, card: bool, placed: bool) -> ImplementationReports:
    read = read_card_reports if card else read_implementation_reports
    return read(folder, device, placed=placed)


def _lacking(facts: dict[str, Any], reports: ImplementationReports) -> tuple[str, ...]:
    """What the device has too little of: as Vivado says it when it gives up, else as it counts."""
    lacking = [(item["resource"], item["needed"], item["available"]) for item in facts["excess"]]
    if not lacking:
        report = reports.synthesised
        for name, used in report.utilization.resources().items():
            available = report.available.get(name)
            if used is not None and available is not None and used > available:
                lacking.append((name, used, available))
    if not lacking:
        return (f"placement: {facts['reason']}",)
    return resource_misses(lacking)


def _estimate(part: Part) -> PartEstimate:
    estimates = LayerEstimates(hardware_network(part.whole), part.device)
    if part.cut is None:
        return estimates.whole(part.folding)
    if part.name is PartName.SECOND:
        return estimates.second(part.cut, part.folding)
    return estimates.first(part.cut, part.folding)
