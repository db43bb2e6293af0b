"""How images get into an overlay of FINN's and results out of it, in numbers that a board can use.

FINN's Zynq shell has a DMA block at either end, which reads and writes memory by words of whole
bytes: as many values as the layer there takes or gives at a time, the first in the least
significant bits, each word padded by itself. ``driver/settings.json`` of a build says how many.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from dse.deploy.built_part import read_named_file
from dse.deploy.pipeline_parts import PipelinePart
from dse.errors import DeployError, NetworkError
from finn_flows.cut import CutTensor
from finn_flows.integer_type import IntegerType
from finn_flows.network import MaxPoolLayer
from finn_flows.part_facts import PART_FILE

SETTINGS, HANDOFF = "driver/settings.json", "overlay/part.hwh"
#: What the shell makes its clock of, as FINN's template and FINN's driver have it.
_FCLK0_MHZ = 100.0
#: Offsets in a DMA block where the hardware handoff does not describe its registers (which it need
#: not: to Vivado the block is a packaged design): those that FINN's driver writes.
_ADDRESS, _IMAGES = 0x10, 0x1C
#: What FINN calls its Zynq shell with DMA.
_PLATFORM = "zynq-iodma"
#: FINN's names of types that are called otherwise here.
_TYPES = {"BINARY": IntegerType.unsigned(1), "TERNARY": IntegerType.signed(2, narrow=True)}


@dataclass(frozen=True)
class MemoryWords:
    """Values as FINN lays them in memory: ``values_per_word`` of ``bits`` bits each, the first
    lowest, padded to ``bytes_per_word``."""

    values_per_word: int
    bytes_per_word: int
    bits: int
    signed: bool
    bipolar: bool


@dataclass(frozen=True)
class MemoryEnd:
    """One end of an overlay. ``block``: of the DMA there; ``values`` of ``type`` an image."""

    block: str
    type: IntegerType
    words: MemoryWords
    values: int

    @classmethod
    def read(cls, shapes: dict[str, Any], side: str) -> MemoryEnd:
        """``side``: ``i`` or ``o`` in ``shapes``, FINN's ``io_shape_dict``. ValueError (or what a
        dictionary raises) where that is not as known here."""
        name = str(shapes[f"{side}dt"][0]).removeprefix("DataType['").removesuffix("']")
        kind = _TYPES.get(name) or IntegerType.parse(name)
        folded, packed = shapes[f"{side}shape_folded"][0], shapes[f"{side}shape_packed"][0]
        lanes, size = folded[-1], packed[-1]
        if folded[:-1] != packed[:-1] or size != -(-lanes * kind.bits // 8):
            raise ValueError(f"{folded} of {name} in {packed} bytes")
        words = MemoryWords(lanes, size, kind.bits, kind.is_signed, kind.is_bipolar)
        return cls(str(shapes[f"{side}dma_names"][0]), kind, words, math.prod(folded))

    def on_wire(self, tensor: CutTensor) -> MemoryEnd:
        """The same, of bipolar values where ``tensor`` is: FINN has them as BINARY where it
        compares and counts bits, by the very code of the wire, 0 for -1."""
        if not tensor.type.is_bipolar or self.type != _TYPES["BINARY"]:
            return self
        words = replace(self.words, signed=True, bipolar=True)
        return replace(self, type=tensor.type, words=words)

    def parameters(self, tensor: CutTensor, registers: dict[str, int]) -> dict[str, Any]:
        """For the board. ``words`` is null where memory holds what ``tensor`` is on the wire."""
        kind = tensor.type
        same = (kind.bits, kind.is_signed, kind.is_bipolar) == (
            self.type.bits,
            self.type.is_signed,
            self.type.is_bipolar,
        )
        dense = self.words.values_per_word * self.type.bits == self.words.bytes_per_word * 8
        return {
            "block": self.block,
            "registers": registers,
            "bytes": self.values // self.words.values_per_word * self.words.bytes_per_word,
            "words": None if same and dense else asdict(self.words),
        }


def check_usable(facts: dict[str, Any], folder: Path) -> None:
    """DeployError for a build without a bitstream, or with one that is not to be trusted."""
    if facts["misses"] or not facts["bitstream"]:
        has = "its bitstream is not to be trusted" if facts["bitstream"] else "it has no bitstream"
        raise DeployError(
            f"a build that misses its goals ({'; '.join(facts['misses'])}): {has}",
            where=folder / PART_FILE,
        )


def overlay_ends(part: PipelinePart, facts: dict[str, Any], folder: Path) -> dict[str, Any]:
    """``source``, ``target`` and ``fclk0_mhz`` of the stage's parameters (docs/formats.md).

    Raises DeployError, naming the file, where the build's files are missing, damaged or do not fit
    together, and for what the engine cannot run.
    """
    path = folder / SETTINGS
    source, target = _ends(read_named_file(folder, SETTINGS, facts), path)
    for end, tensor in ((source, part.input), (target, part.output)):
        if end.values != math.prod(tensor.shape):
            raise DeployError(
                f"{end.values} values an image at {end.block}",
                where=path,
                expected=f"{math.prod(tensor.shape)}",
            )
    source, target = source.on_wire(part.input), target.on_wire(part.output)
    if not _holds(source.type, part.input.type):
        raise DeployError(
            f"takes {source.type.name}", where=path, expected=f"{part.input.type.name}"
        )
    handoff = _modules(read_named_file(folder, HANDOFF, facts), folder / HANDOFF)
    registers = [_registers(handoff, end.block, folder / HANDOFF) for end in (source, target)]
    scale = _scale_and_offset(facts["host_operations"], part, folder / PART_FILE)
    minimum = _wrapped_minimum(part, target, scale, path)
    after = target.parameters(part.output, registers[1])
    if scale is not None or minimum is not None:
        after["words"] = asdict(target.words)
    return {
        "source": source.parameters(part.input, registers[0]),
        "target": {
            **after,
            "minimum": minimum,
            "scale": None if scale is None else scale[0],
            "offset": None if scale is None else scale[1],
        },
        "fclk0_mhz": _FCLK0_MHZ,
    }


def _ends(settings: bytes, path: Path) -> tuple[MemoryEnd, MemoryEnd]:
    try:
        told = json.loads(settings)["driver_information"]
        shapes = told["io_shape_dict"]
        counts = shapes["num_inputs"], shapes["num_outputs"]
        fixed = not told["external_weights"] and not told["runtime_weights"]
        platform = told["platform"]
        ends = MemoryEnd.read(shapes, "i"), MemoryEnd.read(shapes, "o")
    except (ValueError, KeyError, TypeError, IndexError, NetworkError) as error:
        raise DeployError(f"not as FINN writes it for its driver: {error}", where=path) from error
    if platform != _PLATFORM:
        raise DeployError(f"an overlay for {platform}", where=path, expected=_PLATFORM)
    if counts != (1, 1):
        raise DeployError(f"{counts[0]} inputs and {counts[1]} outputs", where=path, expected="one")
    if not fixed:
        raise DeployError("weights that are not in the bitstream", where=path)
    return ends


def _holds(outer: IntegerType, inner: IntegerType) -> bool:
    """Whether every value of ``inner`` is one of ``outer``."""
    return (
        outer.minimum <= inner.minimum
        and inner.maximum <= outer.maximum
        and outer.is_bipolar == inner.is_bipolar
    )


def _modules(handoff: bytes, path: Path) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(handoff)
    except ElementTree.ParseError as error:
        raise DeployError(f"no hardware handoff: {error}", where=path) from error


def _registers(handoff: ElementTree.Element, block: str, path: Path) -> dict[str, int]:
    """Offsets of the address and of the number of images: the handoff's, else those that FINN's
    driver writes. DeployError if ``handoff`` does not have ``block`` at all."""
    module = handoff.find(f".//MODULE[@INSTANCE='{block}']")
    if module is None:
        raise DeployError(f"has no block {block}", where=path, expected="FINN's Zynq shell")
    found = {
        register.get("NAME", ""): int(offset.get("VALUE", ""), 0)
        for register in module.iterfind(".//REGISTER")
        for offset in register.iterfind(".//PROPERTY[@NAME='ADDRESS_OFFSET']")
    }
    # A 64-bit address has two registers, such as in0_V_1 and in0_V_2, one after the other.
    addresses = [at for name, at in found.items() if name.startswith(("in0_V", "out0_V", "out_r"))]
    return {
        "address": min(addresses, default=_ADDRESS),
        "images": found.get("numReps", _IMAGES),
    }


def _wrapped_minimum(
    part: PipelinePart, end: MemoryEnd, scale: tuple[list[int], list[int]] | None, path: Path
) -> int | None:
    """The least that the circuit can give, where that or the most is beyond FINN's type.

    Where FINN counts equal bits it chooses the accumulator's type by sums of -1 and 1: INT7 for
    counts of 0 to 64. Hardware wraps, so that the lowest value tells what a code stands for; None
    where the type says so. DeployError where values of two results would have the same code.
    """
    network = part.network
    layer = network.layers[-1]
    if isinstance(layer, MaxPoolLayer) or layer.thresholds is not None:
        least, most = part.output.type.minimum, part.output.type.maximum
    else:
        least, most = network.accumulator_range(len(network.layers) - 1)
    factors, offsets = scale or ([1], [0])
    bounds = [
        (value - offset) // factor
        for factor, offset in zip(factors, offsets, strict=True)
        for value in (least, most)
    ]
    low, high = min(bounds), max(bounds)
    if end.type.minimum <= low and high <= end.type.maximum:
        return None
    if high - low >= 1 << end.type.bits:
        raise DeployError(f"gives {end.type.name}", where=path, expected=f"{low} to {high}")
    return low


def _scale_and_offset(
    operations: Sequence[Sequence[Any]], part: PipelinePart, path: Path
) -> tuple[list[int], list[int]] | None:
    """What makes the network's integers of what the circuit gives, by channel; None: they are.

    FINN leaves a Mul and an Add to the host, say where it counts ones in place of adding -1 and 1.
    """
    if not operations:
        return None
    channels = part.output.shape[-1]
    scale, offset = [1.0] * channels, [0.0] * channels
    for name, values in operations:
        factors = list(values) * (channels if len(values) == 1 else 1)
        if name not in ("Mul", "Add") or len(factors) != channels:
            raise DeployError(f"{name} of {len(factors)} values after the last layer", where=path)
        if name == "Mul":
            scale = [one * by for one, by in zip(scale, factors, strict=True)]
            offset = [one * by for one, by in zip(offset, factors, strict=True)]
        else:
            offset = [one + by for one, by in zip(offset, factors, strict=True)]
    if not all(value.is_integer() for value in (*scale, *offset)) or 0 in scale:
        raise DeployError("results that are no integers after the last layer", where=path)
    return [int(value) for value in scale], [int(value) for value in offset]
