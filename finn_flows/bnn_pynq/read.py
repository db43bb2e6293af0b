"""Reading a BNN-PYNQ parameter directory into the canonical network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dse.errors import NetworkFileError
from finn_flows.bnn_pynq.arithmetic import (
    FORBIDDEN_CODE,
    PADDING_CODE,
    accumulator_thresholds,
    activation_type,
    decode_weights,
    padding_sum,
    sum_of,
    weight_type,
)
from finn_flows.bnn_pynq.files import (
    CLASS_FILE,
    WORD_BYTES,
    LayerFiles,
    file_name,
    find_layers,
    read_bytes,
    read_class_names,
    unpack_thresholds,
    unpack_weights,
)
from finn_flows.bnn_pynq.topology import (
    BUS_BITS,
    CNV,
    LFC,
    BnnPynqTopology,
    LayerGeometry,
)
from finn_flows.folding import Folding, LayerFolding, divisors, greatest_divisor, simd_limit
from finn_flows.integer_type import IntegerType
from finn_flows.network import (
    ComputeLayer,
    ConvLayer,
    DenseLayer,
    Layer,
    MaxPoolLayer,
    Network,
    accumulator_range,
    clamp_thresholds,
)

FOLDING_NAME = "bnn-pynq"


@dataclass(frozen=True, eq=False)
class BnnPynqParameters:
    """What a parameter directory holds.

    ``network``: canonical, without padding rows and columns. The accumulators of a network of 1-bit
    weights and activations are dot products; BNN-PYNQ shows matches, (dot product + columns) / 2.
    ``folding``: legal for ``network``; equal to ``file_folding``, the SIMD and PE of the files, but
    where padding was dropped: there each becomes the greatest divisor that is at most the one of
    the files. ``saturated_thresholds``: how many stored thresholds lie outside what their
    accumulator can reach, so that ``network`` has another, canonical, value for them.
    """

    network: Network
    folding: Folding
    file_folding: Folding
    topology: BnnPynqTopology
    weight_bits: int
    activation_bits: int
    saturated_thresholds: int


@dataclass(frozen=True, eq=False)
class _LayerMemory:
    """The files of one layer with everything their sizes tell.

    ``weights``: uint64 (PEs, lines). ``thresholds``: int64 (PEs, rows/PEs * steps), or None where
    the hardware has none.
    """

    files: LayerFiles
    geometry: LayerGeometry
    rows: int
    simd: int
    weights: NDArray[np.uint64]
    thresholds: NDArray[np.int64] | None

    @property
    def pes(self) -> int:
        return len(self.files.weights)


def read_bnn_pynq(directory: Path, topology: BnnPynqTopology | None = None) -> BnnPynqParameters:
    """Read a directory of ``L-PE-weights.bin``, ``L-PE-thres.bin`` and, if there, ``classes.txt``.

    Without ``topology`` the number of layers tells CNV (9) from LFC (4). Bit widths and folding
    follow from sizes and contents; the directory's name is not used. Rows of the last layer beyond
    the names in classes.txt are padding and are dropped, as are the padding columns of a binary
    picture, whose constant contribution goes into the thresholds. Without classes.txt nobody knows
    which rows are padding, and all of them are classes. Threshold files of a last layer that has
    no thresholds in hardware (old directories hold them) are not read, as BNN-PYNQ's host does.

    Raises NetworkFileError, naming the file and what was expected, where files are missing,
    unreadable or damaged, or contradict each other.
    """
    files = find_layers(directory)
    if topology is None:
        topology = _topology_by_layers(directory, files)
    elif len(files) != topology.layer_count:
        raise _wrong_layer_count(directory, files, [topology])
    class_names = read_class_names(directory)

    contents = [
        [[read_bytes(path) for path in paths] for paths in (layer.weights, layer.thresholds)]
        for layer in files
    ]
    activation_bits = _activation_bits(topology, files, contents)
    memories = [
        _layer_memory(topology, layer, geometry, content, activation_bits, class_names)
        for layer, geometry, content in zip(files, topology.geometry(), contents, strict=True)
    ]
    weight_bits = _weight_bits(memories)
    if weight_bits == 2 and (activation_bits == 1 or topology.binary_input):
        raise NetworkFileError(
            f"{topology.name} with 2-bit weights and {activation_bits}-bit activations",
            where=directory,
            expected="one of the networks of BNN-PYNQ",
            choices=["cnvW1A1", "cnvW1A2", "cnvW2A2", "lfcW1A1", "lfcW1A2"],
        )
    for memory in memories:
        _check_weights(memory, weight_bits)

    layers: list[Layer] = []
    saturated = 0
    classes = len(class_names) if class_names is not None else memories[-1].rows
    for memory in memories:
        layer, moved = _compute_layer(
            topology, memory, weight_bits, activation_bits, classes, directory
        )
        saturated += moved
        layers.append(layer)
        if memory.files.number in topology.pools_after:
            layers.append(MaxPoolLayer())
    network = Network(
        name=f"{topology.name}W{weight_bits}A{activation_bits}",
        input_shape=topology.input_shape,
        input_type=topology.input_type,
        layers=tuple(layers),
        pixel_table=topology.pixel_table,
        class_names=class_names or (),
        class_scores=topology.class_scores(classes),
    )
    return BnnPynqParameters(
        network=network,
        folding=_legal_folding(network, memories),
        file_folding=Folding(
            FOLDING_NAME, tuple(LayerFolding(memory.simd, memory.pes) for memory in memories)
        ),
        topology=topology,
        weight_bits=weight_bits,
        activation_bits=activation_bits,
        saturated_thresholds=saturated,
    )


def _topology_by_layers(directory: Path, files: Sequence[LayerFiles]) -> BnnPynqTopology:
    for topology in (CNV, LFC):
        if len(files) == topology.layer_count:
            return topology
    raise _wrong_layer_count(directory, files, [LFC, CNV])


def _wrong_layer_count(
    directory: Path, files: Sequence[LayerFiles], topologies: Sequence[BnnPynqTopology]
) -> NetworkFileError:
    found = len(files)
    expected = " or ".join(f"{each.layer_count} ({each.name})" for each in topologies)
    if found > max(each.layer_count for each in topologies):
        return NetworkFileError(
            f"one layer too many: parameters of {found} layers",
            where=files[max(each.layer_count for each in topologies)].weights[0],
            expected=f"{expected} layers",
        )
    return NetworkFileError(
        f"file is missing: parameters of {found} layers",
        where=directory / file_name(found, 0, "weights"),
        expected=f"{expected} layers",
    )


def _activation_bits(
    topology: BnnPynqTopology, files: Sequence[LayerFiles], contents: list[list[list[bytes]]]
) -> int:
    """1 or 2, by what most layers have; the layers that differ are reported later, by file."""
    votes: Counter[int] = Counter()
    for layer, geometry, (_, thresholds) in zip(
        files[:-1], topology.geometry()[:-1], contents[:-1], strict=True
    ):
        if not thresholds:
            raise NetworkFileError(
                "file is missing",
                where=layer.weights[0].parent / file_name(layer.number, 0, "thres"),
                expected=f"thresholds of layer {layer.number}",
            )
        assert geometry.rows is not None  # only the last layer's are unknown
        for bits in (1, 2):
            size = geometry.rows * bits * WORD_BYTES
            votes[bits] += sum(len(data) * len(thresholds) == size for data in thresholds) > 0
    return 2 if votes[2] > votes[1] else 1


def _layer_memory(
    topology: BnnPynqTopology,
    files: LayerFiles,
    geometry: LayerGeometry,
    content: list[list[bytes]],
    activation_bits: int,
    class_names: tuple[str, ...] | None,
) -> _LayerMemory:
    weights, thresholds = content
    pes = len(files.weights)
    last = geometry.rows is None
    has_thresholds = topology.binary_input or not last
    if last and has_thresholds and not thresholds:
        raise NetworkFileError(
            "file is missing",
            where=files.weights[0].parent / file_name(files.number, 0, "thres"),
            expected=f"thresholds of layer {files.number}",
        )
    if geometry.rows is not None:
        row_choices = [geometry.rows]
    elif thresholds:
        # A class is one bit: one threshold per row, also in networks of 2-bit activations.
        size = _common_size(files.thresholds, thresholds, None, "thresholds")
        row_choices = [size // WORD_BYTES * pes]
    else:
        classes = BUS_BITS if class_names is None else len(class_names)
        row_choices = [_padded(classes, BUS_BITS), _padded(classes, pes)]
    if any(rows % pes for rows in row_choices[:1]):
        raise NetworkFileError(
            "file is missing, or there are too many of them",
            where=files.weights[0].parent / file_name(files.number, pes, "weights"),
            expected=f"as many processing elements as divide the {row_choices[0]} rows of layer "
            f"{files.number}, not {pes}",
        )
    foldings = {
        rows * geometry.columns // (pes * simd) * WORD_BYTES: (rows, simd)
        for rows in reversed(row_choices)  # so that the first choice wins
        if rows % pes == 0
        for simd in divisors(geometry.simd_limit)
        if simd <= BUS_BITS
    }
    size = _common_size(files.weights, weights, sorted(foldings), "weights")
    rows, simd = foldings[size]
    words = None
    if has_thresholds:
        steps = 1 if last else activation_bits
        size = rows // pes * steps * WORD_BYTES
        detail = f"{steps} for each of {rows} rows on {pes} processing element(s)"
        _common_size(files.thresholds, thresholds, [size], f"thresholds, {detail}")
        words = np.frombuffer(b"".join(thresholds), "<i8").reshape(pes, -1)
    return _LayerMemory(
        files,
        geometry,
        rows,
        simd,
        np.frombuffer(b"".join(weights), "<u8").reshape(pes, -1),
        words,
    )


def _common_size(
    paths: Sequence[Path], contents: Sequence[bytes], legal: list[int] | None, what: str
) -> int:
    """The size in bytes that all files have, one of ``legal``; NetworkFileError names the first
    that differs. What most files have is right, if legal; else the legal size nearest to it."""
    counts = Counter(len(data) for data in contents)

    def is_legal(size: int) -> bool:
        return size > 0 and (size % WORD_BYTES == 0 if legal is None else size in legal)

    expected = max(counts, key=lambda size: (is_legal(size), counts[size]))
    if legal and not is_legal(expected):
        expected = min(legal, key=lambda size: abs(size - expected))
    for path, data in zip(paths, contents, strict=True):
        if len(data) != expected or not is_legal(expected):
            wanted = (
                f"{expected} bytes of {what}"
                if is_legal(expected)
                else f"words of {WORD_BYTES} bytes of {what}"
            )
            raise NetworkFileError(f"{len(data)} bytes", where=path, expected=wanted)
    return expected


def _padded(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def _weight_bits(memories: Sequence[_LayerMemory]) -> int:
    """1 or 2: whether a word needs more than one bit per lane.

    One damaged file must not decide for the whole network, or an innocent one would be reported.
    """
    one = [bool(fits) for memory in memories for fits in _fits(memory, 1)]
    if all(one):
        return 1
    two = [
        bool(fits) and not forbidden.any()
        for memory in memories
        for fits, forbidden in zip(_fits(memory, 2), _forbidden(memory.weights), strict=True)
    ]
    return 2 if all(two) or sum(one) * 2 <= len(one) else 1


def _fits(memory: _LayerMemory, bits: int) -> NDArray[np.bool_]:
    """For each file, whether no word has bits beyond its SIMD lanes of ``bits`` bits."""
    width = memory.simd * bits
    if width > BUS_BITS:
        return np.zeros(memory.pes, dtype=bool)
    return memory.weights.max(axis=1) <= np.uint64(2**width - 1)


def _forbidden(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Words whose odd bits mark the 2-bit lanes that hold code 2."""
    high, low = np.uint64(0xAAAAAAAAAAAAAAAA), np.uint64(0x5555555555555555)
    return words & high & ~((words & low) << np.uint64(1))


