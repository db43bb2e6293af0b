"""What a kernel consists of: streams, the processes between them, and memories.

Everything the templates show stands here under a name of its own; ``layer_processes`` makes it of a
network, and knows finn-hlslib.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd, lcm, prod

from finn_flows.integer_type import IntegerType
from finn_flows.network import Shape
from finn_flows.wire_packing import WORD_BITS, words_per_image

#: What a loop of the library counts with: unsigned int, and int for the repetitions of an MVAU.
COUNTER_LIMIT = 2**32 - 1
REPETITION_LIMIT = 2**31 - 1

#: Depth of a FIFO for which the kernel says nothing; what hls::stream has by itself.
DEFAULT_DEPTH = 2


@dataclass(frozen=True)
class Stream:
    """One FIFO. ``bits``: of a word; ``words``: for one image."""

    name: str
    bits: int
    words: int
    depth: int = DEFAULT_DEPTH


@dataclass(frozen=True)
class Process:
    """One call in the dataflow region: ``function<parameters>(arguments)``.

    ``parameters`` and ``arguments`` are C++; ``iterations``: how often the longest loop in it runs
    for one image; ``repetitions``: images of its own (pixels) that one image is to it.
    """

    function: str
    parameters: tuple[str, ...]
    arguments: tuple[str, ...]
    iterations: int
    repetitions: int = 1
    comment: str = ""


@dataclass(frozen=True)
class Memory:
    """Weights or thresholds of one layer, an array ``[memories][lines]`` of ``type``.

    ``code``: what run-time loading calls it (``targetLayer``): twice the layer's number for
    weights, one more for thresholds. ``memories``: one for each PE. ``parts``: 64-bit values of a
    line: words of a line of weights, or thresholds of a row. ``bits``: of a line of weights, or of
    one threshold. ``storage``: what holds it, ``auto``, ``block`` or ``distributed``.
    """

    layer: int
    code: int
    variable: str
    type: str
    member: str
    memories: int
    lines: int
    parts: int
    bits: int
    storage: str = "auto"

    @property
    def is_weights(self) -> bool:
        return self.code % 2 == 0

    @property
    def file_stem(self) -> str:
        """Of its files: ``3-PE-weights.bin`` or ``3-PE-thres.bin``, as in BNN-PYNQ."""
        return "weights" if self.is_weights else "thres"


@dataclass(frozen=True)
class Wire:
    """What enters or leaves a kernel: one image as 64-bit words, packed as on the wire."""

    shape: Shape
    type: IntegerType

    @property
    def values(self) -> int:
        return prod(self.shape)

    @property
    def words(self) -> int:
        return words_per_image(self.values, self.type.bits)

    @property
    def padding(self) -> int:
        """Zero bits behind the last value of an image."""
        return self.words * WORD_BITS - self.values * self.type.bits


@dataclass(frozen=True)
class KernelDesign:
    """A kernel, ready to be shown as C++."""

    name: str
    input: Wire
    output: Wire
    streams: tuple[Stream, ...]
    processes: tuple[Process, ...]
    memories: tuple[Memory, ...]

    @property
    def widest(self) -> int:
        """Bits of the widest word that any stream or memory holds."""
        lines = [memory.bits for memory in self.memories]
        return max(*(stream.bits for stream in self.streams), *lines)

    @property
    def most_images(self) -> int:
        """How many images one call can take before a 32-bit loop counter overflows."""
        return min(
            min(
                COUNTER_LIMIT // process.iterations,
                REPETITION_LIMIT // process.repetitions,
            )
            for process in self.processes
        )


def meeting_width(one: int, other: int) -> int | None:
    """The width to go through between streams of two widths; None where one divides the other."""
    if one % other == 0 or other % one == 0:
        return None
    return lcm(one, other)


def piece_width(bits: int) -> int:
    """The widest piece that both a word of ``bits`` bits and one of 64 bits are made of."""
    return gcd(bits, WORD_BITS)
