"""The files of a stage of the ``pynq`` engine: the part's overlay, and what is written into it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from dse.deploy.stage_request import StageContents, StageRequest
from dse.errors import DeployError, InputError
from finn_flows.cut import CutTensor
from finn_flows.part_facts import FORMAT, FORMAT_VERSION, PART_FILE

BITSTREAM, HARDWARE = "overlay.bit", "overlay.hwh"
CONFIGURATION = "configuration.bin"
#: Where overlay.tcl leaves them, below the part's folder.
_BUILT = {BITSTREAM: "overlay/part.bit", HARDWARE: "overlay/part.hwh"}
#: A transfer may take this long, whatever the part; a part of many more cycles more.
_LEAST_TRANSFER_SECONDS = 1.0
_LATENCIES = 10


def pynq_contents(request: StageRequest) -> StageContents:
    """The bitstream with its description, and weights and thresholds as they are written.

    ``request.overlay``: a folder of ``dse build`` for this very part, in which overlay.tcl was run.
    Raises InputError without one; DeployError, naming the file, for one that is missing or damaged,
    for the folder of another part, and for an overlay that FINN built.
    """
    position = request.part.position
    if request.overlay is None:
        raise InputError(
            f"stage {position} (pynq) has no overlay",
            expected="the folder that `dse build` made of its part, with overlay.tcl run in it",
        )
    facts = _part_facts(request.overlay / PART_FILE)
    _check_same_part(request, facts, request.overlay / PART_FILE)
    files = {name: _read(request.overlay / built) for name, built in _BUILT.items()}
    source = facts["configuration"]["file"]
    if source is not None:
        files[CONFIGURATION] = _read(request.overlay / source)
        expected = facts["files"][source]
        if hashlib.sha256(files[CONFIGURATION]).hexdigest() != expected:
            raise DeployError(
                f"differs from {PART_FILE}",
                where=request.overlay / source,
                expected=f"sha256 {expected}",
            )
    return StageContents(
        files,
        {
            "bitstream": BITSTREAM,
            "configuration": None if source is None else CONFIGURATION,
            "identity": facts["identity"],
            "transfer_seconds": _transfer_seconds(facts),
        },
        facts["tool_versions"],
    )


def _transfer_seconds(facts: dict[str, Any]) -> float:
    """After which an image that is not back is lost."""
    if facts["latency_cycles"] is None:
        return _LEAST_TRANSFER_SECONDS
    latency = facts["latency_cycles"] / (facts["clock_mhz"] * 1e6)
    return float(max(_LEAST_TRANSFER_SECONDS, _LATENCIES * latency))


def _part_facts(path: Path) -> dict[str, Any]:
    from finn_flows.vivado.part_folder import FORMAT as FINN_FORMAT

    found = None
    try:
        facts: dict[str, Any] = json.loads(_read(path))
        found = facts["format"]
        if (found, facts["version"]) == (FORMAT, FORMAT_VERSION):
            return facts
    except (ValueError, KeyError, TypeError):
        pass
    if found == FINN_FORMAT:
        raise DeployError(
            "an overlay of FINN's, which FINN's driver runs and the engine pynq cannot",
            where=path,
            expected="the folder of `dse build --backend yosys`, with overlay.tcl run in it",
        )
    raise DeployError(
        "not what `dse build` writes", where=path, expected=f"{FORMAT} version {FORMAT_VERSION}"
    )


def _check_same_part(request: StageRequest, facts: dict[str, Any], path: Path) -> None:
    """DeployError unless ``facts`` are of the stage's part, by itself or as part of the whole."""
    whole, part = request.whole, request.part
    if facts["network_sha256"] not in (whole.sha256, part.network.sha256):
        raise DeployError(
            f"a part of another network, {facts['network']}",
            where=path,
            expected=f"{whole.name}, sha256 {whole.sha256}",
        )
    layers = [part.network.label(position) for position in range(len(part.network.layers))]
    if facts["layers"] != layers:
        raise DeployError(
            f"the part of layers {', '.join(facts['layers'])}",
            where=path,
            expected=f"{', '.join(layers)} for stage {part.position}",
        )
    for name, tensor in (("input", part.input), ("output", part.output)):
        stream = facts["streams"][name]
        found = (stream["shape"], stream["type"], stream["bytes_per_image"])
        if found != _described(tensor):
            raise DeployError(
                f"its {name} is {found[0]} of {found[1]}",
                where=path,
                expected=f"{list(tensor.shape)} of {tensor.type.name}",
            )


def _described(tensor: CutTensor) -> tuple[list[int], str, int]:
    return list(tensor.shape), tensor.type.name, tensor.bytes_per_image


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DeployError(f"cannot read: {error.strerror or error}", where=path) from error
