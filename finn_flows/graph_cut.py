"""Cutting an ONNX graph in two at one tensor, with proof that nothing else crosses the cut.

Works on any ONNX dialect (standard, QONNX, FINN): it looks at names only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dse.errors import CutError

if TYPE_CHECKING:
    import onnx


def crossing_tensors(graph: onnx.GraphProto, tensor: str) -> list[str]:
    """The tensors that are live across the cut behind ``tensor``, in graph order.

    The first side is ``tensor``'s producer and everything it depends on; a tensor crosses if it is
    made there (or is a graph input) and is needed by the other side or is a result of the graph.
    Parameters do not count: each side carries its own. A legal cut gives ``[tensor]``.
    Raises CutError if the graph has no such tensor.
    """
    upstream = _upstream_nodes(graph, tensor)
    parameters = {parameter.name for parameter in graph.initializer}
    made_before = [value.name for value in graph.input if value.name not in parameters]
    needed_after = {value.name for value in graph.output}
    for index, node in enumerate(graph.node):
        if index in upstream:
            made_before.extend(node.output)
        else:
            needed_after.update(node.input)
    return [name for name in made_before if name in needed_after]


def cut_graph(model: onnx.ModelProto, tensor: str) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """Both sides of the cut at ``tensor``: its producers up to it, and all that follows.

    ``tensor`` is the result of the first model and the input of the second; parameters, shapes and
    QONNX datatype annotations go along. If ``tensor`` is the graph's only result, the second model
    has no nodes and passes its input on. Raises CutError naming the crossing tensors if another
    tensor crosses too, or if the graph has no tensor of that name.
    """
    crossing = crossing_tensors(model.graph, tensor)
    if crossing != [tensor]:
        raise CutError(
            f"a cut behind tensor {tensor!r} is crossed by {len(crossing)} tensors: "
            + ", ".join(crossing),
            expected="exactly one tensor over the link",
        )
    upstream = _upstream_nodes(model.graph, tensor)
    parameters = {parameter.name for parameter in model.graph.initializer}
    sources = [value.name for value in model.graph.input if value.name not in parameters]
    results = [value.name for value in model.graph.output]
    if len(sources) != 1 or len(results) != 1:
        raise CutError(
            f"the graph has inputs {', '.join(sources)} and results {', '.join(results)}",
            expected="one of each",
        )
    nodes = list(enumerate(model.graph.node))
    before = [node for index, node in nodes if index in upstream]
    after = [node for index, node in nodes if index not in upstream]
    return (
        graph_between(model, before, sources[0], tensor),
        graph_between(model, after, tensor, results[0]),
    )


def _upstream_nodes(graph: onnx.GraphProto, tensor: str) -> set[int]:
    """Indices of the node that makes ``tensor`` and of all it depends on."""
    producers = {name: index for index, node in enumerate(graph.node) for name in node.output}
    if tensor not in producers and tensor not in {value.name for value in graph.input}:
        raise CutError(f"the graph has no tensor {tensor!r}", choices=list(producers))
    found: set[int] = set()
    open_tensors = [tensor]
    while open_tensors:
        index = producers.get(open_tensors.pop())
        if index is not None and index not in found:
            found.add(index)
            open_tensors.extend(graph.node[index].input)
    return found


def _description_of(graph: onnx.GraphProto, tensor: str) -> onnx.ValueInfoProto:
    for value in (*graph.value_info, *graph.input, *graph.output):
        if value.name == tensor:
            return value
    raise CutError(f"the shape of tensor {tensor!r} is unknown", expected="inferred shapes")


def graph_between(
    model: onnx.ModelProto, nodes: list[onnx.NodeProto], source: str, result: str
) -> onnx.ModelProto:
    """A model of ``nodes`` alone, from tensor ``source`` to tensor ``result``.

    Parameters, shapes and datatype annotations that the nodes name go along. The caller vouches
    that ``nodes`` need no other tensor. CutError if the shape of an end is unknown.
    """
    ends = [_description_of(model.graph, source)], [_description_of(model.graph, result)]
    used = {name for node in nodes for name in (*node.input, *node.output)} | {source, result}
    inner = used - {source, result}
    graph = model.graph
    between = _without_graph(model)
    between.graph.name = graph.name
    between.graph.node.extend(nodes)
    between.graph.input.extend(ends[0])
    between.graph.output.extend(ends[1])
    between.graph.initializer.extend(p for p in graph.initializer if p.name in used)
    between.graph.value_info.extend(v for v in graph.value_info if v.name in inner)
    between.graph.quantization_annotation.extend(
        a for a in graph.quantization_annotation if a.tensor_name in used
    )
    return between


def _without_graph(model: onnx.ModelProto) -> onnx.ModelProto:
    """Versions and properties of ``model``; its graph, most of its bytes, is never copied."""
    from onnx import ModelProto

    empty = ModelProto()
    empty.ir_version = model.ir_version
    empty.producer_name = model.producer_name
    empty.opset_import.extend(model.opset_import)
    empty.metadata_props.extend(model.metadata_props)
    return empty
