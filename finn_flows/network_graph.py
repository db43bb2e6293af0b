"""A network that is no chain: branches of layers between the tensors where they fork and are added.

Each branch is a chain, so it is a canonical network with the real integers; an addition takes
values of one scale and is followed by the thresholds of its activation. Such a network can be
planned here, not built.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from dse.errors import NetworkError
from finn_flows.integer_type import IntegerType
from finn_flows.network import Network, Shape
from finn_flows.wire_packing import bytes_per_image


@dataclass(frozen=True)
class GraphTensor:
    """What a branch or an addition starts from or gives, channel last, without the batch."""

    name: str
    shape: Shape
    type: IntegerType

    @property
    def bytes_per_image(self) -> int:
        """On the wire, packed into 64-bit words."""
        return bytes_per_image(math.prod(self.shape), self.type.bits)


@dataclass(frozen=True, eq=False)
class Branch:
    """Layers in a row. ``source`` and ``result`` name tensors; ``network`` numbers its layers as
    the whole graph does."""

    network: Network
    source: str
    result: str


@dataclass(frozen=True)
class Addition:
    """``sources`` are added, to values of ``sum_type``; thresholds make ``result`` of them."""

    name: str
    sources: tuple[str, str]
    result: str
    sum_type: IntegerType


@dataclass(frozen=True, eq=False)
class NetworkGraph:
    """``steps`` in an order in which each finds what it starts from; ``tensors`` by name."""

    name: str
    source: str
    result: str
    steps: tuple[Branch | Addition, ...]
    tensors: dict[str, GraphTensor]

    def __post_init__(self) -> None:
        made = {self.source}
        for step in self.steps:
            for tensor in sources_of(step):
                if tensor not in made:
                    raise NetworkError(f"{self.name}: {tensor!r} is used before it is made")
            made.add(step.result)
        if self.result not in made:
            raise NetworkError(f"{self.name}: nothing makes the result {self.result!r}")

    def readers(self, tensor: str) -> int:
        """How many branches and additions start from ``tensor``; more than one: it forks."""
        return sum(sources_of(step).count(tensor) for step in self.steps)


def sources_of(step: Branch | Addition) -> tuple[str, ...]:
    """The tensors that a step starts from."""
    return (step.source,) if isinstance(step, Branch) else step.sources
