"""FINN's estimates of a part, each layer and folding asked of FINN once.

A layer's hardware depends on its own folding alone, and a converter between layers on the two
widths it joins. So a sweep over thousands of foldings asks FINN for tens of layers, and a design
point becomes a sum. That the sum is what FINN's passes say of the whole part is proved by tests.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finn_flows.cut import Cut, cut_position
from finn_flows.dataflow import is_hardware
from finn_flows.finn_limits import code_refused
from finn_flows.fold_nodes import fold_node, folding_at
from finn_flows.folding import Folding, LayerFolding, check_folding
from finn_flows.hardware_network import HardwareNetwork
from finn_flows.network import Network
from finn_flows.node_estimates import ConverterEstimates, NodeEstimate, ask_node
from finn_flows.specialise import Stream, input_stream, output_stream, specialise

if TYPE_CHECKING:
    from qonnx.core.modelwrapper import ModelWrapper


@dataclass(frozen=True)
class PartEstimate:
    """The nodes of a part in order, with their sums. ``slowest`` is the label of a layer."""

    nodes: tuple[NodeEstimate, ...]

    @property
    def cycles(self) -> int:
        """Cycles per image in steady state: those of the slowest node."""
        return max(node.cycles or 0 for node in self.nodes)

    @property
    def slowest(self) -> str:
        return max(self.nodes, key=lambda node: node.cycles or 0).layer

    def names(self) -> list[str]:
        """Node names as FINN gives them: type and count within the type."""
        seen: Counter[str] = Counter()
        found = []
        for node in self.nodes:
            found.append(f"{node.kind}_{seen[node.kind]}")
            seen[node.kind] += 1
        return found


@dataclass(frozen=True)
class LayerEstimate:
    """A layer alone: its nodes and the streams at its ends (no result if the host ends it).

    ``refused``: why FINN generates no code for it so folded, though it estimates it; else empty.
    """

    nodes: tuple[NodeEstimate, ...]
    source: Stream
    result: Stream | None
    refused: str = ""


class LayerEstimates(ConverterEstimates):
    """FINN's estimates of ``network`` for ``device`` (a part name such as xc7z020clg400-1)."""

    def __init__(self, hardware: HardwareNetwork, device: str) -> None:
        super().__init__(device)
        self._hardware = hardware
        self._specialised: dict[int, ModelWrapper] = {}
        self._layers: dict[tuple[int, LayerFolding], LayerEstimate] = {}

    @property
    def network(self) -> Network:
        return self._hardware.network

    def whole(self, folding: Folding) -> PartEstimate:
        """The whole network. FoldingError for a folding that does not divide."""
        return self._between(0, len(self.network.layers), folding, wires=(False, False))

    def first(self, cut: Cut, folding: Folding) -> PartEstimate:
        """The part before ``cut``, with its converter to 64-bit words."""
        return self._between(0, cut_position(self.network, cut), folding, wires=(False, True))

    def second(self, cut: Cut, folding: Folding) -> PartEstimate:
        """The part behind ``cut``, with its converter from 64-bit words; no nodes if empty."""
        start = cut_position(self.network, cut)
        return self._between(start, len(self.network.layers), folding, wires=(True, False))

    def _between(
        self, start: int, stop: int, folding: Folding, *, wires: tuple[bool, bool]
    ) -> PartEstimate:
        check_folding(self.network, folding)
        layers = [
            self.layer(position, folding_at(self.network, folding, position))
            for position in range(start, stop)
        ]
        nodes: list[NodeEstimate] = []
        if not layers:
            return PartEstimate(())
        if wires[0]:
            nodes += self.from_wire(layers[0].source)
        for position, layer in enumerate(layers):
            nodes += layer.nodes
            following = layers[position + 1] if position + 1 < len(layers) else None
            if following is not None and layer.result is not None:
                nodes += self.between(layer.result, following.source, layer.nodes[-1].layer)
        result = layers[-1].result
        if wires[1] and result is not None:
            nodes += self.to_wire(result)
        return PartEstimate(tuple(nodes))

    def layer(self, position: int, chosen: LayerFolding) -> LayerEstimate:
        """``network.layers[position]`` by itself, folded as ``chosen`` (a pool as fold_node does).

        The folding must divide the layer: :func:`~finn_flows.folding.check_folding`.
        """
        key = position, chosen
        if key not in self._layers:
            self._layers[key] = self._ask_layer(position, chosen)
        return self._layers[key]

    def _ask_layer(self, position: int, chosen: LayerFolding) -> LayerEstimate:
        if position not in self._specialised:
            self._specialised[position] = specialise(self._hardware.layer(position), self.device)
        model = self._specialised[position]
        nodes = [node for node in model.graph.node if is_hardware(node)]
        for node in nodes:
            fold_node(self.network, position, node, chosen)
        label = self.network.label(position)
        ends_in_hardware = is_hardware(model.graph.node[-1])
        return LayerEstimate(
            tuple(ask_node(node, label, self.device) for node in nodes),
            input_stream(nodes[0]),
            output_stream(nodes[-1]) if ends_in_hardware else None,
            next((why for why in map(code_refused, nodes) if why), ""),
        )
