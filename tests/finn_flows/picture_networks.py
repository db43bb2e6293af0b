"""Hypothesis strategy: small random networks that start at a picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from finn_flows.integer_type import IntegerType
from finn_flows.network import ClassScores, Network
from tests.random_networks import random_network

BIPOLAR = IntegerType.bipolar()
TERNARY = IntegerType.signed(2, narrow=True)
INT8 = IntegerType.signed(8)
_PIXELS = np.arange(256, dtype=np.int64)

#: (weights, activations) of W1A1, W1A2, W2A2, W4A4, unsigned (ReLU) and full signed ones.
TYPES = (
    (BIPOLAR, BIPOLAR),
    (BIPOLAR, TERNARY),
    (TERNARY, TERNARY),
    (IntegerType.signed(4), IntegerType.signed(4)),
    (IntegerType.signed(4, narrow=True), IntegerType.unsigned(4)),
    (TERNARY, IntegerType.unsigned(1)),
    (TERNARY, IntegerType.signed(2)),
    (IntegerType.unsigned(3), IntegerType.signed(3, narrow=True)),
)
#: How pictures enter: BNN-PYNQ's way, as they are, as Brevitas' FC sees them, and by odd tables.
TABLES = (
    (INT8, np.minimum(_PIXELS - 128 + (_PIXELS >= 128), 127)[None]),
    (IntegerType.unsigned(8), _PIXELS[None]),
    (TERNARY, (np.rint(2 * _PIXELS / 255 - 1).astype(np.int64))[None]),
    (BIPOLAR, np.where(_PIXELS >= 128, 1, -1)[None]),
    (IntegerType.unsigned(2), (np.sqrt(_PIXELS / 255) * 3).astype(np.int64)[None]),
    (INT8, (np.sqrt(_PIXELS / 255) * 255 - 128).astype(np.int64)[None]),
)
SHAPES = (
    ("conv4", "pool", "conv3", "dense5", "dense4"),
    ("conv3", "conv4", "dense3"),
    ("dense6", "dense4"),
    ("depthwise", "conv4", "dense3"),
    ("conv4",),
    ("conv2", "pool", "conv3"),
    ("conv3", "pool", "pool", "dense4"),
)


@st.composite
def picture_networks(draw: st.DrawFn) -> Network:
    """Canonical networks with a pixel table; some with class scores."""
    weight_type, activation = draw(st.sampled_from(TYPES))
    input_type, table = draw(st.sampled_from(TABLES))
    bipolar = BIPOLAR in (input_type, activation)
    channels = draw(st.integers(1, 3))
    layers = draw(st.sampled_from(SHAPES))
    network = random_network(
        draw(st.integers(0, 2**32 - 1)),
        input_shape=(draw(st.integers(14, 16)), draw(st.integers(14, 16)), channels),
        layers=layers,
        input_type=input_type,
        weight_type=weight_type,
        activation=activation,
        kernel=draw(st.sampled_from([(3, 3), (1, 2), (2, 1)])),
        stride=draw(st.sampled_from([(1, 1), (2, 1), (1, 2)])),
        padding=(0, 0) if bipolar else draw(st.sampled_from([(0, 0), (1, 0), (1, 1)])),
    )
    if channels > 1 and draw(st.booleans()):
        # A table per channel: the last channel sees a darker picture.
        table = np.repeat(table, channels, axis=0)
        table[-1, 1:] = table[-1, :-1].copy()
    scores = None
    if draw(st.booleans()):
        classes = network.output_shape[-1]
        generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        scale, offset = generator.normal(size=(2, classes)).astype(np.float32).astype(np.float64)
        scores = ClassScores(scale, offset)
    return replace(network, pixel_table=table, class_scores=scores)


def random_pixels(seed: int, network: Network, images: int) -> np.ndarray:
    """uint8 (images, *input_shape)."""
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (images, *network.input_shape)).astype(np.uint8)


def as_picture(pixels: np.ndarray) -> np.ndarray:
    """uint8 (images, height, width, channels) -> float32 NCHW in [0, 1]."""
    first = np.moveaxis(pixels, -1, 1) if pixels.ndim == 4 else pixels
    return np.ascontiguousarray(first.astype(np.float32) / np.float32(255))
