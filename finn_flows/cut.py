"""Where a network is cut, and what crosses the cut.

*Split k* puts layers 0..k on the first board (paper section 3). A max-pool after layer k goes with
the first part (``pool="before"`` the cut, a quarter of the bytes) or with the second
(``pool="after"`` the cut).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dse.errors import CutError
from finn_flows.integer_type import IntegerType
from finn_flows.network import MaxPoolLayer, Network, Shape
from finn_flows.wire_packing import bytes_per_image, pack, unpack

PoolSide = Literal["before", "after"]
POOL_SIDES: tuple[PoolSide, PoolSide] = ("before", "after")


@dataclass(frozen=True, order=True)
class Cut:
    """A cut after compute layer ``layer``; ``pool`` says which side a max-pool there is on.

    Where no pool follows, both sides are the same cut and ``pool`` is ``"before"``.
    """

    layer: int
    pool: PoolSide = "before"

    def __str__(self) -> str:
        return f"split {self.layer}" + (", pool after the cut" if self.pool == "after" else "")


@dataclass(frozen=True)
class CutTensor:
    """The tensor that crosses a cut: shape of one image (channel last) and type of its values."""

    shape: Shape
    type: IntegerType

    @property
    def bytes_per_image(self) -> int:
        """Bytes on the wire for one image, a multiple of 8."""
        return bytes_per_image(int(np.prod(self.shape)), self.type.bits)

    def pack(self, tensor: NDArray[np.integer]) -> NDArray[np.uint64]:
        """Integers ``(images, *shape)`` to little-endian words (images, words)."""
        return pack(tensor, self.type.bits, self.type.is_signed, self.type.is_bipolar)

    def unpack(self, words: NDArray[np.uint64]) -> NDArray[np.int32]:
        """Words (images, words) to int32 ``(images, *shape)``."""
        return unpack(words, self.shape, self.type.bits, self.type.is_signed, self.type.is_bipolar)


def legal_cuts(network: Network, pool: PoolSide | Literal["both"] = "before") -> list[Cut]:
    """Every different cut of a chain, by layer. ``pool="both"`` gives both sides where they differ.

    The cut after the last layer leaves the second part empty: the unsplit network on one board.
    """
    sides = POOL_SIDES if pool == "both" else (pool,)
    found = {
        normal_cut(network, Cut(number, side)) for number, _ in network.numbered() for side in sides
    }
    return sorted(found, key=lambda cut: (cut.layer, cut.pool != "before"))


def normal_cut(network: Network, cut: Cut) -> Cut:
    """The same cut with ``pool="before"`` where no pool follows. CutError for a layer not there."""
    position = _position_of(network, cut.layer)
    follows = position + 1 < len(network.layers) and isinstance(
        network.layers[position + 1], MaxPoolLayer
    )
    return cut if follows else Cut(cut.layer, "before")


def cut_position(network: Network, cut: Cut) -> int:
    """How many of ``network.layers`` belong to the first part. CutError for a layer not there."""
    position = _position_of(network, cut.layer) + 1
    if cut.pool == "before":
        while position < len(network.layers) and isinstance(network.layers[position], MaxPoolLayer):
            position += 1
    return position


def cut_tensor(network: Network, cut: Cut) -> CutTensor:
    """What crosses ``cut``."""
    position = cut_position(network, cut)
    return CutTensor(network.shapes[position], network.type_after(position))


def split_network(network: Network, cut: Cut) -> tuple[Network, Network]:
    """The two parts. ``second(unpack(pack(first(x)))) == network(x)`` for every x, proved by tests.

    Class names and scores belong to the part whose result is the whole network's. The second part
    of the last cut has no layers and passes its input on; there, both parts have them.
    """
    position = cut_position(network, cut)
    tensor = cut_tensor(network, cut)
    is_whole = position == len(network.layers)
    first = replace(
        network,
        name=f"{network.name}-{_slug(cut)}-first",
        layers=network.layers[:position],
        class_names=network.class_names if is_whole else (),
        class_scores=network.class_scores if is_whole else None,
    )
    second = replace(
        network,
        name=f"{network.name}-{_slug(cut)}-second",
        input_shape=tensor.shape,
        input_type=tensor.type,
        layers=network.layers[position:],
        pixel_table=None,
        first_layer=cut.layer + 1,
    )
    return first, second


def _position_of(network: Network, number: int) -> int:
    numbers = [found for found, _ in network.numbered()]
    if number not in numbers:
        raise CutError(f"{network.name} has no split {number}", choices=numbers)
    return network.position_of(number)


def _slug(cut: Cut) -> str:
    return f"split{cut.layer}" + ("-pool-after" if cut.pool == "after" else "")
