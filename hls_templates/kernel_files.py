"""One part as files: C++ sources, Tcl and the contents of its memories."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from finn_flows.cut import cut_tensor
from finn_flows.wire_packing import words_per_image
from hls_templates.layer_processes import kernel_design
from hls_templates.memories import memory_files
from reports.sweep_record import PartName

if TYPE_CHECKING:
    from jinja2 import Environment

    from finn_flows.backends.interface import Part
    from hls_templates.design import KernelDesign

#: Images of the testbench, which RTL co-simulation must have memory for.
TESTBENCH_IMAGES = 2
#: Images that the testbench gives to one call of a kernel.
IMAGES_PER_CALL = 8
#: Headers that only g++ needs, since the tools have real ones of the same name.
GCC_FOLDER = "gcc"


@dataclass(frozen=True)
class KernelFiles:
    """``sources``: text by path in the folder; ``memories``: bytes by path."""

    design: KernelDesign
    sources: dict[str, str]
    memories: dict[str, bytes]


def render_kernel(part: Part) -> KernelFiles:
    """The kernel of ``part``: what HLS and g++ compile, and what goes into its memories.

    Raises NetworkError, naming the layer, for what finn-hlslib cannot carry, FoldingError for a
    folding that does not divide, InputError for a part without layers.
    """
    design = kernel_design(part)
    facts = _facts(part, design)
    names = ["kernel.h", "kernel.cpp", "library.h", "testbench.cpp"]
    if part.cut is not None:
        names.append("cut.h")
    sources = {name: render(f"{name}.j2", **facts) for name in names}
    sources[f"{GCC_FOLDER}/ap_axi_sdata.h"] = render("ap_axi_sdata.h.j2")
    memories = memory_files(part, design.memories)
    return KernelFiles(design, sources, {f"memory/{name}": data for name, data in memories.items()})


def render(template: str, **values: Any) -> str:
    """The text of ``hls_templates/templates/<template>``."""
    return _environment().get_template(template).render(**values)


def _facts(part: Part, design: KernelDesign) -> dict[str, Any]:
    network = part.network
    return {
        "design": design,
        "network": part.whole.name,
        "labels": [network.label(position) for position in range(len(network.layers))],
        "cut_text": str(part.cut),
        "cut_wire": None if part.cut is None else _cut_wire(part),
        "gives_cut": part.name is PartName.FIRST,
        "images": TESTBENCH_IMAGES,
        "images_per_call": min(IMAGES_PER_CALL, design.most_images),
        "unknown_code": max(memory.code for memory in design.memories) + 2
        if design.memories
        else 0,
        "widest": design.widest,
    }


def _cut_wire(part: Part) -> dict[str, int | str]:
    assert part.cut is not None
    tensor = cut_tensor(part.whole, part.cut)
    *image, channels = tensor.shape
    rows, columns = image or (1, 1)
    return {
        "rows": rows,
        "columns": columns,
        "channels": channels,
        "bits": tensor.type.bits,
        "type": tensor.type.name,
        "words": words_per_image(rows * columns * channels, tensor.type.bits),
    }


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("hls_templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # C++, Tcl and Markdown, not HTML
    )