def _check_weights(memory: _LayerMemory, bits: int) -> None:
    width = memory.simd * bits
    if width > BUS_BITS:
        raise NetworkFileError(
            f"holds words for {memory.simd} weights, at {bits} bits",
            where=memory.files.weights[0],
            expected=f"at most {BUS_BITS} bits per word",
        )
    beyond = memory.weights > np.uint64(2**width - 1)
    if beyond.any():
        pe, line = np.argwhere(beyond)[0]
        raise NetworkFileError(
            f"word {line} is {int(memory.weights[pe, line]):#x}",
            where=memory.files.weights[pe],
            expected=f"{memory.simd} weights of {bits} bit(s)",
        )
    if bits == 2:
        forbidden = _forbidden(memory.weights)
        if forbidden.any():
            pe, line = np.argwhere(forbidden)[0]
            lane = (int(forbidden[pe, line]).bit_length() - 1) // 2
            raise NetworkFileError(
                f"lane {lane} of word {line} holds code {FORBIDDEN_CODE}",
                where=memory.files.weights[pe],
                expected="codes 0, 1 and 3 of the weights 0, 1 and -1",
            )


def _compute_layer(
    topology: BnnPynqTopology,
    memory: _LayerMemory,
    weight_bits: int,
    activation_bits: int,
    classes: int,
    directory: Path,
) -> tuple[ComputeLayer, int]:
    """The canonical layer, and how many of its thresholds are saturated."""
    geometry = memory.geometry
    number = geometry.number
    codes = unpack_weights(memory.weights, memory.rows, geometry.columns, memory.simd, weight_bits)
    last = geometry.rows is None
    if last:
        _check_padding_rows(memory, codes, weight_bits, classes, directory)
        codes = codes[:classes]
    real_columns = geometry.columns - geometry.padding_columns
    weights = decode_weights(codes[:, :real_columns], weight_bits)

    input_type = activation_type(activation_bits) if number else topology.input_type
    thresholds: NDArray[np.int64] | None = None
    saturated = 0
    # The hardware hands out 16 bits whatever the accumulators reach; the canonical network says
    # what they reach, as every other import does, so that the same integers have the same hash.
    output_type = IntegerType.covering(*accumulator_range(weights, input_type))
    if memory.thresholds is not None:
        # The last layer of LFC answers with one bit per class, whatever the other activations.
        output_type = activation_type(1 if last else activation_bits)
        kind = sum_of(number, topology.binary_input, weight_bits, activation_bits)
        stored = unpack_thresholds(memory.thresholds, memory.rows)[: len(codes)]
        _check_thresholds(memory, stored, kind.threshold_bits)
        exact = accumulator_thresholds(
            stored, kind, geometry.columns, padding_sum(codes[:, real_columns:], weight_bits)
        )
        thresholds = clamp_thresholds(exact, weights, input_type)
        saturated = int((thresholds != exact).sum())
    if number < len(topology.conv_channels):
        shape = (len(codes), topology.kernel, topology.kernel, geometry.simd_limit)
        return ConvLayer(
            weights.reshape(shape), weight_type(weight_bits), thresholds, output_type
        ), saturated
    return DenseLayer(weights, weight_type(weight_bits), thresholds, output_type), saturated


