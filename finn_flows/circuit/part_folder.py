"""A folder that stands alone: everything of one part's circuit, and what was found out about it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dse.atomic_write import atomic_write
from finn_flows.circuit.layer_circuit import Circuit
from finn_flows.circuit.render import render
from finn_flows.cut import CutTensor, cut_position, cut_tensor
from finn_flows.split_manifest import PACKING, WireTensor
from reports.devices import percent
from reports.sweep_record import LayerRecord, PartName, SweepRecord
from reports.utilization import RESOURCES, Utilization

if TYPE_CHECKING:
    from finn_flows.backends.interface import Part

PART_FILE = "part.json"
FORMAT = "split-dse/part"
FORMAT_VERSION = 1
CONFIGURATION = "memory/configuration.bin"


def write_part_folder(
    part: Part,
    circuit: Circuit,
    record: SweepRecord,
    tool_versions: Mapping[str, str],
    directory: Path,
    reports: Mapping[str, str],
) -> list[Path]:
    """Write sources, memory files, reports, README, Tcl script and ``part.json``; their paths.

    ``reports``: texts by file name, beside the two that are made here. ``part.json`` is written
    last and names every other file with its sha256. Raises OutputError if a file cannot be written.
    """
    contents: dict[str, bytes] = {}
    for name, text in circuit.sources:
        contents[f"rtl/{name}"] = text.encode()
    for name, text in circuit.memory_files:
        contents[f"memory/{name}"] = text.encode()
    if len(circuit.configuration):
        contents[CONFIGURATION] = np.ascontiguousarray(circuit.configuration, "<u4").tobytes()
    contents["reports/layers.json"] = _json([_layer(layer) for layer in record.layers])
    for name, text in reports.items():
        contents[f"reports/{name}"] = text.encode()
    facts = _facts(part, circuit, record)
    contents["overlay.tcl"] = render("overlay.tcl.j2", **facts).encode()
    contents["README.md"] = render("part_readme.md.j2", **facts, resources=RESOURCES).encode()
    for name, data in contents.items():
        atomic_write(directory / name, data)
    manifest = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        **facts,
        "tool_versions": {"split-dse": version("split-dse"), **tool_versions},
        "files": {
            name: hashlib.sha256(data).hexdigest() for name, data in sorted(contents.items())
        },
    }
    atomic_write(directory / PART_FILE, _json(manifest))
    return [directory / name for name in (*sorted(contents), PART_FILE)]


def _facts(part: Part, circuit: Circuit, record: SweepRecord) -> dict[str, Any]:
    """What ``part.json`` says and the templates show."""
    whole = part.whole
    first = 0 if part.cut is None or part.name is PartName.FIRST else _cut_at(part)
    last = _cut_at(part) if part.cut is not None and part.name is PartName.FIRST else None
    end = len(whole.layers) if last is None else last
    streams = {
        "input": CutTensor(whole.shapes[first], whole.type_after(first)),
        "output": CutTensor(whole.shapes[end], whole.type_after(end)),
    }
    return {
        "part": part.name.value,
        "network": whole.name,
        "network_sha256": whole.sha256,
        "layers": [whole.label(position) for position in range(first, end)],
        "split": None if part.cut is None else _split(part),
        "device": part.device,
        "clock_mhz": part.clock_mhz,
        "folding": {
            "name": part.folding.name,
            "layers": [asdict(layer) for layer in part.folding.layers],
        },
        "streams": {
            name: {**asdict(_wire(tensor)), "words_per_image": words}
            for (name, tensor), words in zip(
                streams.items(), (circuit.input_words, circuit.output_words), strict=True
            )
        },
        "identity": circuit.identity,
        "configuration": {
            "file": CONFIGURATION if len(circuit.configuration) else None,
            "writes": len(circuit.configuration),
        },
        "utilization": None if record.utilization is None else _resources(record.utilization),
        "percent": None if record.utilization is None else percent(record.utilization),
        "cycles": record.cycles,
        "cycles_measured": record.cycles_measured,
        "latency_cycles": record.latency_cycles,
        "slowest": record.slowest,
    }


def _split(part: Part) -> dict[str, Any]:
    """What both parts of a split must agree on: equal in the part.json of either."""
    assert part.cut is not None
    return {
        "layer": part.cut.layer,
        "pool": part.cut.pool,
        "tensor": asdict(_wire(cut_tensor(part.whole, part.cut))),
    }


def _wire(tensor: CutTensor) -> WireTensor:
    return WireTensor(
        tensor.shape, tensor.type.name, tensor.type.bits, tensor.bytes_per_image, PACKING
    )


def _cut_at(part: Part) -> int:
    assert part.cut is not None
    return cut_position(part.whole, part.cut)


def _layer(layer: LayerRecord) -> dict[str, Any]:
    return {
        "name": layer.name,
        "layer": layer.layer,
        "utilization": _resources(layer.utilization),
        "cycles": layer.cycles,
        "logic_depth": layer.logic_depth,
    }


def _resources(utilization: Utilization) -> dict[str, Any]:
    return {
        "tool": utilization.tool,
        "tool_version": utilization.tool_version,
        "stage": utilization.stage.value,
        "scope": utilization.scope.value,
        **utilization.resources(),
    }


def _json(data: object) -> bytes:
    return (json.dumps(data, indent=1) + "\n").encode()
