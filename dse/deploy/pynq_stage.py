"""The files of a stage of the ``pynq`` engine: the part's overlay, and what is written into it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dse.deploy.built_part import check_same_part, read_facts, read_file, read_named_file
from dse.deploy.stage_request import StageContents, StageRequest
from dse.errors import InputError
from finn_flows.part_facts import FORMAT, FORMAT_VERSION

BITSTREAM, HARDWARE = "overlay.bit", "overlay.hwh"
CONFIGURATION = "configuration.bin"
#: Where overlay.tcl and the vivado backend leave them, below the part's folder.
BUILT = {BITSTREAM: "overlay/part.bit", HARDWARE: "overlay/part.hwh"}
#: A transfer may take this long, whatever the part; a part of many more cycles more.
_LEAST_TRANSFER_SECONDS = 1.0
_LATENCIES = 10


def pynq_contents(request: StageRequest) -> StageContents:
    """The bitstream with its description, and what the engine must know to run it.

    ``request.overlay``: a folder of ``dse build`` for this very part: of the yosys backend, in
    which overlay.tcl was run, or of the vivado backend. Raises InputError without one;
    DeployError, naming the file, for one that is missing or damaged, for the folder of another
    part, and for a build that misses its goals.
    """
    from finn_flows.vivado.part_folder import FORMAT as FINN_FORMAT
    from finn_flows.vivado.part_folder import FORMAT_VERSION as FINN_VERSION

    folder = request.overlay
    if folder is None:
        raise InputError(
            f"stage {request.part.position} (pynq) has no overlay",
            expected="the folder that `dse build` made of its part",
        )
    facts = read_facts(folder, {FORMAT: FORMAT_VERSION, FINN_FORMAT: FINN_VERSION})
    check_same_part(request, facts, folder)
    if facts["format"] == FINN_FORMAT:
        return _finn_contents(request, facts, folder)
    return _own_contents(facts, folder)


def _own_contents(facts: dict[str, Any], folder: Path) -> StageContents:
    """Weights and thresholds are written over AXI-Lite, unless they are in the bitstream."""
    # Made after part.json, by the user's Vivado: there is no sha256 to compare with.
    files = {name: read_file(folder / built) for name, built in BUILT.items()}
    source = facts["configuration"]["file"]
    if source is not None:
        files[CONFIGURATION] = read_named_file(folder, source, facts)
    return StageContents(
        files,
        {
            "overlay": "split-dse",
            "bitstream": BITSTREAM,
            "configuration": None if source is None else CONFIGURATION,
            "identity": facts["identity"],
            "transfer_seconds": _transfer_seconds(facts, facts["latency_cycles"]),
        },
        facts["tool_versions"],
    )


def _finn_contents(request: StageRequest, facts: dict[str, Any], folder: Path) -> StageContents:
    from dse.deploy.finn_overlay import check_usable, overlay_ends

    check_usable(facts, folder)
    ends = overlay_ends(request.part, facts, folder)
    files = {name: read_named_file(folder, built, facts) for name, built in BUILT.items()}
    # FINN estimates the slowest layer: an image takes no longer in any of the others.
    cycles = facts["cycles"]
    latency = None if cycles is None else cycles * len(facts["layers"])
    return StageContents(
        files,
        {
            "overlay": "finn",
            "bitstream": BITSTREAM,
            **ends,
            "transfer_seconds": _transfer_seconds(facts, latency),
        },
        facts["tool_versions"],
    )


def _transfer_seconds(facts: dict[str, Any], latency_cycles: int | None) -> float:
    """After which an image that is not back is lost."""
    if latency_cycles is None:
        return _LEAST_TRANSFER_SECONDS
    latency = latency_cycles / (facts["clock_mhz"] * 1e6)
    return float(max(_LEAST_TRANSFER_SECONDS, _LATENCIES * latency))
