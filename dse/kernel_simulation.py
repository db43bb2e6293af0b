"""The HLS kernels of a split in C simulation: real images through both, each word compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dse.kernel_folders import part_input
from dse.part_simulation import Difference, Images, first_difference
from finn_flows.cut import CutTensor

if TYPE_CHECKING:
    from finn_flows.backends.interface import Part
    from finn_flows.tool_process import Limits

#: Of a program, after which a line says how far it is; the limits hold for each run.
IMAGES_PER_RUN = 16


@dataclass(frozen=True)
class KernelOutcome:
    """One kernel. ``compile_seconds``: None if it had been compiled before; ``difference``: None
    where every word that it gave is the integer network's; ``most_images``: that one call takes."""

    part: Part
    kernel: str
    words_in: int
    words_out: int
    most_images: int
    compile_seconds: float | None
    run_seconds: float
    difference: Difference | None


@dataclass(frozen=True)
class KernelSimulation:
    """What came of it. ``results``: int32 (images, *output_shape), what the last kernel gave; None
    where its words are no packed tensor."""

    images: Images
    kernels: tuple[KernelOutcome, ...]
    results: NDArray[np.int32] | None

    @property
    def is_identical(self) -> bool:
        """Whether every word of every kernel is the integer network's."""
        return all(outcome.difference is None for outcome in self.kernels)


def simulate_kernels(
    parts: Sequence[Part],
    images: Images,
    hlslib: Path | None,
    ap_types: Path | None,
    *,
    say: Callable[[str], None],
    limits: Limits | None = None,
) -> KernelSimulation:
    """Compile the kernels of ``parts`` with g++ and run ``images`` through one after the other.

    ``parts``: the whole network, or the first and the second part of one cut, where what the first
    kernel gives, right or wrong, enters the second. ``images``: at least one. ``hlslib`` and
    ``ap_types``: folders, None to look for them. ``say`` is given a line before each step;
    ``limits`` hold for each compilation and each run of up to IMAGES_PER_RUN images. Raises
    InputError for a folder that is not there, NetworkError, FoldingError or BuildError for a kernel
    that cannot be made or run.
    """
    from hls_templates.headers import find_ap_types, find_hlslib
    from hls_templates.kernel_files import render_kernel
    from hls_templates.kernel_program import compile_kernel, run_kernel

    library, types = find_hlslib(hlslib), find_ap_types(ap_types)
    rendered = [render_kernel(part) for part in parts]
    programs = []
    for files in rendered:
        say(f"compiling {files.design.name}")
        programs.append(compile_kernel(files, library, types, limits))
    network = parts[0].network
    words = CutTensor(network.input_shape, network.input_type).pack(images.tensor)
    outcomes = []
    for part, files, program in zip(parts, rendered, programs, strict=True):
        design = files.design
        given = []
        seconds = 0.0
        for first in range(0, len(words), IMAGES_PER_RUN):
            taken = words[first : first + IMAGES_PER_RUN]
            say(
                f"running {design.name}: images {first + 1} to {first + len(taken)} of {len(words)}"
            )
            run = run_kernel(program, files, taken, limits)
            given.append(run.words)
            seconds += run.seconds
        words = np.concatenate(given)
        tensor = part_input(part, images.tensor).astype(np.int32)
        outcomes.append(
            KernelOutcome(
                part,
                design.name,
                design.input.words,
                design.output.words,
                design.most_images,
                program.compile_seconds,
                seconds,
                first_difference(part.network, images, tensor, words),
            )
        )
    network = parts[-1].network
    target = CutTensor(network.output_shape, network.output_type)
    try:
        results = target.unpack(words)
    except ValueError:  # padding bits are set: there is a difference, which says so
        results = None
    return KernelSimulation(images, tuple(outcomes), results)
