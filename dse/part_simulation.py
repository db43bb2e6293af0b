"""A part's circuit simulated with real images, and compared with the integer network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dse.errors import InputError
from finn_flows.cut import CutTensor, split_network
from finn_flows.integer_reference import run_integers
from finn_flows.network import Network
from reports.sweep_record import PartName

if TYPE_CHECKING:
    from finn_flows.backends.interface import Part
    from finn_flows.simulation.part_process import Stalls
    from finn_flows.simulation.simulation_result import SimulationResult


@dataclass(frozen=True)
class Images:
    """What goes in: ``names``, and int32 ``(images, *input_shape)`` for the whole network."""

    names: tuple[str, ...]
    tensor: NDArray[np.int32]


@dataclass(frozen=True)
class Difference:
    """The first value of ``image`` that is not the network's: its place in the output tensor.

    ``place`` is empty where only the padding behind the last value differs; ``found`` and
    ``expected`` are then the last word.
    """

    image: int
    name: str
    place: tuple[int, ...]
    found: int
    expected: int

    def __str__(self) -> str:
        where = f"value {list(self.place)}" if self.place else "the padding of its last word"
        return (
            f"image {self.image} ({self.name}), {where}: {self.found}, "
            f"but the network gives {self.expected}"
        )


@dataclass(frozen=True)
class PartSimulation:
    """What came of it. ``fifo_depths``: of the layers of this part; ``difference``: None where
    every bit of every output is the network's."""

    part: Part
    images: Images
    fifo_depths: dict[str, int]
    result: SimulationResult
    difference: Difference | None

    @property
    def frames_per_second(self) -> float | None:
        """Images per second at the part's clock, from the measured steady state."""
        interval = self.result.steady_state_interval
        return None if interval is None else self.part.clock_mhz * 1e6 / interval


def choose_images(network: Network, files: Sequence[Path], frames: int) -> Images:
    """``frames`` images for ``network``: of ``files``, in turn, or held-out digits.

    A network that does not read pictures of the digits' size gets random ones, the same each time.
    Raises PictureError for a bad file, InputError for files a network cannot read.
    """
    from dse.classify import load_pictures, load_test_digits

    if files:
        if network.pixel_table is None:
            raise InputError(f"{network.name} does not start at the picture and reads no files")
        names, pixels = load_pictures(network, files)
        taken = np.arange(frames) % len(names)
        return Images(tuple(names[i] for i in taken), network.encode_pixels(pixels[taken]))
    generator = np.random.default_rng(2020)
    shape = (frames, *network.input_shape)
    random = tuple(f"random-{index}" for index in range(frames))
    if network.pixel_table is None:
        kind = network.input_type
        values = np.arange(kind.minimum, kind.maximum + 1, kind.step, dtype=np.int32)
        return Images(random, generator.choice(values, size=shape))
    try:
        names, pixels, _ = load_test_digits(network)
    except InputError:
        return Images(
            random, network.encode_pixels(generator.integers(0, 256, shape, dtype=np.uint8))
        )
    taken = np.arange(frames) % len(names)
    return Images(tuple(names[i] for i in taken), network.encode_pixels(pixels[taken]))


def simulate_part(
    part: Part,
    images: Images,
    *,
    stalls: Stalls | None = None,
    trace: Path | None = None,
    vcd: Path | None = None,
    vcd_image: int | None = None,
    trace_depth: int | None = None,
    jobs: int = 1,
) -> PartSimulation:
    """Simulate the circuit of ``part``, its FIFOs as deep as the search says, and compare.

    ``images`` are those of the whole network; what enters a second part is computed from them.
    The other arguments are those of finn_flows.simulation.simulate. Raises BuildError, and
    OutputError at once where a trace cannot be written.
    """
    from finn_flows.circuit.part_circuit import part_circuit
    from finn_flows.simulation.fifo_depths import fifo_depths
    from finn_flows.simulation.part_process import check_writable
    from finn_flows.simulation.simulate import TRACE_DEPTH, simulate

    for file in (trace, vcd):
        if file is not None:
            check_writable(file)  # now, not after the minute that the search can take
    network = part.network
    depths = fifo_depths(part.whole, part.folding, part.device)
    circuit = part_circuit(part, depths)
    tensor = images.tensor
    if part.cut is not None and part.name is PartName.SECOND:
        tensor = run_integers(split_network(part.whole, part.cut)[0], tensor)
    source = CutTensor(network.input_shape, network.input_type)
    result = simulate(
        circuit,
        source.pack(tensor),
        stalls=stalls,
        trace=trace,
        vcd=vcd,
        vcd_image=vcd_image,
        trace_depth=TRACE_DEPTH if trace_depth is None else trace_depth,
        jobs=jobs,
    )
    labels = {layer.label for layer in circuit.layers}
    return PartSimulation(
        part,
        images,
        {label: depth for label, depth in depths.items() if label in labels},
        result,
        first_difference(network, images, tensor, result.words),
    )


def first_difference(
    network: Network, images: Images, tensor: NDArray[np.int32], words: NDArray[np.uint64]
) -> Difference | None:
    """Where ``words`` first differ from what ``network`` gives for ``tensor``, if they do.

    ``tensor``: integers (images, *input_shape); ``words``: uint64 (images, words), packed as on the
    wire.
    """
    expected = run_integers(network, tensor)
    target = CutTensor(network.output_shape, network.output_type)
    packed = target.pack(expected)
    differs = np.flatnonzero((words != packed).any(axis=1))
    if len(differs) == 0:
        return None
    image = int(differs[0])
    try:
        found = target.unpack(words[image : image + 1])[0]
    except ValueError:  # padding bits are set
        last = int(words[image, -1]), int(packed[image, -1])
        return Difference(image, images.names[image], (), *last)
    place = tuple(int(index) for index in np.argwhere(found != expected[image])[0])
    values = int(found[place]), int(expected[image][place])
    return Difference(image, images.names[image], place, *values)
