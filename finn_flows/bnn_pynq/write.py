"""Writing a canonical network as a BNN-PYNQ parameter directory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dse.errors import FoldingError, NetworkError, OutputError
from finn_flows.bnn_pynq.arithmetic import (
    PADDING_CODE,
    PADDING_THRESHOLD,
    activation_type,
    encode_weights,
    padding_sum,
    stored_thresholds,
    sum_of,
    weight_type,
)
from finn_flows.bnn_pynq.files import (
    CLASS_FILE,
    file_name,
    pack_thresholds,
    pack_weights,
)
from finn_flows.bnn_pynq.topology import (
    BUS_BITS,
    BnnPynqTopology,
    LayerGeometry,
    topology_of,
)
from finn_flows.folding import Folding, LayerFolding, divisors
from finn_flows.network import ClassScores, ComputeLayer, Network


def write_bnn_pynq(network: Network, folding: Folding, directory: Path) -> None:
    """Write the files that BNN-PYNQ's host loads; ``read_bnn_pynq`` gives the same function back.

    ``folding`` is that of the files, padding included: SIMD divides the columns padded to 64 bits
    (binary picture), PE the rows of the last layer padded to 64. The directory appears whole or not
    at all; it must not exist, or be empty.

    Raises NetworkError for a network the format cannot express, FoldingError for a folding that
    does not divide, OutputError where the directory cannot be written.
    """
    topology = topology_of(network)
    weight_bits, activation_bits = _widths(network, topology)
    _check_ends(network, topology)
    geometries = topology.geometry()
    if len(folding.layers) != len(geometries):
        raise FoldingError(
            f"folding {folding.name!r} has {len(folding.layers)} layers",
            expected=f"{len(geometries)}, as {network.name} has",
        )
    files: dict[str, bytes] = {}
    recognisable = weight_bits == 1
    for (_, layer), geometry, fold in zip(
        network.numbered(), geometries, folding.layers, strict=True
    ):
        kind = sum_of(geometry.number, topology.binary_input, weight_bits, activation_bits)
        codes = _padded_codes(layer, geometry, weight_bits)
        _check_fold(folding.name, geometry, fold, len(codes), weight_bits)
        words = pack_weights(codes, fold.pe, fold.simd, weight_bits)
        recognisable |= int(words.max()) >= 2**fold.simd
        for pe in range(fold.pe):
            files[file_name(geometry.number, pe, "weights")] = words[pe].tobytes()
        if layer.thresholds is None:
            continue
        real_columns = geometry.columns - geometry.padding_columns
        padding = padding_sum(codes[: layer.output_channels, real_columns:], weight_bits)
        stored = stored_thresholds(layer.thresholds, kind, geometry.columns, padding)
        _check_range(network, geometry.number, stored, kind.threshold_bits)
        rows = np.full((len(codes), stored.shape[1]), PADDING_THRESHOLD, dtype=np.int64)
        rows[: len(stored)] = stored
        memory = pack_thresholds(rows, fold.pe)
        for pe in range(fold.pe):
            files[file_name(geometry.number, pe, "thres")] = memory[pe].tobytes()
    if not recognisable:
        raise NetworkError(
            f"no word of {network.name} needs the second bit of its weights",
            expected="weights that cannot be taken for 1-bit ones, since the files do not say",
        )
    if network.class_names:
        files[CLASS_FILE] = "\n".join(network.class_names).encode()
    _write_directory(directory, files)


def _widths(network: Network, topology: BnnPynqTopology) -> tuple[int, int]:
    """Bits of the weights and of the activations, the same in every layer."""
    layers = [layer for _, layer in network.numbered()]
    for weight_bits, activation_bits in ((1, 1), (1, 2), (2, 2)):
        if topology.binary_input and weight_bits == 2:
            continue
        if {layer.weight_type for layer in layers} == {weight_type(weight_bits)} and {
            layer.output_type for layer in layers[:-1]
        } <= {activation_type(activation_bits)}:
            return weight_bits, activation_bits
    raise NetworkError(
        f"{network.name} has weights of "
        f"{', '.join(sorted({layer.weight_type.name for layer in layers}))} and activations of "
        f"{', '.join(sorted({layer.output_type.name for layer in layers[:-1]}))}",
        expected="one type of each, of a network of BNN-PYNQ",
        choices=["W1A1", "W1A2"] + ([] if topology.binary_input else ["W2A2"]),
    )


def _check_ends(network: Network, topology: BnnPynqTopology) -> None:
    """Pictures enter and classes leave as in BNN-PYNQ, for the files say nothing about either."""
    assert network.pixel_table is not None  # topology_of refuses parts of networks
    if (
        network.input_type != topology.input_type
        or (network.pixel_table != topology.pixel_table).any()
    ):
        raise NetworkError(
            f"{network.name} encodes pixels in another way than BNN-PYNQ",
            expected="its pixel table, since the files hold none",
        )
    last = [layer for _, layer in network.numbered()][-1]
    least, greatest = network.accumulator_range(len(network.layers) - 1)
    if topology.binary_input:
        if last.thresholds is None or not last.output_type.is_bipolar:
            raise NetworkError(
                f"the last layer of {network.name} gives {last.output_type.name}",
                expected="one bit per class, after thresholds",
            )
    elif last.thresholds is not None or least < -(2**15) or greatest >= 2**15:
        raise NetworkError(
            f"the last layer of {network.name} gives {last.output_type.name}",
            expected="accumulators of at most 16 bits, without thresholds",
        )
    if not _same_scores(network.class_scores, topology.class_scores(last.output_channels)):
        raise NetworkError(
            f"{network.name} has class scores of its own",
            expected="those of BNN-PYNQ, since the files hold none",
        )
    if network.class_names and (
        len(network.class_names) != last.output_channels
        or not network.class_names[-1].strip()
        or any(len(name.splitlines()) > 1 or name != name.strip() for name in network.class_names)
    ):
        raise NetworkError(
            f"the class names of {network.name} do not fit into {CLASS_FILE}",
            expected=f"one line for each of {last.output_channels} classes",
        )
    if not network.class_names and last.output_channels % BUS_BITS:
        raise NetworkError(
            f"{network.name} has {last.output_channels} classes without names",
            expected=f"names, since {CLASS_FILE} tells which of the rows are classes",
        )


def _same_scores(one: ClassScores | None, other: ClassScores | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one.scale, other.scale) and np.array_equal(one.offset, other.offset)


def _padded_codes(
    layer: ComputeLayer, geometry: LayerGeometry, weight_bits: int
) -> NDArray[np.uint8]:
    """Codes (rows, columns), padding included."""
    matrix = layer.weights.reshape(layer.output_channels, -1)
    rows = -(-len(matrix) // BUS_BITS) * BUS_BITS if geometry.rows is None else geometry.rows
    codes = np.full((rows, geometry.columns), PADDING_CODE[weight_bits], dtype=np.uint8)
    codes[: len(matrix), : matrix.shape[1]] = encode_weights(matrix, weight_bits)
    return codes


def fitting_folding(network: Network, folding: Folding) -> Folding:
    """``folding`` with each SIMD and PE lowered to the next that BNN-PYNQ's memories can have.

    For a folding that was chosen for the network without its padding. Raises NetworkError for a
    network the format cannot express.
    """
    topology = topology_of(network)
    weight_bits, _ = _widths(network, topology)
    layers = []
    for (_, layer), geometry, fold in zip(
        network.numbered(), topology.geometry(), folding.layers, strict=True
    ):
        simds, pes = _legal(geometry, len(_padded_codes(layer, geometry, weight_bits)), weight_bits)
        layers.append(replace(fold, simd=_at_most(fold.simd, simds), pe=_at_most(fold.pe, pes)))
    return replace(folding, layers=tuple(layers))


def _at_most(value: int, legal: Sequence[int]) -> int:
    return max(candidate for candidate in legal if candidate <= value)


def _legal(geometry: LayerGeometry, rows: int, weight_bits: int) -> tuple[list[int], list[int]]:
    """SIMD and PE that a layer's memory can have."""
    simds = [simd for simd in divisors(geometry.simd_limit) if simd * weight_bits <= BUS_BITS]
    return simds, list(divisors(rows))


