"""FINN's estimates of single nodes, and of the width converters between them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from finn_flows.hardware_network import WIRE
from finn_flows.specialise import Stream, converter_node
from finn_flows.wire_packing import WORD_BITS

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class NodeEstimate:
    """What FINN says of one node. ``kind`` is its specialised type, ``layer`` a label or ``wire``.

    ``bram`` counts RAMB36 (FINN counts RAMB18; two are one). ``cycles`` per image; None for a
    converter, of which FINN says 0: it has no model of it, and 0 would be a promise.
    """

    kind: str
    layer: str
    lut: int
    bram: float
    dsp: int
    uram: int
    cycles: int | None


class ConverterEstimates:
    """FINN's estimates of width converters on ``device`` (such as xc7z020clg400-1)."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._converters: dict[tuple[int, int], NodeEstimate] = {}

    def between(self, result: Stream, source: Stream, layer: str) -> tuple[NodeEstimate, ...]:
        """The converter from ``layer``'s result to the layer behind it; empty if none is needed."""
        return self._converter(result.width, source.width, source, layer)

    def from_wire(self, source: Stream) -> tuple[NodeEstimate, ...]:
        """The converter from 64-bit words; empty if none is needed, or the host packs."""
        if not source.fits_words:
            return ()
        return self._converter(WORD_BITS, source.width, source, WIRE)

    def to_wire(self, result: Stream) -> tuple[NodeEstimate, ...]:
        """The converter to 64-bit words; empty if none is needed, or the host packs."""
        if not result.fits_words:
            return ()
        return self._converter(result.width, WORD_BITS, result, WIRE)

    def _converter(
        self, in_width: int, out_width: int, stream: Stream, layer: str
    ) -> tuple[NodeEstimate, ...]:
        widths = in_width, out_width
        if in_width == out_width:
            return ()
        if widths not in self._converters:
            node = converter_node("source", "result", stream, *widths)
            # The only variant there is; FINN's SpecializeLayers would say so at a hundred times
            # the cost.
            node.op_type += "_rtl"
            node.domain += ".rtl"
            self._converters[widths] = ask_node(node, WIRE, self.device)
        return (replace(self._converters[widths], layer=layer),)


def ask_node(node: onnx.NodeProto, layer: str, device: str) -> NodeEstimate:
    """What FINN says of a specialised, folded node of ``layer``."""
    from finn.util.basic import getHWCustomOp

    custom = getHWCustomOp(node)
    estimate = custom.node_res_estimation(device)
    return NodeEstimate(
        kind=custom.onnx_node.op_type,
        layer=layer,
        lut=int(estimate["LUT"]),
        bram=estimate["BRAM_18K"] / 2,
        dsp=int(estimate["DSP"]),
        uram=int(estimate["URAM"]),
        cycles=int(custom.get_exp_cycles()) or None,
    )
