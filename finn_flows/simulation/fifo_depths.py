"""How deep the FIFO before each layer must be, found by simulating the network's circuit.

Why they are needed: FINN's window generator takes nothing of the next image until it has given the
last window of this one, so what comes meanwhile must wait before it, or the layers before it stand
still; and a layer that gives its results in bursts needs room for a burst.

The rule: the smallest powers of two (2 is two registers) with which

* the whole network takes at most 1.01 x the cycles of its slowest layer per image, and
* so does, of its own slowest layer, each part of the network that a cut between two layers makes,

one depth for each layer, whatever the part, so that parts share their layers. Where even FIFOs for
a whole image do not reach that, what they reach is the limit.

The search assumes that a deeper FIFO makes nothing slower. First each FIFO alone: the two layers
around it, between an endless source and an endless sink, take a depth without which no part can be
quick enough; bisection finds the least (every second FIFO in one run, since cuts separate them).
Then all parts are measured with those depths. In each that is too slow, the shortest first, all
FIFOs are made as deep as an image, and then one by one, that of the most bits per image first, as
shallow as the others allow, but no shallower than before. In the end no depth can be halved by
itself.

A program for the search is compiled once: its FIFOs count instead of store, and are told their
depth when it starts (counting_fifo.sv). Data never decides when something moves, so the cycles are
those of the circuit; a test holds the two against each other.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from dse.atomic_write import atomic_write
from dse.errors import StoreError
from finn_flows.cache_directory import cache_directory
from finn_flows.simulation.compiled_model import compile_model, harness_sources
from finn_flows.simulation.part_process import PartProcess
from finn_flows.simulation.verilator import SimulationError
from finn_flows.simulation.wrapper import WRAPPER, wrapper_source

if TYPE_CHECKING:
    from finn_flows.circuit.layer_circuit import Circuit
    from finn_flows.folding import Folding
    from finn_flows.network import Network

COUNTING_FIFO = Path(__file__).parent / "counting_fifo.sv"

#: Cycles per image may be this many times those of the slowest layer.
RATIO = 1.01
#: Images whose ends are observed; the later half of the intervals between them counts.
_IMAGES = 5
_SHALLOWEST = 2


#: Layers first to end - 1.
Part = tuple[int, int]


@dataclass(frozen=True)
class FifoDepths:
    """The result of a search.

    ``depths``: elements of the FIFO before each layer, by the layer's label. ``intervals``: cycles
    per image with them, of the whole network (``whole``) and of the two parts at each boundary
    (``before conv1``: all layers before it; ``from conv1``: it and all behind). ``slowest``: cycles
    of the slowest layer in each. ``alone``: cycles per image of each layer by itself, between an
    endless source and an endless sink, by its label. ``runs``: simulations that it took.
    """

    depths: dict[str, int]
    intervals: dict[str, int]
    slowest: dict[str, int]
    alone: dict[str, int]
    runs: int


def fifo_depths(whole: Network, folding: Folding, device: str) -> dict[str, int]:
    """Depth of the FIFO before each layer of ``whole``, by the layer's label.

    See :func:`measured_fifos`.
    """
    return measured_fifos(whole, folding, device).depths


def measured_fifos(whole: Network, folding: Folding, device: str) -> FifoDepths:
    """The search for ``whole``, folded, on a device.

    From the cache if this circuit was searched before. Raises BuildError where the circuit cannot
    be made or simulated.
    """
    from finn_flows.backends.interface import Part
    from finn_flows.circuit.part_circuit import part_circuit
    from reports.sweep_record import PartName

    # No depth depends on a clock.
    circuit = part_circuit(Part(whole, PartName.WHOLE, None, folding, device, 100.0))
    return search_fifo_depths(circuit, boundary_bits(whole))


def boundary_bits(network: Network) -> tuple[int, ...]:
    """Bits per image that enter each layer of ``network``, and that leave the last."""
    return tuple(
        math.prod(shape) * network.type_after(position).bits
        for position, shape in enumerate(network.shapes)
    )


def search_fifo_depths(circuit: Circuit, bits: tuple[int, ...], *, jobs: int = 1) -> FifoDepths:
    """The search for a whole network's ``circuit``, from the cache if it was made before.

    ``bits``: per image, of :func:`boundary_bits`. ``jobs``: C++ compilers at a time.
    """
    # Whatever is changed in how depths are found finds them again.
    program = [path.read_text() for path in (COUNTING_FIFO, Path(__file__))]
    facts = [circuit.sha256, str(bits), str(harness_sources()), *program]
    key = hashlib.sha256("\n".join(facts).encode()).hexdigest()
    file = cache_directory("fifo-depths") / f"{key}.json"
    found = _kept(file)
    if found is not None:
        return found
    with ExitStack() as held:
        try:
            held.enter_context(FileLock(file.with_suffix(".lock")))
        except OSError as error:
            raise StoreError(
                f"the cache of FIFO depths cannot be written: {error.strerror or error}",
                where=file.parent,
            ) from error
        found = _kept(file)  # another process may have searched meanwhile
        if found is None:
            found = FifoSearch(circuit, bits, jobs).run()
            content = asdict(found)
            entry = {"content": content, "sha256": _content_sha256(content)}
            atomic_write(file, json.dumps(entry, indent=1) + "\n")
    return found


def _kept(file: Path) -> FifoDepths | None:
    """What an earlier search wrote; None if it is not there, or not as it was written."""
    try:
        entry = json.loads(file.read_text())
        if entry["sha256"] == _content_sha256(entry["content"]):
            return FifoDepths(**entry["content"])
    except (OSError, ValueError, TypeError, KeyError):
        pass
    return None


def _content_sha256(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass
class FifoSearch:
    """One search. Construction compiles the program.

    Layers are counted from 0, FIFO i stands before layer i, boundary i before FIFO i; boundary n
    is the output. ``_depths``: the working depths; ``_reachable``: cycles per image of a part with
    FIFOs for a whole image.
    """

    circuit: Circuit
    bits: tuple[int, ...]
    jobs: int
    _depths: list[int] = field(init=False)
    _reachable: dict[Part, int] = field(init=False, default_factory=dict)
    _runs: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        layers = self.circuit.layers[1:-1]
        self._fifos, self._layers = layers[::2], layers[1::2]
        self._count = len(self._layers)
        if len(self._fifos) != self._count or len(self.bits) != self._count + 1:
            raise SimulationError("the circuit is not a chain of FIFO and layer in turn")
        self._cycles = [layer.cycles or 0 for layer in self._layers]
        widths = [*(fifo.in_width for fifo in self._fifos), self._layers[-1].out_width]
        self._elements = [bits // width for bits, width in zip(self.bits, widths, strict=True)]
        # A FIFO for a whole image lets the layers around it work on different images.
        self._greatest = [max(1, (count - 1).bit_length()) for count in self._elements[:-1]]
        self._depths = [_SHALLOWEST] * self._count
        replaced = [
            (name, COUNTING_FIFO.read_text() if name == "fifo.sv" else text)
            for name, text in self.circuit.sources
        ]
        sources = [*replaced, wrapper_source(len(self.circuit.streams))]
        self._program = compile_model(sources, WRAPPER, jobs=self.jobs).program

    def run(self) -> FifoDepths:
        """The least depths, and what parts reach with them."""
        for parity in (1, 0):
            self._search_pairs([i for i in range(1, self._count) if i % 2 == parity])
        least = list(self._depths)
        intervals = self._all_parts()
        # What is quick enough now is so with every deeper FIFO, too: it is not looked at again.
        slow = [part for part, interval in intervals.items() if interval > self._limit(part)]
        for part in sorted(slow, key=lambda part: part[1] - part[0]):
            self._deepen(part)
        if slow:
            self._take_back(least, slow)
            intervals = self._all_parts()
        labels = [layer.label for layer in self._layers]
        return FifoDepths(
            dict(zip(labels, self._depths, strict=True)),
            {self._name(part): interval for part, interval in intervals.items()},
            {self._name(part): max(self._cycles[slice(*part)]) for part in intervals},
            self._alone(),
            self._runs,
        )

    def _alone(self) -> dict[str, int]:
        """All layers in one run: each is cut off from the others."""
        ends = range(1, self._count + 1)
        intervals = self.measure(self._depths, range(1, self._count), ends)
        return {layer.label: intervals[end] for layer, end in zip(self._layers, ends, strict=True)}

    # -- each FIFO alone ------------------------------------------------------------------------

    def _search_pairs(self, fifos: list[int]) -> None:
        """The least depth of each of ``fifos``, no two of them neighbours, for its two layers."""
        if not fifos:
            return
        low = dict.fromkeys(fifos, 1)  # exponents; the answer is in low..high
        high = {fifo: self._greatest[fifo] for fifo in fifos}
        deepest = self._pair_intervals(high)
        limits = {}
        for fifo in fifos:
            # Of all the parts that have both layers, the one with the quickest slowest layer.
            slowest = min(max(self._cycles[: fifo + 1]), max(self._cycles[fifo - 1 :]))
            limits[fifo] = max(RATIO * slowest, deepest[fifo])
        while any(low[fifo] < high[fifo] for fifo in fifos):
            tried = {fifo: (low[fifo] + high[fifo]) // 2 for fifo in fifos}
            intervals = self._pair_intervals(tried)
            for fifo in fifos:
                if intervals[fifo] <= limits[fifo]:
                    high[fifo] = tried[fifo]
                else:
                    low[fifo] = min(tried[fifo] + 1, high[fifo])
        for fifo in fifos:
            self._depths[fifo] = 2 ** high[fifo]

    def _pair_intervals(self, exponents: Mapping[int, int]) -> dict[int, int]:
        depths = list(self._depths)
        for fifo, exponent in exponents.items():
            depths[fifo] = 2**exponent
        cuts = {neighbour for fifo in exponents for neighbour in (fifo - 1, fifo + 1)}
        ends = {fifo: fifo + 1 for fifo in exponents}
        intervals = self.measure(depths, cuts - {0, self._count}, ends.values())
        return {fifo: intervals[end] for fifo, end in ends.items()}

    # -- the parts ------------------------------------------------------------------------------

    def _all_parts(self) -> dict[Part, int]:
        """Cycles per image of the whole and of both parts of every cut."""
        found = {}
        for cut in range(self._count):
            ends = [cut, self._count] if cut else [self._count]
            intervals = self.measure(self._depths, {cut} - {0}, ends)
            for end in ends:
                found[(cut if end == self._count else 0, end)] = intervals[end]
        return found

    def _interval(self, part: Part, depths: list[int]) -> int:
        first, end = part
        return self.measure(depths, {first, end} - {0, self._count}, [end])[end]

    def _limit(self, part: Part) -> float:
        limit = RATIO * max(self._cycles[slice(*part)])
        return max(limit, self._reachable.get(part, 0))

    def _deepen(self, part: Part) -> None:
        """The least depths inside ``part``, none less than now, with which it is quick enough.

        All inner FIFOs are made as deep as they can be; then one by one, the largest first, as
        shallow as the others allow.
        """
        least = self._depths
        if self._interval(part, least) <= self._limit(part):
            return  # what helped a part inside helped this one
        first, end = part
        inner = [fifo for fifo in range(first, end) if fifo > first or fifo == 0]
        inner.sort(key=lambda fifo: -self.bits[fifo])
        depths = list(least)
        for fifo in inner:
            depths[fifo] = 2 ** self._greatest[fifo]
        self._reachable[part] = self._interval(part, depths)
        for fifo in inner:
            low, high = least[fifo].bit_length() - 1, self._greatest[fifo]
            tried = low  # most need no more than they have
            while low < high:
                depths[fifo] = 2**tried
                if self._interval(part, depths) <= self._limit(part):
                    high = tried
                else:
                    low = tried + 1
                tried = (low + high) // 2
            depths[fifo] = 2**high
        self._depths = depths

    def _take_back(self, least: list[int], parts: list[Part]) -> None:
        """Halve what was deepened, where none of ``parts`` gets too slow by it."""
        for fifo in range(self._count):
            while self._depths[fifo] > least[fifo]:
                halved = list(self._depths)
                halved[fifo] //= 2
                inside = [
                    part for part in parts if part[0] < fifo < part[1] or fifo == part[0] == 0
                ]
                if any(self._interval(part, halved) > self._limit(part) for part in inside):
                    break
                self._depths = halved

    def _name(self, part: Part) -> str:
        first, end = part
        if first > 0:
            return f"from {self._layers[first].label}"
        return "whole" if end == self._count else f"before {self._layers[end].label}"

    # -- one simulation -------------------------------------------------------------------------

    def measure(
        self, depths: list[int], cuts: Iterable[int], ends: Iterable[int]
    ) -> dict[int, int]:
        """Cycles per image at each of the boundaries ``ends``: the most of the later intervals.

        ``depths``: of every FIFO, powers of two. ``cuts``: FIFOs that take whatever comes and
        always have something to give, as if one part ended there and another began.
        """
        self._runs += 1
        boundaries = list(ends)
        values = [*depths]
        for cut in cuts:
            values[cut] = 0
        # Two streams a layer: into its FIFO and out of it.
        observed = {2 * boundary: self._elements[boundary] for boundary in boundaries}
        plusargs = [
            f"{WRAPPER}.part.{fifo.label}.fifo={value}"
            for fifo, value in zip(self._fifos, values, strict=True)
        ]
        with PartProcess(
            self._program, self.circuit, observed=observed, plusargs=plusargs
        ) as process:
            found = process.image_ends(_IMAGES)
        later = [ends[(_IMAGES - 1) // 2 :] for ends in found]
        return {
            boundary: max(end - before for before, end in pairwise(ends))
            for boundary, ends in zip(boundaries, later, strict=True)
        }