def _check_fold(
    name: str, geometry: LayerGeometry, fold: LayerFolding, rows: int, weight_bits: int
) -> None:
    simds, pes = _legal(geometry, rows, weight_bits)
    for what, value, legal in (("SIMD", fold.simd, simds), ("PE", fold.pe, pes)):
        if value not in legal:
            raise FoldingError(
                f"folding {name!r}: {what} {value} of layer {geometry.number} does not fit its "
                f"memory in BNN-PYNQ files",
                choices=legal,
            )


def _check_range(network: Network, number: int, stored: NDArray[np.int64], bits: int) -> None:
    limit = 2 ** (bits - 1)
    if stored.min() < -limit or stored.max() >= limit:
        raise NetworkError(
            f"thresholds of layer {number} of {network.name} run from {stored.min()} to "
            f"{stored.max()} in BNN-PYNQ files",
            expected=f"integers of {bits} bits",
        )


def _write_directory(directory: Path, files: dict[str, bytes]) -> None:
    """All files under a temporary name, then one rename."""
    temporary: Path | None = None
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(
            tempfile.mkdtemp(dir=directory.parent, prefix=f".{directory.name}.", suffix=".tmp")
        )
        for name, data in files.items():
            (temporary / name).write_bytes(data)
        temporary.chmod(0o755)
        temporary.replace(directory)  # fails on a directory that is not empty
    except OSError as error:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        raise OutputError(f"cannot write: {error.strerror or error}", where=directory) from error
    except BaseException:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        raise
