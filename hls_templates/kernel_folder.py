"""A folder that stands alone: the kernel of one part, its memories, test images and scripts."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dse.atomic_write import atomic_write
from finn_flows.cut import CutTensor, cut_tensor
from finn_flows.integer_reference import run_integers
from finn_flows.split_manifest import PACKING, WireTensor
from hls_templates.design import Wire
from hls_templates.kernel_files import KernelFiles, render, render_kernel

if TYPE_CHECKING:
    from finn_flows.backends.interface import Part

PART_FILE = "part.json"
FORMAT = "split-dse/hls-part"
FORMAT_VERSION = 1

_FAMILIES = {"xc7z": "zynq", "xczu": "zynq-ultrascale", "xck": "zynq-ultrascale"}


def write_kernel_folder(part: Part, tensor: NDArray[np.integer], directory: Path) -> list[Path]:
    """Write the folder of ``part``; the paths written.

    ``tensor``: integers (images, *input_shape of the part), the testbench's images. ``part.json``
    is written last and names every other file with its sha256. Raises what
    :func:`~hls_templates.kernel_files.render_kernel` does, and OutputError.
    """
    files = render_kernel(part)
    network = part.network
    source = CutTensor(network.input_shape, network.input_type)
    target = CutTensor(network.output_shape, network.output_type)
    family = processing_system(part.device)
    facts = _facts(part, files, len(tensor))
    values = {
        **facts,
        "design": files.design,
        "family": family,
        "overlay": family is not None,
    }
    contents: dict[str, bytes] = {name: text.encode() for name, text in files.sources.items()}
    contents.update(files.memories)
    contents["images/input.bin"] = source.pack(tensor).tobytes()
    contents["images/expected.bin"] = target.pack(run_integers(network, tensor)).tobytes()
    contents["hls.tcl"] = render("hls.tcl.j2", **values).encode()
    contents["README.md"] = render("readme.md.j2", **values).encode()
    if family is not None:
        contents["overlay.tcl"] = render("overlay.tcl.j2", **values).encode()
    for name, data in contents.items():
        atomic_write(directory / name, data)
    manifest = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        **facts,
        "tool_versions": {"split-dse": version("split-dse")},
        "files": {
            name: hashlib.sha256(data).hexdigest() for name, data in sorted(contents.items())
        },
    }
    atomic_write(directory / PART_FILE, json.dumps(manifest, indent=1) + "\n")
    return [directory / name for name in (*sorted(contents), PART_FILE)]


def processing_system(device: str) -> str | None:
    """``zynq`` or ``zynq-ultrascale``: the family whose processors ``device`` has, if any."""
    for prefix, family in _FAMILIES.items():
        if device.lower().startswith(prefix):
            return family
    return None


def _facts(part: Part, files: KernelFiles, images: int) -> dict[str, Any]:
    """What ``part.json`` says and the templates show."""
    design, network = files.design, part.network
    return {
        "part": part.name.value,
        "kernel": design.name,
        "network": part.whole.name,
        "network_sha256": part.whole.sha256,
        "layers": [network.label(position) for position in range(len(network.layers))],
        "split": None if part.cut is None else _split(part),
        "device": part.device,
        "clock_mhz": part.clock_mhz,
        "folding": {
            "name": part.folding.name,
            "layers": [asdict(layer) for layer in part.folding.layers],
        },
        "streams": {
            name: {**asdict(_wire_tensor(wire)), "words_per_image": wire.words}
            for name, wire in (("input", design.input), ("output", design.output))
        },
        "most_images": design.most_images,
        "testbench_images": images,
        "memories": [
            {
                "layer": memory.layer,
                "file": memory.file_stem,
                "code": memory.code,
                "memories": memory.memories,
                "lines": memory.lines,
                "parts": memory.parts,
                "bits": memory.bits,
            }
            for memory in design.memories
        ],
    }


def _split(part: Part) -> dict[str, Any]:
    """What both parts of a split must agree on: equal in the part.json of either."""
    assert part.cut is not None
    tensor = cut_tensor(part.whole, part.cut)
    return {
        "layer": part.cut.layer,
        "pool": part.cut.pool,
        "tensor": asdict(_wire_tensor(Wire(tensor.shape, tensor.type))),
    }


def _wire_tensor(wire: Wire) -> WireTensor:
    return WireTensor(wire.shape, wire.type.name, wire.type.bits, wire.words * 8, PACKING)