def _check_padding_rows(
    memory: _LayerMemory, codes: NDArray[np.uint8], bits: int, classes: int, directory: Path
) -> None:
    if classes > memory.rows:
        raise NetworkFileError(
            f"names {classes} classes",
            where=directory / CLASS_FILE,
            expected=f"at most {memory.rows}, the rows of layer {memory.files.number}",
        )
    wrong = (codes[classes:] != PADDING_CODE[bits]).any(axis=1)
    if wrong.any():
        row = classes + int(np.argmax(wrong))
        padding = "+1" if bits == 1 else "0"
        raise NetworkFileError(
            f"row {row} of layer {memory.files.number} is not padding, but {CLASS_FILE} names "
            f"{classes} classes",
            where=memory.files.weights[row % memory.pes],
            expected=f"rows of {padding} after the classes",
        )


def _check_thresholds(memory: _LayerMemory, stored: NDArray[np.int64], bits: int) -> None:
    """Each fits the hardware's memory, and each row is ascending."""
    unfit = (stored < -(2 ** (bits - 1))) | (stored >= 2 ** (bits - 1))
    if unfit.any():
        row, step = np.argwhere(unfit)[0]
        raise NetworkFileError(
            f"threshold {step} of row {row} is {stored[row, step]}",
            where=memory.files.thresholds[row % memory.pes],
            expected=f"an integer of {bits} bits",
        )
    descending = np.diff(stored, axis=1) < 0
    if descending.any():
        row, step = np.argwhere(descending)[0]
        raise NetworkFileError(
            f"threshold {step} of row {row} is {stored[row, step]}, "
            f"threshold {step + 1} is {stored[row, step + 1]}",
            where=memory.files.thresholds[row % memory.pes],
            expected="thresholds of a row in ascending order",
        )


def _legal_folding(network: Network, memories: Sequence[_LayerMemory]) -> Folding:
    return Folding(
        FOLDING_NAME,
        tuple(
            LayerFolding(
                greatest_divisor(simd_limit(layer), memory.simd),
                greatest_divisor(layer.output_channels, memory.pes),
            )
            for (_, layer), memory in zip(network.numbered(), memories, strict=True)
        ),
    )
