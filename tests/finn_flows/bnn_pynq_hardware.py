"""What BNN-PYNQ's hardware computes from parameter files, one multiplication at a time.

Written after finn-hlslib's ``mvau.hpp`` and ``interpret.hpp`` and BNN-PYNQ's ``top.cpp``, on the
bits of the files and in the hardware's own conventions, and sharing no code with
``finn_flows.bnn_pynq``: a second witness of what the importer makes of them. Slow.
"""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

Codes = list[int]
Image = list[list[Codes]]


def _words(path: Path, letter: str) -> list[int]:
    data = path.read_bytes()
    return list(struct.unpack(f"<{len(data) // 8}{letter}", data))


def _two_bit(code: int) -> int:
    return code - 4 if code >= 2 else code


class Layer:
    """One matrix-vector unit. ``rule``: "fixed", "xnor", "binary x binary", "binary x int" or
    "int x int"; ``steps``: thresholds per row, 0 for none."""

    def __init__(self, directory: Path, number: int, simd: int, rule: str, steps: int) -> None:
        self.pes = len(list(directory.glob(f"{number}-*-weights.bin")))
        self.weights = [
            _words(directory / f"{number}-{pe}-weights.bin", "Q") for pe in range(self.pes)
        ]
        self.thresholds = [
            _words(directory / f"{number}-{pe}-thres.bin", "q") if steps else []
            for pe in range(self.pes)
        ]
        self.simd, self.rule, self.steps = simd, rule, steps

    def row(self, pe: int, nf: int, inputs: Codes) -> int:
        """The accumulator (no thresholds) or the count of thresholds below it."""
        bits = 2 if self.rule in ("int x int", "fixed 2") else 1
        folds = len(inputs) // self.simd
        accumulator: int | Fraction = 0
        for sf in range(folds):
            word = self.weights[pe][nf * folds + sf]
            for lane in range(self.simd):
                weight = (word >> (lane * bits)) & (2**bits - 1)
                accumulator += self.product(weight, inputs[sf * self.simd + lane])
        if not self.steps:
            return int(accumulator)
        stored = self.thresholds[pe][nf * self.steps : (nf + 1) * self.steps]
        scale = 256 if self.rule.startswith("fixed") else 1
        return sum(Fraction(threshold, scale) < accumulator for threshold in stored)

    def product(self, weight: int, value: int) -> int | Fraction:
        if self.rule == "fixed":
            return Fraction(value if weight else -value, 128)
        if self.rule == "fixed 2":
            return Fraction(_two_bit(weight) * value, 128)
        if self.rule == "xnor":
            return int(weight == value)
        if self.rule == "binary x binary":
            return (1 if weight else -1) * (1 if value else -1)
        if self.rule == "binary x int":
            return value if weight else -value
        return _two_bit(weight) * value

    def __call__(self, inputs: Codes) -> Codes:
        folds = len(inputs) // self.simd
        rows_per_pe = len(self.weights[0]) // folds
        return [self.row(pe, nf, inputs) for nf in range(rows_per_pe) for pe in range(self.pes)]


def run_hardware(
    directory: Path,
    picture: list[list[list[int]]],
    *,
    weight_bits: int,
    activation_bits: int,
    simds: list[int],
    convolutions: int,
    pools_after: tuple[int, ...],
    binary_input: bool,
    kernel: int = 3,
) -> list[int]:
    """What the hardware answers for uint8 pixels [row][column][channel]: sums of all padded rows of
    the last layer, or their bits (0 or 1) where it has thresholds."""
    count = len(simds)

    def layer(number: int) -> Layer:
        last = number == count - 1
        steps = (1 if binary_input else 0) if last else activation_bits
        if number == 0 and not binary_input:
            rule = "fixed" if weight_bits == 1 else "fixed 2"
        elif activation_bits == 1:
            rule = "xnor"
        elif number == 0:
            rule = "binary x binary"
        else:
            rule = "binary x int" if weight_bits == 1 else "int x int"
        return Layer(directory, number, simds[number], rule, steps)

    def as_input(outputs: Codes) -> Codes:
        # Two thresholds count from -1 (ActVal); one gives the bit itself.
        return [value - 1 for value in outputs] if activation_bits == 2 else outputs

    def enter(pixel: int) -> int:
        scaled = Fraction(pixel, 255) * 2 - 1
        if binary_input:
            return int(scaled >= 0)
        rounded = (scaled * 128 + Fraction(1, 2)).__floor__()  # AP_RND
        return min(max(rounded, -128), 127)  # AP_SAT

    image: Image = [[[enter(value) for value in pixel] for pixel in row] for row in picture]
    for number in range(convolutions):
        unit = layer(number)
        image = [
            [
                as_input(
                    unit(
                        [
                            value
                            for ky in range(kernel)
                            for kx in range(kernel)
                            for value in image[y + ky][x + kx]
                        ]
                    )
                )
                for x in range(len(image[0]) - kernel + 1)
            ]
            for y in range(len(image) - kernel + 1)
        ]
        if number in pools_after:
            image = [
                [
                    [
                        max(values)
                        for values in zip(
                            image[y][x],
                            image[y][x + 1],
                            image[y + 1][x],
                            image[y + 1][x + 1],
                            strict=True,
                        )
                    ]
                    for x in range(0, len(image[0]) - 1, 2)
                ]
                for y in range(0, len(image) - 1, 2)
            ]
    current = [value for row in image for pixel in row for value in pixel]
    if binary_input:
        current += [0] * (-len(current) % 64)  # the host pads the picture with zero bits
    for number in range(convolutions, count):
        outputs = layer(number)(current)
        current = outputs if number == count - 1 else as_input(outputs)
    return current
