"""Running a network on images: whole, or as two parts with the wire between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dse.errors import InputError
from finn_flows.cut import Cut, cut_tensor, normal_cut, split_network
from finn_flows.network import Network


class Engine(Protocol):
    """Something that computes a network or a part."""

    def run(self, tensor: NDArray[np.integer]) -> NDArray[np.int32]:
        """Integers (images, *input_shape) to int32 (images, *output_shape)."""
        ...


class IntegerEngine:
    """The integer reference."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def run(self, tensor: NDArray[np.integer]) -> NDArray[np.int32]:
        from finn_flows.integer_reference import run_integers

        return run_integers(self._network, tensor)


class SplitEngine:
    """Two parts and the wire: what the first computes is packed into 64-bit words and unpacked.

    ``bytes_per_image``: what crosses the link for one image.
    """

    def __init__(self, first: Engine, second: Engine, network: Network, cut: Cut) -> None:
        self._first, self._second = first, second
        self.cut = cut
        self._tensor = cut_tensor(network, cut)
        self.bytes_per_image = self._tensor.bytes_per_image

    def run(self, tensor: NDArray[np.integer]) -> NDArray[np.int32]:
        words = self._tensor.pack(self._first.run(tensor))
        return self._second.run(self._tensor.unpack(words))


def _integer_engine(whole: Network, cut: Cut | None, second: bool) -> Engine:
    return IntegerEngine(whole if cut is None else split_network(whole, cut)[int(second)])


def _onnx_engine(whole: Network, cut: Cut | None, second: bool) -> Engine:
    from finn_flows.standard_onnx import OnnxRuntimeNetwork

    return OnnxRuntimeNetwork(whole if cut is None else split_network(whole, cut)[int(second)])


def _finn_engine(whole: Network, cut: Cut | None, second: bool) -> Engine:
    from finn_flows.finn_network import FinnNetwork

    return FinnNetwork(whole, cut, second=second)


#: Engine name -> maker(whole network, cut or None, is it the second part).
ENGINES: dict[str, Callable[[Network, Cut | None, bool], Engine]] = {
    "onnx": _onnx_engine,
    "integer": _integer_engine,
    "finn": _finn_engine,
}


def load_engine(name: str, network: Network, cut: Cut | None = None) -> Engine:
    """An engine for ``network``, split at ``cut`` if one is given.

    Raises InputError for an unknown engine, CutError for a cut that the network does not have.
    """
    if name not in ENGINES:
        raise InputError(f"unknown engine {name!r}", choices=ENGINES)
    make = ENGINES[name]
    if cut is None:
        return make(network, None, False)
    cut = normal_cut(network, cut)
    return SplitEngine(make(network, cut, False), make(network, cut, True), network, cut)
