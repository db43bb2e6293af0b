"""Random canonical networks that BNN-PYNQ's files can hold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from finn_flows.bnn_pynq import CNV, LFC, BnnPynqTopology
from finn_flows.folding import Folding, LayerFolding
from finn_flows.integer_type import IntegerType
from finn_flows.network import (
    ConvLayer,
    DenseLayer,
    Layer,
    MaxPoolLayer,
    Network,
    accumulator_range,
    clamp_thresholds,
)

#: SIMD and PE of the files of each network, as in BNN-PYNQ's config.h.
PUBLISHED_FOLDINGS = {
    "cnvW1A1": ([3, 32, 32, 32, 32, 32, 4, 8, 1], [16, 32, 16, 16, 4, 1, 1, 1, 4]),
    "cnvW1A2": ([3, 32, 32, 32, 32, 32, 4, 8, 1], [16, 32, 16, 16, 4, 1, 1, 1, 4]),
    "cnvW2A2": ([3, 16, 16, 16, 8, 8, 2, 2, 1], [8, 16, 8, 8, 4, 1, 1, 2, 4]),
    "lfcW1A1": ([64, 32, 64, 8], [32, 64, 32, 16]),
    "lfcW1A2": ([64, 32, 64, 8], [32, 64, 32, 16]),
}


def folding_of(name: str) -> Folding:
    simds, pes = PUBLISHED_FOLDINGS[name]
    return Folding(name, tuple(LayerFolding(*pair) for pair in zip(simds, pes, strict=True)))


def random_published(name: str, seed: int = 0) -> Network:
    """A random network of the shape and widths of ``name`` with 10 classes."""
    topology = CNV if name.startswith("cnv") else LFC
    return random_network(topology, int(name[-3]), int(name[-1]), 10, np.random.default_rng(seed))


def random_network(
    topology: BnnPynqTopology,
    weight_bits: int,
    activation_bits: int,
    classes: int,
    generator: np.random.Generator,
) -> Network:
    """Thresholds are near the middle of the accumulators, and sometimes out of their reach."""
    layers: list[Layer] = []
    weight_type = IntegerType.signed(weight_bits, narrow=weight_bits > 1)
    activation = IntegerType.signed(activation_bits, narrow=activation_bits > 1)
    input_type = topology.input_type
    for geometry in topology.geometry():
        last = geometry.rows is None
        rows = classes if geometry.rows is None else geometry.rows
        columns = geometry.columns - geometry.padding_columns
        matrix = _weights(generator, weight_type, (rows, columns))
        output_type = IntegerType.covering(*accumulator_range(matrix, input_type))
        thresholds = None
        if topology.binary_input or not last:
            output_type = IntegerType.bipolar() if last else activation
            matches = input_type.is_bipolar and activation_bits == 1
            thresholds = _thresholds(
                generator, matrix, input_type, output_type.threshold_count, matches
            )
        if geometry.number < len(topology.conv_channels):
            shape = (rows, topology.kernel, topology.kernel, geometry.simd_limit)
            layers.append(ConvLayer(matrix.reshape(shape), weight_type, thresholds, output_type))
            if geometry.number in topology.pools_after:
                layers.append(MaxPoolLayer())
        else:
            layers.append(DenseLayer(matrix, weight_type, thresholds, output_type))
        input_type = activation
    return Network(
        name="random",
        input_shape=topology.input_shape,
        input_type=topology.input_type,
        layers=tuple(layers),
        pixel_table=topology.pixel_table,
        class_names=tuple(f"class {number}" for number in range(classes)),
        class_scores=topology.class_scores(classes),
    )


def _weights(
    generator: np.random.Generator, weight_type: IntegerType, shape: tuple[int, int]
) -> NDArray[np.int8]:
    values = [-1, 1] if weight_type.is_bipolar else [-1, 0, 1]
    matrix = generator.choice(np.array(values, dtype=np.int8), size=shape)
    matrix[0, -1] = -1  # a 2-bit network of which no word needs the second bit cannot be told
    return matrix


def _thresholds(
    generator: np.random.Generator,
    matrix: NDArray[np.int8],
    input_type: IntegerType,
    steps: int,
    matches: bool,
) -> NDArray[np.int64]:
    columns = matrix.shape[1]
    spread = max(2, int(2 * np.sqrt(columns) * input_type.maximum))
    thresholds = generator.integers(-spread, spread + 1, (len(matrix), steps), dtype=np.int64)
    far = generator.random(thresholds.shape) < 0.1
    thresholds[far] = generator.choice([-(2**13), 2**13], size=int(far.sum()))
    if matches:  # such an accumulator is as odd as the columns are
        thresholds += (thresholds + columns) % 2
    return clamp_thresholds(np.sort(thresholds, axis=1), matrix, input_type)
