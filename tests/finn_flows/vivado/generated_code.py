"""What FINN wrote for a part, read back: memories as integers, models of the partitions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finn_flows.folding import LayerFolding
from finn_flows.vivado.hls_blocks import code_folder


def nodes(folder: Path, models: str = "blocks/*.onnx") -> Iterator[Any]:
    """Every node of every partition in the folder of a build."""
    from qonnx.core.modelwrapper import ModelWrapper

    for file in sorted(folder.glob(models)):
        yield from ModelWrapper(str(file)).graph.node


def weights_in_memory(node: Any, folding: LayerFolding, columns: int) -> NDArray[np.int64]:
    """int64 (rows, columns) out of memblock.dat: a line is PE x SIMD codes, the first lowest."""
    lines = (code_folder(node) / "memblock.dat").read_text().split()
    folds = columns // folding.simd
    found = np.zeros((len(lines) // folds * folding.pe, columns), dtype=np.int64)
    for number, line in enumerate(lines):
        row, column = (number // folds) * folding.pe, (number % folds) * folding.simd
        code = int(line, 16)
        for lane in range(folding.pe * folding.simd):
            value = code >> (2 * lane) & 3
            place = row + lane // folding.simd, column + lane % folding.simd
            found[place] = value - 4 if value > 1 else value
        assert code >> (2 * folding.pe * folding.simd) == 0
    return found


def thresholds_in_header(node: Any, pe: int) -> tuple[NDArray[np.int64], int]:
    """int64 (channels, steps) out of thresh.h, and the bits that each has there."""
    text = (code_folder(node) / "thresh.h").read_text()
    head, _, values = text.partition("=")
    bits = re.search(r"ap_u?int<(\d+)>", head)
    assert bits is not None
    numbers = np.array([int(number) for number in re.findall(r"-?\d+", values)])
    steps = int(head.split("<")[1].split(",")[2])
    by_pe = numbers.reshape(pe, -1, steps)
    return by_pe.transpose(1, 0, 2).reshape(-1, steps), int(bits[1])
