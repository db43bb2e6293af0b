"""A part as FINN builds it: folded hardware layers with FIFOs, DMA at both ends, in partitions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from dse.errors import BuildError
from finn_flows.backends.interface import Part
from finn_flows.cut import Cut, cut_tensor
from finn_flows.dataflow import WIDTH_CONVERTER, is_hardware, quiet_finn
from finn_flows.fold_nodes import fold
from finn_flows.hardware_network import WIRE, HardwareNetwork, hardware_network
from finn_flows.network import Network
from finn_flows.specialise import insert_converters, output_stream, specialise
from finn_flows.wire_packing import WORD_BITS
from reports.sweep_record import PartName

if TYPE_CHECKING:
    import onnx
    from qonnx.core.modelwrapper import ModelWrapper

#: Nodes that move data between memory and streams, by the side they are on.
DMA_IN, DMA_OUT = "input", "output"
#: The depth for which FINN makes no FIFO.
FINN_DEPTH = 2
#: Elements of the FIFO behind the DMA that reads and before the one that writes: a burst of AXI.
DMA_FIFO = 32


def part_model(part: Part, fifo_depths: Mapping[str, int]) -> ModelWrapper:
    """The part's hardware layers for its device, folded, with width converters at the cut.

    What crosses a cut is a dense stream of 64-bit words, whatever the board's port. What FINN
    leaves to the host at the end (Mul, Add) is left out: :func:`host_operations` has it.

    FIFO depths are attributes of the nodes. ``fifo_depths`` (elements of the FIFO before each
    layer, by the layer's label, each as wide as what the layer before gives) are those that a
    cycle-accurate simulation of our own circuit of this network needed to keep every layer busy:
    FINN's has the same layers and the same window generators, which are what makes FIFOs necessary.
    A layer that has none gets FINN's default, 2, for which FINN makes no FIFO at all: a chain
    without branches cannot deadlock, only be slower. (FINN itself would size FIFOs by simulating
    the RTL that HLS makes, which takes hours and Vivado's simulator.)

    Raises BuildError for a part without layers, FoldingError for an illegal folding.
    """
    if not part.network.layers:
        raise BuildError(f"{part} has no layers: there is nothing to build")
    hardware = hardware_network(part.whole)
    second = part.name is PartName.SECOND
    model = _narrowed(hardware.part(part.cut, second), part.device)
    fold(hardware, model, part.folding)
    model = insert_converters(
        model, part.device, wire_before=second, wire_after=part.name is PartName.FIRST
    )
    _drop_host_operations(model)
    _say_layers(hardware, model)
    _set_fifo_depths(model, fifo_depths)
    return model


def layer_model(part: Part, position: int) -> ModelWrapper:
    """``part.whole.layers[position]`` alone, its nodes as they are in any part that has it."""
    hardware = hardware_network(part.whole)
    model = _narrowed(hardware.layer(position), part.device)
    fold(hardware, model, part.folding)
    for node in reversed(list(model.graph.node)):
        if not is_hardware(node):
            model.graph.node.remove(node)
    _say_layers(hardware, model)
    _name_by_layers(model)
    return model


def host_operations(part: Part) -> list[tuple[str, list[float]]]:
    """What the host does with the part's result: (``Mul`` or ``Add``, values by channel or one)."""
    model = hardware_network(part.whole).part(part.cut, part.name is PartName.SECOND)
    return [
        (node.op_type, [float(value) for value in model.get_initializer(node.input[1]).ravel()])
        for node in model.graph.node
        if not is_hardware(node)
    ]


def is_dense(whole: Network, cut: Cut) -> bool:
    """Whether words of 64 bits hold the values at ``cut`` with none left over.

    Only then is the stream there one of such words; else it is as wide as its layer makes it.
    """
    tensor = cut_tensor(whole, cut)
    values = math.prod(tensor.shape)
    return WORD_BITS % tensor.type.bits == 0 and values * tensor.type.bits % WORD_BITS == 0


def into_partitions(
    model: ModelWrapper, device: str, port_bits: int, folder: Path
) -> tuple[ModelWrapper, dict[str, Path]]:
    """FIFOs, DMA at both ends, then FINN's partitions: a DMA, the layers, a DMA.

    Returns the model of partitions and, by a partition's name, the file of its model in ``folder``.
    A node is named by its layer (``conv3_MVAU_hls``), so that the HLS code of a layer is the same
    in every part. ``port_bits``: width of the AXI port to memory. FINN's session must be open.
    """
    from finn.transformation.fpgadataflow.create_dataflow_partition import CreateDataflowPartition
    from finn.transformation.fpgadataflow.floorplan import Floorplan
    from finn.transformation.fpgadataflow.insert_dwc import InsertDWC
    from finn.transformation.fpgadataflow.insert_fifo import InsertFIFO
    from finn.transformation.fpgadataflow.insert_iodma import InsertIODMA
    from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.custom_op.registry import getCustomOp
    from qonnx.transformation.general import GiveReadableTensorNames, GiveUniqueNodeNames
    from qonnx.transformation.infer_data_layouts import InferDataLayouts

    folder.mkdir(parents=True, exist_ok=True)
    for step in (
        InferDataLayouts(),
        InsertFIFO(),
        InsertIODMA(port_bits),
        InsertDWC(),
        SpecializeLayers(device),
    ):
        model = model.transform(step)
    _name_by_layers(model)
    for step in (
        Floorplan(),
        CreateDataflowPartition(partition_model_dir=str(folder)),
        GiveUniqueNodeNames(),
        GiveReadableTensorNames(),
    ):
        model = model.transform(step)
    files: dict[str, Path] = {}
    for node in model.graph.node:
        file = Path(getCustomOp(node).get_nodeattr("model"))
        inside = ModelWrapper(str(file)).transform(GiveReadableTensorNames())
        inside.save(str(file))
        files[node.name] = file
    return model, files


def layer_of(node: onnx.NodeProto) -> str:
    """The layer that ``node`` of a part's model belongs to or feeds; ``wire``, ``input``,
    ``output`` for what is at the ends."""
    # A field of ONNX's that FINN's transformations carry on; names they give anew.
    return str(node.doc_string)


def _narrowed(model: ModelWrapper, device: str) -> ModelWrapper:
    """``model`` specialised, with thresholds no wider than what they are compared with.

    As FINN's builder does once accumulators are as narrow as they can be: without it HLS stores
    thresholds of 33 bits.
    """
    from finn.transformation.streamline.round_thresholds import RoundAndClipThresholds

    with quiet_finn():
        model = model.transform(RoundAndClipThresholds())
    return specialise(model, device)


def _drop_host_operations(model: ModelWrapper) -> None:
    from qonnx.core.datatype import DataType

    while not is_hardware(model.graph.node[-1]):
        last = model.graph.node[-1]
        before = model.find_producer(last.input[0])
        shape, result = model.get_tensor_shape(last.output[0]), last.output[0]
        model.graph.node.remove(last)
        before.output[0] = result
        model.set_tensor_shape(result, shape)
        if is_hardware(before):
            model.set_tensor_datatype(result, DataType[output_stream(before).datatype])


def _say_layers(hardware: HardwareNetwork, model: ModelWrapper) -> None:
    """Write into each node the layer that it belongs to; a converter feeds one, or is the wire."""
    nodes = list(model.graph.node)
    labels = [hardware.label_of(node) for node in nodes]
    following = WIRE
    for index in reversed(range(len(nodes))):
        following = labels[index] or following
        nodes[index].doc_string = following
    if labels[0] is None:
        nodes[0].doc_string = WIRE


def _set_fifo_depths(model: ModelWrapper, fifo_depths: Mapping[str, int]) -> None:
    """The layer in front needs none: memory waits. At both ends there is room for a burst."""
    from qonnx.custom_op.registry import getCustomOp

    nodes = list(model.graph.node)
    producers = [node for node in nodes if not node.op_type.startswith(WIDTH_CONVERTER)]
    for producer, consumer in pairwise(producers):
        depth = fifo_depths.get(layer_of(consumer), 0)
        if layer_of(producer) != layer_of(consumer) and depth > FINN_DEPTH:
            getCustomOp(producer).set_nodeattr("outFIFODepths", [depth])
    getCustomOp(nodes[0]).set_nodeattr("inFIFODepths", [DMA_FIFO])
    getCustomOp(nodes[-1]).set_nodeattr("outFIFODepths", [DMA_FIFO])


def _name_by_layers(model: ModelWrapper) -> None:
    from qonnx.custom_op.registry import getCustomOp

    nodes = list(model.graph.node)
    following = DMA_OUT
    for node in reversed(nodes):
        if node.op_type.startswith("IODMA"):
            coming = getCustomOp(node).get_nodeattr("direction") == "in"
            node.doc_string = DMA_IN if coming else DMA_OUT
        elif not node.doc_string:  # FINN has put it in
            node.doc_string = following
        following = layer_of(node)
    seen: Counter[str] = Counter()
    for node in nodes:
        name = f"{layer_of(node)}_{node.op_type}"
        seen[name] += 1
        node.name = name if seen[name] == 1 else f"{name}_{seen[name]}"
