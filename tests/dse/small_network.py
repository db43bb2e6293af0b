"""A small random network of the kind of CnvW2A2: convolutions, a pool, fully connected."""

from __future__ import annotations

import numpy as np

from finn_flows.folding import Folding, LayerFolding
from finn_flows.integer_type import IntegerType
from finn_flows.network import ConvLayer, DenseLayer, MaxPoolLayer, Network

TERNARY = IntegerType.signed(2, narrow=True)


def small_network(seed: int = 0, name: str = "small") -> Network:
    """Layers 0 (conv, pool behind it), 1 (conv), 2 (dense); input (10, 10, 3) of 8-bit pixels."""
    random = np.random.default_rng(seed)

    def weights(*shape: int) -> np.ndarray:
        return random.integers(-1, 2, shape).astype(np.int8)

    def thresholds(channels: int) -> np.ndarray:
        return np.sort(random.integers(-20, 20, (channels, 2)), axis=1)

    return Network(
        name=name,
        input_shape=(10, 10, 3),
        input_type=IntegerType.unsigned(8),
        layers=(
            ConvLayer(weights(4, 3, 3, 3), TERNARY, thresholds(4), TERNARY),
            MaxPoolLayer(),
            ConvLayer(weights(8, 3, 3, 4), TERNARY, thresholds(8), TERNARY),
            DenseLayer(weights(10, 32), TERNARY, None, IntegerType.signed(16)),
        ),
        pixel_table=np.arange(256).reshape(1, 256),
    )


def small_folding(name: str = "published") -> Folding:
    """Legal for :func:`small_network`."""
    return Folding(name, (LayerFolding(3, 2), LayerFolding(2, 4), LayerFolding(8, 5)))
