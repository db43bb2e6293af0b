"""A folder that stands alone: everything of one part's circuit, and what was found out about it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dse.atomic_write import atomic_write
from finn_flows.circuit.layer_circuit import Circuit
from finn_flows.circuit.render import render
from finn_flows.part_facts import FORMAT, FORMAT_VERSION, PART_FILE, counts, part_facts
from reports.resource_text import RESOURCE_TITLES
from reports.sweep_record import LayerRecord, SweepRecord
from reports.utilization import RESOURCES

if TYPE_CHECKING:
    from finn_flows.backends.interface import Part

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
    contents["README.md"] = render(
        "part_readme.md.j2", **facts, resources=RESOURCES, titles=RESOURCE_TITLES
    ).encode()
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
    return {
        **part_facts(part, record),
        "identity": circuit.identity,
        "configuration": {
            "file": CONFIGURATION if len(circuit.configuration) else None,
            "writes": len(circuit.configuration),
        },
    }


def _layer(layer: LayerRecord) -> dict[str, Any]:
    return {
        "name": layer.name,
        "layer": layer.layer,
        "utilization": counts(layer.utilization),
        "cycles": layer.cycles,
        "logic_depth": layer.logic_depth,
    }


def _json(data: object) -> bytes:
    return (json.dumps(data, indent=1) + "\n").encode()
