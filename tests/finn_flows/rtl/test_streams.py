"""FIFO, converters, packer and unpacker, pools: order, values, throughput, under random stalls."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from finn_flows.integer_type import IntegerType
from finn_flows.wire_packing import pack
from tests.finn_flows.rtl.mvau_cases import elements, random_values
from tests.finn_flows.rtl.stream_bench import StreamCircuit, StreamResult, run_circuits

FIFO_STYLES = ("registers", "distributed", "block")
FIFO_DEPTHS = (2, 3, 5, 32, 33)
#: Coprime, one a multiple of the other, equal, neither; in both directions.
WIDTHS = ((13, 17), (17, 13), (3, 32), (8, 32), (32, 8), (6, 6), (24, 64), (64, 24), (1, 5))
#: Bits of a value, values of an element, elements of an image: with padding and without, in one
#: word and in several, elements wider than a word.
IMAGES = (
    *((2, 1, 64), (2, 3, 7), (8, 3, 10), (16, 4, 3), (13, 5, 3), (32, 4, 3), (10, 1, 1)),
    *((2, 8, 9), (1, 3, 50), (12, 4, 5), (1, 1, 130)),
)
STALLS = (0, 100)


@dataclass(frozen=True)
class Pool:
    """A pool over random images; ``window``: of the overlapping kind, its size in pixels, or 0."""

    bits: int
    signed: bool
    pe: int
    channels: int
    height: int
    width: int
    kernel: int
    window: int = 0


POOLS = (
    Pool(2, True, 2, 4, 6, 6, 2),
    Pool(2, True, 4, 4, 5, 7, 2),
    Pool(4, False, 3, 3, 7, 8, 3),
    Pool(3, True, 1, 6, 4, 4, 4),
    Pool(1, False, 2, 2, 2, 2, 2),
    Pool(2, True, 2, 4, 6, 6, 2, 9),
    Pool(4, False, 3, 3, 4, 5, 2, 4),
    Pool(1, False, 1, 5, 3, 4, 2, 6),
)


def fifo(style: str, depth: int, stalls: int) -> tuple[StreamCircuit, list[int]]:
    values = [int(v) for v in np.random.default_rng(depth).integers(0, 2**9, 300)]
    parameters: dict[str, int | str] = {"WIDTH": 9, "DEPTH": depth, "RAM_STYLE": style}
    return StreamCircuit("fifo", parameters, 9, 9, values, len(values), stalls, stalls), values


def dwc(in_width: int, out_width: int, stalls: int) -> tuple[StreamCircuit, list[int]]:
    bits = math.lcm(in_width, out_width) * 6
    number = int.from_bytes(np.random.default_rng(bits).bytes(bits // 8 + 1), "little")

    def cut(width: int) -> list[int]:
        return [(number >> (i * width)) & (2**width - 1) for i in range(bits // width)]

    parameters: dict[str, int | str] = {"IN_WIDTH": in_width, "OUT_WIDTH": out_width}
    inputs, expected = cut(in_width), cut(out_width)
    return (
        StreamCircuit(
            "dwc", parameters, in_width, out_width, inputs, len(expected), stalls, stalls
        ),
        expected,
    )


def wire(
    direction: str, bits: int, lanes: int, count: int, stalls: int
) -> tuple[StreamCircuit, list[int]]:
    """Packer or unpacker, against the packing of whole images in Python."""
    value_type = IntegerType.signed(bits) if bits > 1 else IntegerType.bipolar()
    images = random_values(np.random.default_rng(bits * count), value_type, (4, count * lanes))
    words = [int(word) for word in pack(images, bits, bipolar=bits == 1).ravel()]
    stream = elements(images, lanes, value_type)
    width = bits * lanes
    if direction == "packer":
        parameters: dict[str, int | str] = {"IN_WIDTH": width, "ELEMENTS": count}
        circuit = StreamCircuit(
            "packer", parameters, width, 64, stream, len(words), stalls, stalls, has_last=True
        )
        return circuit, words
    parameters = {"OUT_WIDTH": width, "ELEMENTS": count}
    return (
        StreamCircuit("unpacker", parameters, 64, width, words, len(stream), stalls, stalls),
        stream,
    )


def pool(case: Pool, stalls: int) -> tuple[StreamCircuit, list[int]]:
    value_type = (IntegerType.signed if case.signed else IntegerType.unsigned)(case.bits)
    shape = (3, case.height, case.width, case.channels)
    images = random_values(np.random.default_rng(1), value_type, shape)
    parameters: dict[str, int | str] = {
        "WIDTH_BITS": case.bits,
        "SIGNED": int(case.signed),
        "PE": case.pe,
        "CHANNELS": case.channels,
    }
    if case.window:
        module = "window_max"
        parameters["WINDOW"] = case.window
        windows = images.reshape(-1, case.channels)
        windows = windows[: len(windows) // case.window * case.window]
        images = windows.reshape(-1, case.window, case.channels)
        expected = images.max(axis=1)
    else:
        module = "maxpool"
        parameters |= {"HEIGHT": case.height, "WIDTH": case.width, "KERNEL": case.kernel}
        rows, columns = case.height // case.kernel, case.width // case.kernel
        whole = images[:, : rows * case.kernel, : columns * case.kernel]
        split = whole.reshape(3, rows, case.kernel, columns, case.kernel, case.channels)
        expected = split.max(axis=(2, 4))
    width = case.pe * case.bits
    inputs, outputs = elements(images, case.pe, value_type), elements(expected, case.pe, value_type)
    return (
        StreamCircuit(module, parameters, width, width, inputs, len(outputs), stalls, stalls),
        outputs,
    )


Key = tuple[object, ...]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[Key, tuple[StreamResult, list[int]]]:
    """What every circuit gave and should have given, by what it is; compiled in one go."""
    built: dict[Key, tuple[StreamCircuit, list[int]]] = {}
    for stalls in STALLS:
        for style in FIFO_STYLES:
            for depth in FIFO_DEPTHS:
                built["fifo", style, depth, stalls] = fifo(style, depth, stalls)
        for widths in WIDTHS:
            built["dwc", *widths, stalls] = dwc(*widths, stalls)
        for image in IMAGES:
            for direction in ("packer", "unpacker"):
                built[direction, *image, stalls] = wire(direction, *image, stalls)
        for case in POOLS:
            built["pool", case, stalls] = pool(case, stalls)
    # Nothing is taken out of these: what goes in is what they hold.
    for style in FIFO_STYLES:
        for depth in FIFO_DEPTHS:
            circuit, _ = fifo(style, depth, 256)
            full = StreamCircuit(
                circuit.module, circuit.parameters, 9, 9, circuit.inputs, 0, 0, 256
            )
            built["full", style, depth] = full, []
    ran = run_circuits([c for c, _ in built.values()], tmp_path_factory.mktemp("streams"))
    return {key: (result, built[key][1]) for key, result in zip(built, ran, strict=True)}


Results = dict[Key, tuple[StreamResult, list[int]]]


@pytest.mark.parametrize("kind", ["fifo", "dwc", "packer", "unpacker", "pool"])
def test_the_right_values_in_the_right_order(kind: str, results: Results) -> None:
    chosen = {key: both for key, both in results.items() if key[0] == kind}
    assert len(chosen) >= 2 * len(POOLS)
    for key, (result, expected) in chosen.items():
        assert result.elements == expected, key


@pytest.mark.parametrize("style", FIFO_STYLES)
@pytest.mark.parametrize("depth", FIFO_DEPTHS)
def test_a_fifo_holds_its_depth(style: str, depth: int, results: Results) -> None:
    result, _ = results["full", style, depth]
    held = sum(cycle != 0xFFFFFFFF for cycle in result.input_cycles)
    # Full throughput with registered handshakes takes three places.
    assert held == max(depth, 3)


@pytest.mark.parametrize("kind", ["fifo", "dwc", "packer", "unpacker", "pool"])
def test_nothing_but_the_widths_limits_throughput(kind: str, results: Results) -> None:
    for key, (result, _) in results.items():
        if key[0] == kind and key[-1] == 0:
            # From the first transfer on, either side moves an element in every cycle but for what
            # lies in the buffers at the start and the end.
            ins, outs = result.input_cycles, result.cycles
            cycles = max(ins[-1], outs[-1]) - ins[0] + 1
            latency = outs[0] - ins[0]
            assert cycles <= max(len(ins), len(outs)) + 2 * latency + 2, key


def test_images_end_where_they_should(results: Results) -> None:
    for key, (result, expected) in results.items():
        if key[0] == "packer":
            words = len(expected) // 4
            assert result.lasts == [i % words == words - 1 for i in range(4 * words)], key


def test_a_fifo_gives_an_element_every_cycle(results: Results) -> None:
    for style in FIFO_STYLES:
        for depth in FIFO_DEPTHS:
            result, _ = results["fifo", style, depth, 0]
            assert {b - a for a, b in pairwise(result.cycles)} == {1}, (style, depth)
