"""FINN's hardware layers as the variants a device gets, with converters where widths differ."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finn_flows.dataflow import WIDTH_CONVERTER, is_hardware, quiet_finn
from finn_flows.hardware_network import WIRE
from finn_flows.wire_packing import WORD_BITS

if TYPE_CHECKING:
    import onnx
    from qonnx.core.modelwrapper import ModelWrapper


@dataclass(frozen=True)
class Stream:
    """One end of a hardware layer: bits a cycle, shape of the tensor, QONNX datatype of a value."""

    width: int
    shape: tuple[int, ...]
    datatype: str
    bits: int

    @property
    def fits_words(self) -> bool:
        """Whether a width converter can make 64-bit words of it, with nothing to pad."""
        return WORD_BITS % self.bits == 0 and math.prod(self.shape) * self.bits % WORD_BITS == 0


def input_stream(node: onnx.NodeProto) -> Stream:
    """The data input of a specialised node."""
    from qonnx.custom_op.registry import getCustomOp

    custom = getCustomOp(node)
    datatype = custom.get_input_datatype(0)
    shape = tuple(int(extent) for extent in custom.get_normal_input_shape(0))
    return Stream(custom.get_instream_width(0), shape, datatype.name, datatype.bitwidth())


def output_stream(node: onnx.NodeProto) -> Stream:
    """The result of a specialised node."""
    from qonnx.custom_op.registry import getCustomOp

    custom = getCustomOp(node)
    datatype = custom.get_output_datatype(0)
    shape = tuple(int(extent) for extent in custom.get_normal_output_shape(0))
    return Stream(custom.get_outstream_width(0), shape, datatype.name, datatype.bitwidth())


def converter_node(
    source: str, result: str, stream: Stream, in_width: int, out_width: int
) -> onnx.NodeProto:
    """A width converter that is not yet specialised, as FINN's InsertDWC makes it."""
    from onnx import helper

    return helper.make_node(
        WIDTH_CONVERTER,
        [source],
        [result],
        name=WIRE,
        domain="finn.custom_op.fpgadataflow",
        backend="fpgadataflow",
        inShape=list(stream.shape),
        outShape=list(stream.shape),
        inWidth=in_width,
        outWidth=out_width,
        dataType=stream.datatype,
    )


def specialise(part: ModelWrapper, device: str) -> ModelWrapper:
    """The HLS or RTL variant of every node for ``device``; no longer executable in Python."""
    from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers

    with quiet_finn():
        return part.transform(SpecializeLayers(device))


def insert_converters(
    part: ModelWrapper, device: str, *, wire_before: bool, wire_after: bool
) -> ModelWrapper:
    """``part``, specialised and folded, with width converters where neighbours differ in width.

    ``wire_before`` / ``wire_after``: the part's input / result crosses a link, so it gets a
    converter from / to 64-bit words. (With PE 1 the stream of layer 5 is 2 bits wide, which a DMA
    would pad to 8: 256 bytes on the wire instead of 64.) None is added where the stream is as wide
    as a word, or where values do not fill words; such a tensor is packed by the host. Nodes of the
    result are named by type and count, and what a converter gives by the converter.
    """
    from finn.transformation.fpgadataflow.insert_dwc import InsertDWC
    from qonnx.transformation.general import GiveUniqueNodeNames

    with quiet_finn():
        part = part.transform(InsertDWC())
        if wire_before:
            _add_converter_before(part, part.graph.node[0])
        if wire_after and is_hardware(part.graph.node[-1]):
            _add_converter_after(part, part.graph.node[-1])
        part = specialise(part, device).transform(GiveUniqueNodeNames())
    # InsertDWC draws names at random, and the same part should be the same file.
    results = {value.name for value in part.graph.output}
    for node in part.graph.node:
        if node.op_type.startswith(WIDTH_CONVERTER) and node.output[0] not in results:
            part.rename_tensor(node.output[0], f"{node.name}_out0")
    return part


def _add_converter_before(model: ModelWrapper, first: onnx.NodeProto) -> None:
    stream = input_stream(first)
    if stream.width == WORD_BITS or not stream.fits_words:
        return
    source = first.input[0]
    first.input[0] = f"{source}_{WIRE}"
    converter = converter_node(source, first.input[0], stream, WORD_BITS, stream.width)
    model.graph.node.insert(0, converter)
    _describe(model, first.input[0], stream)


def _add_converter_after(model: ModelWrapper, last: onnx.NodeProto) -> None:
    stream = output_stream(last)
    if stream.width == WORD_BITS or not stream.fits_words:
        return
    result = last.output[0]
    last.output[0] = f"{result}_{WIRE}"
    model.graph.node.append(converter_node(last.output[0], result, stream, stream.width, WORD_BITS))
    _describe(model, last.output[0], stream)


def _describe(model: ModelWrapper, tensor: str, stream: Stream) -> None:
    from qonnx.core.datatype import DataType

    model.set_tensor_shape(tensor, list(stream.shape))
    model.set_tensor_datatype(tensor, DataType[stream.datatype])
