"""Parts of networks to make kernels of."""

from __future__ import annotations

import numpy as np

from finn_flows.backends.interface import Part
from finn_flows.cut import Cut
from finn_flows.folding import Folding, LayerFolding, divisors, published_folding, simd_limit
from finn_flows.network import Network
from finn_flows.weights import load_weights
from reports.sweep_record import PartName

DEVICE = "xc7z020clg400-1"


def parts_of(
    network: Network, cut: Cut | None, folding: Folding, device: str = DEVICE
) -> list[Part]:
    """The whole network, or both parts of ``cut``."""
    names = [PartName.WHOLE] if cut is None else [PartName.FIRST, PartName.SECOND]
    return [Part(network, name, cut, folding, device, 100.0) for name in names]


def shipped_parts(cut: Cut | None) -> list[Part]:
    """Of the network that the project ships, with the published folding."""
    network = load_weights().network
    return parts_of(network, cut, published_folding(network))


def random_folding(seed: int, network: Network, most: int = 16) -> Folding:
    """Any legal PE and SIMD, up to ``most`` of each."""
    generator = np.random.default_rng(seed)

    def one_of(limit: int) -> int:
        return int(generator.choice([value for value in divisors(limit) if value <= most]))

    return Folding(
        f"random-{seed}",
        tuple(
            LayerFolding(one_of(simd_limit(layer)), one_of(layer.output_channels))
            for _, layer in network.numbered()
        ),
    )
