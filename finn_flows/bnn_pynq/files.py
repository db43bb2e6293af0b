"""The raw layout of BNN-PYNQ parameter files: names, words, rows and columns; no meaning.

``L-PE-weights.bin``: one little-endian 64-bit word per line of the weight memory of processing
element PE of layer L. ``L-PE-thres.bin``: little-endian int64, ``steps`` per row. With
NF = rows/PEs and SF = columns/SIMD, line ``nf*SF + sf`` of element ``pe`` holds columns
``sf*SIMD ...`` of row ``nf*PEs + pe``, the first of them in the least significant bits; a column of
a convolution is (kernel row, kernel column, input channel), the channel running fastest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dse.errors import NetworkFileError

Kind = Literal["weights", "thres"]
WORD_BYTES = 8
CLASS_FILE = "classes.txt"

_FILE_NAME = re.compile(r"(0|[1-9]\d*)-(0|[1-9]\d*)-(weights|thres)\.bin")


def file_name(layer: int, pe: int, kind: Kind) -> str:
    """``L-PE-weights.bin`` or ``L-PE-thres.bin``."""
    return f"{layer}-{pe}-{kind}.bin"


@dataclass(frozen=True)
class LayerFiles:
    """The files of one layer by processing element: ``weights[pe]`` and, if any, thresholds."""

    number: int
    weights: tuple[Path, ...]
    thresholds: tuple[Path, ...]


def find_layers(directory: Path) -> tuple[LayerFiles, ...]:
    """The parameter files of a directory, layer by layer; other files are not looked at.

    NetworkFileError for a directory that cannot be read or holds no parameters, for a gap in the
    numbers of layers or processing elements, and for elements with weights but no thresholds or
    the other way round.
    """
    if not directory.is_dir():
        raise NetworkFileError(
            "there is no such directory" if not directory.exists() else "not a directory",
            where=directory,
            expected="a directory of BNN-PYNQ parameters",
        )
    try:
        names = [entry.name for entry in directory.iterdir()]
    except OSError as error:
        raise NetworkFileError(f"cannot read: {error.strerror}", where=directory) from error
    elements: dict[tuple[int, str], set[int]] = {}
    for name in names:
        match = _FILE_NAME.fullmatch(name)
        if match is not None:
            elements.setdefault((int(match[1]), match[3]), set()).add(int(match[2]))
    if not elements:
        raise NetworkFileError(
            "holds no BNN-PYNQ parameters",
            where=directory,
            expected="files 0-0-weights.bin, 0-0-thres.bin, ...",
        )
    layers = 1 + max(layer for layer, _ in elements)
    return tuple(_layer_files(directory, number, elements) for number in range(layers))


def _layer_files(
    directory: Path, number: int, elements: dict[tuple[int, str], set[int]]
) -> LayerFiles:
    weights = elements.get((number, "weights"), set())
    thresholds = elements.get((number, "thres"), set())
    wanted: list[tuple[Kind, set[int]]] = [("weights", weights)]
    if thresholds:
        wanted.append(("thres", thresholds))
    count = 1 + max(weights | thresholds, default=0)
    for kind, present in wanted:
        for pe in range(count):
            if pe not in present:
                raise NetworkFileError(
                    "file is missing",
                    where=directory / file_name(number, pe, kind),
                    expected=f"one for each of the {count} processing elements of layer {number}",
                )
    return LayerFiles(
        number,
        tuple(directory / file_name(number, pe, "weights") for pe in range(count)),
        tuple(directory / file_name(number, pe, "thres") for pe in range(count))
        if thresholds
        else (),
    )


def read_bytes(path: Path) -> bytes:
    """The whole file; NetworkFileError with the reason of the operating system."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise NetworkFileError(f"cannot read: {error.strerror}", where=path) from error


def read_class_names(directory: Path) -> tuple[str, ...] | None:
    """The lines of classes.txt without blank ones at the end; None where there is no such file."""
    path = directory / CLASS_FILE
    if not path.exists():
        return None
    try:
        text = read_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise NetworkFileError(
            f"byte {error.start} is not UTF-8", where=path, expected="one class name per line"
        ) from error
    names = [line.strip() for line in text.splitlines()]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise NetworkFileError("names no class", where=path, expected="one class name per line")
    return tuple(names)


def unpack_weights(
    memory: NDArray[np.uint64], rows: int, columns: int, simd: int, bits: int
) -> NDArray[np.uint8]:
    """Codes of shape (rows, columns) from the lines (PEs, lines) of the weight memories."""
    pes = memory.shape[0]
    lines = memory.reshape(pes, rows // pes, columns // simd, 1)
    shifts = np.arange(simd, dtype=np.uint64) * np.uint64(bits)
    codes = ((lines >> shifts) & np.uint64(2**bits - 1)).astype(np.uint8)
    return codes.reshape(pes, rows // pes, columns).transpose(1, 0, 2).reshape(rows, columns)


def pack_weights(codes: NDArray[np.uint8], pes: int, simd: int, bits: int) -> NDArray[np.uint64]:
    """The inverse of :func:`unpack_weights`: little-endian words (PEs, lines)."""
    rows, columns = codes.shape
    lanes = codes.reshape(rows // pes, pes, columns // simd, simd).transpose(1, 0, 2, 3)
    shifts = np.arange(simd, dtype=np.uint64) * np.uint64(bits)
    words = np.bitwise_or.reduce(lanes.astype(np.uint64) << shifts, axis=3)
    return words.reshape(pes, -1).astype("<u8")


def unpack_thresholds(memory: NDArray[np.int64], rows: int) -> NDArray[np.int64]:
    """Thresholds of shape (rows, steps) from the files' integers (PEs, rows/PEs * steps)."""
    pes = memory.shape[0]
    return memory.reshape(pes, rows // pes, -1).transpose(1, 0, 2).reshape(rows, -1)


def pack_thresholds(thresholds: NDArray[np.int64], pes: int) -> NDArray[np.int64]:
    """The inverse of :func:`unpack_thresholds`: little-endian integers (PEs, rows/PEs * steps)."""
    rows, steps = thresholds.shape
    memory = thresholds.reshape(rows // pes, pes, steps).transpose(1, 0, 2)
    return memory.reshape(pes, -1).astype("<i8")
