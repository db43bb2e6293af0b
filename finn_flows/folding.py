"""Folding: how many multipliers a layer gets, and so how many cycles it takes.

PE is how many output channels a layer works on at once, SIMD how many inputs of each. PE must
divide the output channels, SIMD the input channels (for a fully connected layer, the inputs). The
choice of memory for the weights goes with it, since the folding decides the memory's shape.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from dse.errors import FoldingError
from finn_flows.network import ComputeLayer, ConvLayer, MaxPoolLayer, Network
from finn_flows.published_network import is_cnv_w2a2

WeightMemory = Literal["auto", "block", "distributed"]


@dataclass(frozen=True)
class LayerFolding:
    """SIMD and PE of one layer, and what holds its weights.

    ``weight_memory``: ``distributed`` (LUTRAM), ``block`` (BRAM) or ``auto`` (the tool decides).
    """

    simd: int
    pe: int
    weight_memory: WeightMemory = "auto"


@dataclass(frozen=True)
class Folding:
    """The folding of a whole network: one entry for each compute layer, by number."""

    name: str
    layers: tuple[LayerFolding, ...]

    @property
    def sha256(self) -> str:
        """Hash of the numbers alone: a name decides nothing."""
        text = ";".join(f"{layer.simd},{layer.pe},{layer.weight_memory}" for layer in self.layers)
        return hashlib.sha256(text.encode()).hexdigest()


#: (SIMD, PE) of layers 0-8 of CnvW2A2 as published with BNN-PYNQ (cnvW2A2/hw/config.h), where a
#: pragma puts the weights of layer 1 into LUTRAM (cnvW2A2/hw/top.cpp) and leaves the others to HLS.
_PUBLISHED_CNV_W2A2 = (
    LayerFolding(3, 8),
    LayerFolding(16, 16, "distributed"),
    LayerFolding(16, 8),
    LayerFolding(16, 8),
    LayerFolding(8, 4),
    LayerFolding(8, 1),
    LayerFolding(2, 1),
    LayerFolding(2, 2),
    LayerFolding(1, 4),
)


def published_folding(network: Network) -> Folding:
    """The folding published for CnvW2A2, for a network of just its layers.

    The published last layer has its 10 rows padded to 64 so that PE 4 divides them; here the rows
    stay as they are and PE becomes the greatest divisor of them that is at most the published one.
    Raises FoldingError for any other network.
    """
    if not is_cnv_w2a2(network):
        raise FoldingError(
            f"no folding is published for {network.name}, only for CnvW2A2",
            choices=["auto", "auto:CYCLES", "FILE.json"],
        )
    *inner, last = _PUBLISHED_CNV_W2A2
    classes = network.output_shape[-1]
    pe = greatest_divisor(classes, last.pe)
    return Folding("published", (*inner, LayerFolding(last.simd, pe, last.weight_memory)))


def balanced_folding(network: Network, target_cycles: int) -> Folding:
    """The least folding with which no layer takes more than ``target_cycles`` per image.

    A layer that cannot get there gets everything (PE and SIMD at their greatest). Among foldings
    that reach the target, the one with the fewest multipliers; among those, the smaller PE, since
    a wide SIMD costs no more threshold memories.
    """
    chosen = []
    for number, layer in network.numbered():
        fits = [
            (simd * pe, pe, simd)
            for simd in divisors(simd_limit(layer))
            for pe in divisors(layer.output_channels)
            if layer_cycles(network, number, LayerFolding(simd, pe)) <= target_cycles
        ]
        _, pe, simd = min(fits, default=(0, layer.output_channels, simd_limit(layer)))
        chosen.append(LayerFolding(simd, pe))
    return Folding(f"balanced-{target_cycles}", tuple(chosen))


def check_folding(network: Network, folding: Folding) -> None:
    """FoldingError, naming the layer and its legal values, where a folding does not divide."""
    layers = list(network.numbered())
    if len(layers) != len(folding.layers):
        raise FoldingError(
            f"folding {folding.name!r} has {len(folding.layers)} layers",
            expected=f"{len(layers)}, as {network.name} has",
        )
    for (number, layer), fold in zip(layers, folding.layers, strict=True):
        for what, value, limit in (
            ("SIMD", fold.simd, simd_limit(layer)),
            ("PE", fold.pe, layer.output_channels),
        ):
            if value < 1 or limit % value:
                raise FoldingError(
                    f"folding {folding.name!r}: {what} {value} of layer {number} "
                    f"does not divide {limit}",
                    choices=divisors(limit),
                )


def layer_cycles(network: Network, number: int, fold: LayerFolding) -> int:
    """Cycles per image of compute layer ``number``: weight memory depth x output pixels."""
    position = network.position_of(number)
    layer = network.layers[position]
    assert not isinstance(layer, MaxPoolLayer)  # position_of finds compute layers only
    shape = network.shapes[position + 1]
    pixels = shape[0] * shape[1] if isinstance(layer, ConvLayer) else 1
    columns = layer.weights[0].size
    return (columns // fold.simd) * (layer.output_channels // fold.pe) * pixels


def simd_limit(layer: ComputeLayer) -> int:
    """What SIMD must divide: the input channels of a convolution, the inputs of a dense layer."""
    return int(layer.weights.shape[3] if isinstance(layer, ConvLayer) else layer.weights.shape[1])


@lru_cache(maxsize=1024)
def divisors(number: int) -> tuple[int, ...]:
    """Ascending."""
    return tuple(candidate for candidate in range(1, number + 1) if number % candidate == 0)


def greatest_divisor(number: int, limit: int) -> int:
    """The greatest divisor of ``number`` that is at most ``limit``."""
    return max(divisor for divisor in divisors(number) if divisor <= limit)
