"""Folders of HLS kernels: the parts of one split (or the whole network)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dse.errors import OutputError
from dse.part_build import check_replaceable, replace_folder
from finn_flows.cut import split_network
from finn_flows.integer_reference import run_integers
from reports.sweep_record import PartName

if TYPE_CHECKING:
    from finn_flows.backends.interface import Part


def write_kernels(parts: Sequence[Part], tensor: NDArray[np.integer], out: Path) -> dict[str, Path]:
    """Write ``out/first``, ``out/second`` or ``out/whole`` for each of ``parts``; them by name.

    ``tensor``: what enters the whole network, (images, *input_shape), for the testbenches. Folders
    appear when all of them are whole, and replace those of an earlier build. Raises NetworkError or
    FoldingError for a part that cannot be a kernel, OutputError where nothing can be written or
    something else stands there.
    """
    from hls_templates.kernel_folder import write_kernel_folder

    folders = {part.name.value: out / part.name.value for part in parts}
    for folder in folders.values():
        check_replaceable(folder)
    try:
        out.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=out, prefix=".kernels-"))
    except OSError as error:
        raise OutputError(f"cannot write: {error.strerror}", where=out) from error
    try:
        for part in parts:
            made = scratch / part.name.value
            write_kernel_folder(part, part_input(part, tensor), made)
        for name, folder in folders.items():
            replace_folder(scratch / name, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folders


def part_input(part: Part, tensor: NDArray[np.integer]) -> NDArray[np.integer]:
    """What enters ``part`` when ``tensor`` enters the whole network."""
    if part.cut is None or part.name is not PartName.SECOND:
        return tensor
    return run_integers(split_network(part.whole, part.cut)[0], tensor)
