"""The golden files of rendered sources; ``python -m tests.hls_templates.golden`` writes them anew.

Of split 5 of the network that the project ships: what the two parts must agree on, a kernel, and
the scripts.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from finn_flows.cut import Cut
from hls_templates.kernel_folder import write_kernel_folder
from tests.hls_templates.parts import shipped_parts

GOLDEN = Path(__file__).parents[1] / "golden" / "hls"
NAMES = (
    "first/cut.h",
    "first/kernel.h",
    "first/hls.tcl",
    "first/overlay.tcl",
    "second/cut.h",
    "second/kernel.h",
    "second/kernel.cpp",
)


def rendered(folder: Path) -> dict[str, str]:
    """The text of every file of NAMES, written into ``folder`` first."""
    for part in shipped_parts(Cut(5)):
        images = np.zeros((1, *part.network.input_shape), dtype=np.int32)
        write_kernel_folder(part, images, folder / part.name.value)
    return {name: (folder / name).read_text() for name in NAMES}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        for name, text in rendered(Path(scratch)).items():
            (GOLDEN / name).parent.mkdir(parents=True, exist_ok=True)
            (GOLDEN / name).write_text(text)
