"""What a circuit is made of: layers between streams, their sources, and what is in their memories.

Widths are in bits. A stream carries one element a cycle at most: some channels side by side, the
lowest in the least significant bits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

#: (file name, text); file names are unique within a circuit.
Source = tuple[str, str]


@dataclass(frozen=True)
class LayerCircuit:
    """One link of the chain: a module with one stream in and one stream out.

    ``label`` is that of the network's layer (``conv1``, ``pool1``), or ``fifo_conv1``,
    ``unpacker``, ``packer``. ``module`` and ``sources`` depend on nothing but the layer itself, its
    folding and the widths of its streams, so that every part that has the layer shares its
    synthesis. ``sources`` hold all that ``module`` needs, in the order in which tools read them;
    ``memory_files`` what ``$readmemh`` reads (layers with fixed weights only). ``cycles``: per
    image, as the folding has it, or as many as it reads elements if that is more; None for a layer
    that only passes on. ``number``: of a compute layer in the network, None for any other.
    """

    label: str
    module: str
    sources: tuple[Source, ...]
    in_width: int
    out_width: int
    cycles: int | None = None
    memory_files: tuple[Source, ...] = ()
    number: int | None = None

    @property
    def is_configured(self) -> bool:
        """Whether the layer has a configuration port (a compute layer has, written or not)."""
        return self.number is not None

    @cached_property
    def sha256(self) -> str:
        """Hash of the module's name and of everything it is made of."""
        return sources_sha256((("top", self.module), *self.sources, *self.memory_files))


@dataclass(frozen=True, eq=False)
class Circuit:
    """A part as a circuit: module ``part`` with 64-bit words in and out.

    ``layers`` in stream order, the unpacker first and the packer last; ``glue``: what is beside the
    stream, the registers and the end of a transfer; ``streams`` names what
    ``stream_<i>`` of module ``part`` carries, i running from behind the unpacker to before the
    packer. ``configuration``: uint32, (writes, 3): layer number, address, data, in the order in
    which they are to be written through s_axilite; empty for fixed weights. ``input_words`` and
    ``output_words``: 64-bit words per image. ``identity``: what the circuit answers at address 0.
    """

    layers: tuple[LayerCircuit, ...]
    glue: tuple[LayerCircuit, ...]
    sources: tuple[Source, ...]
    memory_files: tuple[Source, ...]
    streams: tuple[str, ...]
    configuration: NDArray[np.uint32]
    input_words: int
    output_words: int
    identity: int

    @cached_property
    def sha256(self) -> str:
        """Hash of the RTL and of the memory files; what is written at run time does not count."""
        return sources_sha256((*self.sources, *self.memory_files))

    @property
    def slowest(self) -> LayerCircuit:
        """The layer with the most cycles per image."""
        timed = [layer for layer in self.layers if layer.cycles is not None]
        return max(timed, key=lambda layer: layer.cycles or 0)


def merged_sources(layers: Iterable[LayerCircuit]) -> tuple[Source, ...]:
    """The sources of several layers, each file once, packages first.

    Raises ValueError where two layers give one file name different texts.
    """
    found: dict[str, str] = {}
    for layer in layers:
        for name, text in layer.sources:
            if found.setdefault(name, text) != text:
                raise ValueError(f"two different sources are called {name}")
    return ordered(found.items())


def ordered(sources: Iterable[Source]) -> tuple[Source, ...]:
    """By name, packages first: a tool must have read a package before what imports it."""
    return tuple(sorted(sources, key=lambda source: (not source[0].endswith("_pkg.sv"), source[0])))


def sources_sha256(sources: Iterable[Source]) -> str:
    """Hash of file names and texts, in the order given."""
    digest = hashlib.sha256()
    for name, text in sources:
        for piece in (name, text):
            data = piece.encode()
            digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()
