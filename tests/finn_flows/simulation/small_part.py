"""A part that is quick to compile, which breaks a rule of the harness when it is told to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from finn_flows.circuit.layer_circuit import Circuit, LayerCircuit
from finn_flows.circuit.library import library_sources

WORDS = 4
CYCLES = 5  # a word
OFFSETS = (7, 1 << 20, 0, 3)
IDENTITY = 0x12345678
FAULTS_LAYER = 99


def small_part(fault: int = 0, *, text: str | None = None, identity: int = IDENTITY) -> Circuit:
    """The circuit of small_part.sv. ``fault``: which rule it breaks; ``text``: another source."""
    sources = {
        **dict(library_sources("axilite_configuration")),
        **dict(library_sources("fifo")),
        "part.sv": text or (Path(__file__).parent / "small_part.sv").read_text(),
    }
    writes = [(3, address, offset) for address, offset in enumerate(OFFSETS)]
    # The same address twice in a row, and back: addresses must not be taken to follow.
    writes += [(3, 2, 99), (3, 2, OFFSETS[2]), (3, 0, OFFSETS[0])]
    writes += [(FAULTS_LAYER, 5, fault)] if fault else []

    def layer(label: str, cycles: int | None = None) -> LayerCircuit:
        return LayerCircuit(label, label, (), 64, 64, cycles)

    return Circuit(
        layers=(
            layer("unpacker"),
            layer("fifo_conv0"),
            layer("conv0", WORDS * CYCLES),
            layer("packer"),
        ),
        glue=(),
        sources=tuple(sources.items()),
        memory_files=(),
        streams=("words unpacked", "from fifo_conv0", "from conv0"),
        configuration=np.array(writes, dtype=np.uint32),
        input_words=WORDS,
        output_words=WORDS,
        identity=identity,
    )


def small_images(count: int, seed: int = 0) -> NDArray[np.uint64]:
    """Random words (count, WORDS)."""
    random = np.random.default_rng(seed)
    return random.integers(0, 2**64, (count, WORDS), dtype=np.uint64)


def small_results(images: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """What a small part without a fault gives."""
    return images + np.array(OFFSETS, dtype=np.uint64)
