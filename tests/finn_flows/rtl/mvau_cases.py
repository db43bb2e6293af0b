"""Matrix vector units with random contents, and what they must give: the reference is numpy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from finn_flows.circuit.memory_contents import (
    memory_file,
    threshold_lines,
    threshold_writes,
    weight_lines,
    weight_writes,
)
from finn_flows.integer_type import IntegerType
from tests.finn_flows.rtl.stream_bench import StreamCircuit


@dataclass(frozen=True)
class MvauCase:
    """One unit. ``steps``: thresholds of a row; ``files``: folder of fixed memories, if fixed;
    ``rewrite``: the same contents are written once more while pixels stream."""

    mw: int
    mh: int
    simd: int
    pe: int
    activation: IntegerType
    weight: IntegerType
    steps: int = 2
    pixels: int = 4
    weight_style: str = "distributed"
    threshold_style: str = "distributed"
    input_style: str = "distributed"
    stalls: int = 0
    files: Path | None = None
    rewrite: bool = False
    seed: int = 0

    @property
    def cycles(self) -> int:
        """Of one pixel in steady state."""
        return self.mw // self.simd * (self.mh // self.pe)

    @property
    def folds(self) -> int:
        """Output elements of one pixel."""
        return self.mh // self.pe

    def __str__(self) -> str:
        return (
            f"{self.mw}x{self.mh}-SIMD{self.simd}-PE{self.pe}-{self.weight.name}"
            f"-{self.activation.name}-{self.steps}-{self.seed}"
        )

    def circuit(self) -> tuple[StreamCircuit, list[int]]:
        """The circuit with its inputs, and the output elements that it must give."""
        generator = np.random.default_rng(self.seed)
        weights = random_values(generator, self.weight, (self.mh, self.mw))
        pixels = random_values(generator, self.activation, (self.pixels, self.mw))
        sums = pixels @ weights.T
        # The whole range that could come, so that thresholds may lie anywhere in it.
        bound = int(np.abs(weights).sum(axis=1).max() * max_magnitude(self.activation)) + 1
        accumulator = IntegerType.covering(-bound, bound).bits
        thresholds = np.sort(generator.integers(sums.min(), sums.max() + 2, (self.mh, self.steps)))
        bias = -1 if self.steps == 2 else 0
        out_bits = self.steps.bit_length() if self.steps else accumulator
        results = sums
        if self.steps:
            results = bias + (sums[:, :, None] >= thresholds).sum(axis=2)
        lines = weight_lines(
            weights, self.simd, self.pe, self.weight.bits, bipolar=self.weight.is_bipolar
        )
        parameters: dict[str, int | str] = {
            "MW": self.mw,
            "MH": self.mh,
            "SIMD": self.simd,
            "PE": self.pe,
            "ACTIVATION_WIDTH": self.activation.bits,
            "SIGNED_ACTIVATIONS": int(self.activation.is_signed),
            "BIPOLAR_ACTIVATIONS": int(self.activation.is_bipolar),
            "NARROW_ACTIVATIONS": int(self.activation.name.startswith("NARROW")),
            "WEIGHT_WIDTH": self.weight.bits,
            "BIPOLAR_WEIGHTS": int(self.weight.is_bipolar),
            "NARROW_WEIGHTS": int(self.weight.name.startswith("NARROW")),
            "ACCU_WIDTH": accumulator,
            "THRESHOLDS": self.steps,
            "OUTPUT_WIDTH": out_bits,
            "OUTPUT_BIAS": bias,
            "WEIGHT_RAM_STYLE": self.weight_style,
            "THRESHOLD_RAM_STYLE": self.threshold_style,
            "INPUT_RAM_STYLE": self.input_style,
            "RUNTIME_WRITEABLE_WEIGHTS": int(self.files is None),
        }
        # In any order, but for the words of a line of one PE.
        words = -(-lines.shape[2] // 32)
        writes = generator.permutation(weight_writes(lines).reshape(-1, words, 2)).reshape(-1, 2)
        if self.steps:
            writes = np.concatenate([writes, threshold_writes(thresholds, self.pe)])
        if self.files is not None:
            writes = writes[:0]
            contents = {"WEIGHTS_FILE": lines}
            if self.steps:
                contents["THRESHOLDS_FILE"] = threshold_lines(thresholds, self.pe, accumulator)
            for name, content in contents.items():
                path = self.files / f"{name.lower()}_{self.seed}.mem"
                path.write_text(memory_file(content))
                parameters[name] = str(path)
        circuit = StreamCircuit(
            "mvau",
            parameters,
            self.simd * self.activation.bits,
            self.pe * out_bits,
            elements(pixels, self.simd, self.activation),
            self.pixels * self.folds,
            self.stalls,
            self.stalls,
            [(int(address), int(data)) for address, data in writes] * (1 + self.rewrite),
            self.stalls,
            self.rewrite,
        )
        return circuit, elements(results, self.pe, IntegerType.signed(max(out_bits, 2)), out_bits)


def random_case(seed: int, weight: IntegerType, activation: IntegerType) -> MvauCase:
    """Sizes, folding, thresholds, memories and stalls drawn at random."""
    generator = np.random.default_rng(seed)

    def pick(*choices: int) -> int:
        return int(generator.choice(choices))

    simd, pe, folds = pick(1, 2, 3, 5, 8, 13), pick(1, 2, 3, 4, 5, 8), pick(1, 2, 3, 4)
    styles = ("distributed", "block")
    return MvauCase(
        simd * pick(1, 2, 3, 4, 7, 16),
        pe * folds,
        simd,
        pe,
        activation,
        weight,
        pick(0, 1, 2, 3, 15),
        pixels=5,
        weight_style=styles[pick(0, 1)],
        threshold_style=styles[pick(0, 1)],
        input_style=(*styles, "registers")[pick(0, 1, 2)],
        stalls=pick(0, 60, 160),
        seed=seed,
    )


def fixed(case: MvauCase, directory: Path) -> MvauCase:
    """The same with memories that are read from files."""
    return replace(case, files=directory)


def random_values(
    generator: np.random.Generator, value_type: IntegerType, shape: tuple[int, ...]
) -> NDArray[np.int64]:
    """Every value of the type as likely."""
    count = (value_type.maximum - value_type.minimum) // value_type.step + 1
    return value_type.minimum + value_type.step * generator.integers(0, count, shape)


def max_magnitude(value_type: IntegerType) -> int:
    """Greatest absolute value of the type."""
    return max(abs(value_type.minimum), abs(value_type.maximum))


def elements(
    values: NDArray[np.integer], lanes: int, value_type: IntegerType, bits: int | None = None
) -> list[int]:
    """Stream elements of ``lanes`` values each, in C order; lane 0 lowest."""
    width = bits or value_type.bits
    codes = (values + 1) >> 1 if value_type.is_bipolar else values
    found = []
    for row in codes.reshape(-1, lanes):
        element = 0
        for lane, code in enumerate(row):
            element |= (int(code) & (2**width - 1)) << (lane * width)
        found.append(element)
    return found
