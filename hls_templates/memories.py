"""What a kernel's memories hold, and what a threshold is compared with.

finn-hlslib counts ``threshold < sum``, strictly less, where the canonical network counts
``accumulator >= threshold``. The sum is the accumulator, or, where weights and inputs are bipolar
(``XnorMul``), the number of columns that agree: accumulator = 2 * matches - columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from finn_flows.circuit.memory_contents import weight_lines
from finn_flows.folding import LayerFolding
from finn_flows.integer_type import IntegerType
from finn_flows.network import ComputeLayer, MaxPoolLayer, Network, clamp_thresholds
from finn_flows.wire_packing import WORD_BITS

if TYPE_CHECKING:
    from finn_flows.backends.interface import Part
    from hls_templates.design import Memory


def counts_matches(network: Network, position: int) -> bool:
    """Whether ``layers[position]`` counts matches of bits. The result of a network is its
    accumulators, so a layer without thresholds never does."""
    layer = network.layers[position]
    assert not isinstance(layer, MaxPoolLayer)
    return (
        layer.thresholds is not None
        and layer.weight_type.is_bipolar
        and network.type_after(position).is_bipolar
    )


def stored_thresholds(network: Network, position: int) -> NDArray[np.int64]:
    """The thresholds of ``layers[position]`` as its memory holds them: int64 (rows, thresholds).

    Those outside what the sum can reach are moved to its edge, so that the memory is narrow.
    """
    layer = network.layers[position]
    assert not isinstance(layer, MaxPoolLayer)
    assert layer.thresholds is not None
    least = clamp_thresholds(layer.thresholds, layer.weights, network.type_after(position))
    if counts_matches(network, position):
        # The least number of matches with 2 * matches - columns >= threshold, less one.
        return -(-(least + layer.weights[0].size) // 2) - 1
    return least - 1


def accumulator_type(network: Network, position: int) -> IntegerType:
    """Holds every sum of ``layers[position]`` and every threshold that it is compared with.

    Whatever the weights: others of the same type may be loaded into the kernel at run time.
    """
    layer = network.layers[position]
    assert not isinstance(layer, MaxPoolLayer)
    columns = layer.weights[0].size
    if counts_matches(network, position):
        return IntegerType.covering(-1, columns)
    kind = network.type_after(position)
    products = [
        weight * value
        for weight in (layer.weight_type.minimum, layer.weight_type.maximum)
        for value in (kind.minimum, kind.maximum)
    ]
    return IntegerType.covering(columns * min(products) - 1, columns * max(products))


def memory_files(part: Part, memories: tuple[Memory, ...]) -> dict[str, bytes]:
    """The contents of ``memories`` by file name, one file for each layer, kind and PE.

    Little-endian 64-bit values, those of line 0 first: a line of weights as words, lane 0 in the
    lowest bits of the first; a row of thresholds one by one, as int64.
    """
    network = part.network
    files: dict[str, bytes] = {}
    for memory in memories:
        position = network.position_of(memory.layer)
        layer = network.layers[position]
        assert not isinstance(layer, MaxPoolLayer)
        fold = part.folding.layers[memory.layer - part.whole.first_layer]
        if memory.is_weights:
            values = _weight_words(layer, fold)
        else:
            stored = stored_thresholds(network, position)
            values = stored.reshape(-1, fold.pe, stored.shape[1]).astype("<i8").view("<u8")
        for pe in range(memory.memories):
            name = f"{memory.layer}-{pe}-{memory.file_stem}.bin"
            files[name] = np.ascontiguousarray(values[:, pe]).tobytes()
    return files


def _weight_words(layer: ComputeLayer, fold: LayerFolding) -> NDArray[np.uint64]:
    """uint64 (lines, PE, words)."""
    kind = layer.weight_type
    matrix = layer.weights.reshape(layer.output_channels, -1)
    lines = weight_lines(matrix, fold.simd, fold.pe, kind.bits, bipolar=kind.is_bipolar)
    words = -(-lines.shape[2] // WORD_BITS)
    padded = np.zeros((*lines.shape[:2], words * WORD_BITS), dtype=np.uint8)
    padded[:, :, : lines.shape[2]] = lines
    return np.packbits(padded, axis=2, bitorder="little").view("<u8")
