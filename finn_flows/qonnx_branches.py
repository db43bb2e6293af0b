"""QONNX -> a network that is no chain.

The graph is cut at its joints: where a quantised tensor is read more than once, where two are added
and where the addition's activation ends. What lies between two joints is a chain and is read as
one (:mod:`finn_flows.qonnx_import`), behind the quantiser of the joint that it starts from.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dse.errors import DseError, NetworkError, NetworkFileError
from finn_flows.integer_type import IntegerType
from finn_flows.network import Network
from finn_flows.network_graph import Addition, Branch, GraphTensor, NetworkGraph
from finn_flows.onnx_file import load_onnx
from finn_flows.onnx_graph import OnnxGraph
from finn_flows.onnx_node import node_label
from finn_flows.qonnx_import import SUPPORTED_OPERATORS, import_qonnx
from finn_flows.qonnx_segment import ELEMENTWISE
from finn_flows.qonnx_weights import QUANTISERS, integer_type_of

if TYPE_CHECKING:
    import onnx

_SUPPORTED = (*SUPPORTED_OPERATORS, "Add of two quantised tensors of one scale")
#: They keep the type and the scale of what they pass on.
_PASSING = ("Dropout", "Flatten", "Identity", "MaxPool", "Reshape")
_LAYERS = ("AveragePool", "Conv", "Gemm", "GlobalAveragePool", "MatMul", "ReduceMean")
_PASSED_OVER = (*ELEMENTWISE, "Cast", "Dropout", "Identity")


def has_branches(path: Path) -> bool:
    """Whether the graph in a QONNX file forks or joins, and so is no chain.

    Raises NetworkFileError for a damaged file, NetworkError for several inputs or results.
    """
    with _naming(path):
        graph = OnnxGraph(load_onnx(path))
        return any(
            len(graph.computed_inputs(node)) > 1 or any(map(graph.forks, node.output))
            for node in graph.nodes_on_data()
        ) or graph.forks(graph.input_name)


def import_branches(source: Path | str | onnx.ModelProto, name: str | None = None) -> NetworkGraph:
    """The network in a QONNX file or model, which may fork and add.

    ``name`` defaults to the name of the file or of the graph. Raises NetworkFileError for a damaged
    file; NetworkError, naming the node and what is supported, for a graph with a cycle, several
    inputs or results, an operator that is not supported, or a fork or an addition of values that
    are not quantised.
    """
    path = None if not isinstance(source, str | Path) else Path(source)
    model = source if path is None else load_onnx(path)
    assert not isinstance(model, str | Path)
    with _naming(path):
        return _Reader(model).graph(name or (path.stem if path else model.graph.name) or "network")


@contextmanager
def _naming(path: Path | None) -> Iterator[None]:
    """Errors of a graph name its file."""
    try:
        yield
    except NetworkFileError:
        raise
    except DseError as error:
        raise NetworkError(
            error.message,
            where=error.where or path,
            expected=error.expected,
            choices=error.choices,
        ) from error


class _Reader:
    def __init__(self, model: onnx.ModelProto) -> None:
        _check_feed_forward(model)
        self._model = _with_shapes(model)
        self._graph = OnnxGraph(self._model)
        self._shapes = _tensor_shapes(self._model)
        for tensor, shape in self._shapes.items():
            self._graph.know_shape(tensor, shape)
        self._nodes = self._graph.nodes_on_data()
        for node in self._nodes:
            self._check(node)
        self._steps: list[Branch | Addition] = []
        self._tensors: dict[str, GraphTensor] = {}
        self._layers = 0

    def graph(self, name: str) -> NetworkGraph:
        source, result = self._graph.input_name, self._graph.result_name
        if len(self._graph.consumers(source)) > 1:
            raise NetworkError(
                f"the graph's input {source!r} branches before it is quantised",
                choices=QUANTISERS,
            )
        self._add_branches(source)
        for node in self._nodes:
            if self._is_addition(node):
                self._add_branches(self._add_addition(node))
            elif self._graph.forks(node.output[0]) and not self._ends_addition(node.output[0]):
                self._add_branches(node.output[0])
        return NetworkGraph(name, source, result, tuple(self._steps), self._tensors)

    def _check(self, node: onnx.NodeProto) -> None:
        computed = self._graph.computed_inputs(node)
        if node.op_type not in SUPPORTED_OPERATORS:
            raise NetworkError(f"{node_label(node)} is not supported", choices=_SUPPORTED)
        if len(computed) > 1 and not self._is_addition(node):
            raise NetworkError(
                f"{node_label(node)} joins {' and '.join(map(repr, computed))}",
                expected="Add of two quantised tensors of one scale",
            )
        if node.op_type == "Transpose":
            raise NetworkError(
                f"{node_label(node)} stands in a graph with branches", expected="NCHW images"
            )

    def _is_addition(self, node: onnx.NodeProto) -> bool:
        return node.op_type == "Add" and len(self._graph.computed_inputs(node)) > 1

    def _ends_addition(self, tensor: str) -> bool:
        """Whether the tensor is what an addition gives, whose branches follow it already."""
        return any(isinstance(step, Addition) and step.result == tensor for step in self._steps)

    # -- branches -------------------------------------------------------------------------------

    def _add_branches(self, tensor: str) -> None:
        """The branches that start from ``tensor``, each up to the next joint."""
        for node in self._graph.consumers(tensor):
            if not self._is_addition(node):
                self._add_branch(tensor, node)

    def _add_branch(self, tensor: str, first: onnx.NodeProto) -> None:
        nodes = [first]
        while not self._is_joint(nodes[-1].output[0]):
            nodes.append(self._graph.consumers(nodes[-1].output[0])[0])
        if not any(node.op_type in _LAYERS for node in nodes):
            raise NetworkError(
                f"{node_label(first)} is between two joints with no layer", choices=_LAYERS
            )
        result = nodes[-1].output[0]
        kind = None if result == self._graph.result_name else self._type_of(result)
        network = self._network(tensor, nodes)
        if kind is not None and network.output_type != kind:
            raise NetworkError(f"{result!r} is not of one type", expected=kind.name)
        self._tensors.setdefault(
            tensor, GraphTensor(tensor, network.input_shape, network.input_type)
        )
        self._tensors[result] = GraphTensor(result, network.output_shape, network.output_type)
        self._steps.append(Branch(network, tensor, result))

    def _is_joint(self, tensor: str) -> bool:
        readers = self._graph.consumers(tensor)
        return (
            tensor == self._graph.result_name
            or self._graph.forks(tensor)
            or any(map(self._is_addition, readers))
        )

    def _network(self, tensor: str, nodes: list[onnx.NodeProto]) -> Network:
        """The branch of ``nodes`` that starts from ``tensor``, read as a network of its own."""
        is_picture = tensor == self._graph.input_name
        quantiser = None if is_picture else self._quantiser(tensor)
        network = import_qonnx(self._alone(tensor, nodes, quantiser), nodes[0].name or tensor)
        numbered = replace(
            network,
            first_layer=self._layers,
            pixel_table=network.pixel_table if is_picture else None,
        )
        self._layers += sum(1 for _ in network.numbered())
        return numbered

    def _alone(
        self, tensor: str, nodes: list[onnx.NodeProto], quantiser: onnx.NodeProto | None
    ) -> onnx.ModelProto:
        """A model of ``nodes``, behind ``quantiser`` if there is one, with its parameters."""
        import onnx

        first = "branch_source"
        kept = [_copy(node) for node in nodes]
        if quantiser is not None:
            leading = _copy(quantiser)
            leading.input[0], leading.output[0] = first, f"{first}_quantised"
            _rename(kept[0], tensor, leading.output[0])
            kept.insert(0, leading)
        else:
            first = tensor
        used = {name for node in kept for name in node.input}
        made = {name for node in kept for name in node.output} | {first}
        constants = self._parameter_nodes(used - made)
        used |= {name for node in constants for name in node.input}
        model = onnx.ModelProto()
        model.ir_version = self._model.ir_version
        model.opset_import.extend(self._model.opset_import)
        if tensor == self._graph.input_name:
            model.metadata_props.extend(self._model.metadata_props)
        model.graph.name = nodes[-1].name
        model.graph.node.extend([*constants, *kept])
        floats = onnx.TensorProto.FLOAT
        shapes = {first: self._shapes[tensor], nodes[-1].output[0]: None}
        source, result = (
            onnx.helper.make_tensor_value_info(name, floats, shape)
            for name, shape in shapes.items()
        )
        model.graph.input.append(source)
        model.graph.output.append(result)
        parameters = self._model.graph.initializer
        model.graph.initializer.extend(p for p in parameters if p.name in used)
        model.graph.quantization_annotation.extend(
            entry
            for entry in self._model.graph.quantization_annotation
            if entry.tensor_name in used | made
        )
        return model

    def _parameter_nodes(self, tensors: set[str]) -> list[onnx.NodeProto]:
        """The nodes that make the parameters named, in graph order."""
        wanted, found = set(tensors), []
        for node in reversed(self._model.graph.node):
            if wanted & set(node.output):
                found.append(node)
                wanted |= set(node.input)
        return found[::-1]

    # -- additions ------------------------------------------------------------------------------

    def _add_addition(self, node: onnx.NodeProto) -> str:
        """Append the addition that ``node`` is; returns the tensor behind its activation."""
        sources = (node.input[0], node.input[1])
        quantisers = [self._quantiser(name) for name in sources]
        one, other = (self._graph.constant(quantiser.input[1]) for quantiser in quantisers)
        if (one != other).any():
            raise NetworkError(
                f"{node_label(node)} adds values of different scales", expected="one scale for both"
            )
        kinds = [self._type_of(name) for name in sources]
        sum_type = _sum_type(*kinds)
        result = node.output[0]
        while not self._is_joint(result):
            [reader] = self._graph.consumers(result)
            if reader.op_type not in _PASSED_OVER:
                break
            result = reader.output[0]
        if result == node.output[0]:
            raise NetworkError(
                f"the result of {node_label(node)} is not quantised", choices=QUANTISERS
            )
        shape = self._tensors[sources[0]].shape
        if shape != self._tensors[sources[1]].shape:
            raise NetworkError(
                f"{node_label(node)} adds images of {shape} and {self._tensors[sources[1]].shape}",
                expected="one shape",
            )
        self._tensors[result] = GraphTensor(result, shape, self._type_of(result))
        self._steps.append(Addition(node_label(node), sources, result, sum_type))
        return result

    # -- types ----------------------------------------------------------------------------------

    def _quantiser(self, tensor: str) -> onnx.NodeProto:
        """What quantised ``tensor``. NetworkError if nothing did."""
        maker = self._graph.producer(tensor)
        while maker is not None and maker.op_type in _PASSING:
            maker = self._graph.producer(maker.input[0])
        if maker is None or maker.op_type not in QUANTISERS:
            what = "the graph's input" if maker is None else f"the result of {node_label(maker)}"
            raise NetworkError(
                f"{what} forks, or is added, and is not quantised", choices=QUANTISERS
            )
        return maker

    def _type_of(self, tensor: str) -> IntegerType:
        quantiser = self._quantiser(tensor)
        if quantiser.op_type == "BipolarQuant":
            return IntegerType.bipolar()
        return integer_type_of(quantiser, self._graph.constant(quantiser.input[3]))


def _check_feed_forward(model: onnx.ModelProto) -> None:
    """NetworkError naming the nodes of a cycle."""
    import networkx

    nodes = list(model.graph.node)
    makers = {name: position for position, node in enumerate(nodes) for name in node.output}
    reads = networkx.DiGraph(
        (makers[name], position)
        for position, node in enumerate(nodes)
        for name in node.input
        if name in makers
    )
    if networkx.is_directed_acyclic_graph(reads):
        return
    cycle = [nodes[maker] for maker, _ in networkx.find_cycle(reads)]
    raise NetworkError(
        "the graph has a cycle: " + ", ".join(map(node_label, cycle)),
        expected="a feed-forward graph",
    )


def _sum_type(one: IntegerType, other: IntegerType) -> IntegerType:
    """The type of FINN for a sum: one bit more, unsigned if both are."""
    minimum, maximum = one.minimum + other.minimum, one.maximum + other.maximum
    if minimum >= 0:
        return IntegerType.unsigned(maximum.bit_length())
    return IntegerType.covering(minimum, maximum)


def _copy(node: onnx.NodeProto) -> onnx.NodeProto:
    import onnx

    copied = onnx.NodeProto()
    copied.CopyFrom(node)
    return copied


def _rename(node: onnx.NodeProto, tensor: str, name: str) -> None:
    for position, given in enumerate(node.input):
        if given == tensor:
            node.input[position] = name


def _with_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    known = _tensor_shapes(model)
    if all(name in known for node in model.graph.node for name in node.output if name):
        return model
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.infer_shapes import InferShapes

    from finn_flows.dataflow import quiet_finn

    try:
        with quiet_finn():
            return ModelWrapper(model).transform(InferShapes()).model
    except Exception as error:  # onnx and qonnx raise whatever they meet
        raise NetworkError(f"the shapes of the graph cannot be told: {error}") from error


def _tensor_shapes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    graph = model.graph
    return {
        value.name: tuple(int(size.dim_value) for size in value.type.tensor_type.shape.dim)
        for value in (*graph.input, *graph.value_info, *graph.output)
        if value.type.tensor_type.HasField("shape")
    }
