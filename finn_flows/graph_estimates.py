"""FINN's estimates of a network that is no chain, stage by stage.

Layers are asked as those of a chain (:mod:`finn_flows.folding_table`); additions, their thresholds
and the nodes that repeat a stream where it forks, of FINN's own custom operators. Uncounted are the
FIFOs that hold an image's values on the shorter side of a fork: FINN sizes them by simulation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from finn_flows.folding import divisors
from finn_flows.folding_table import BoundaryTable, Counts, FoldingTable, GroupTable, counts_of
from finn_flows.folding_table_file import folding_table
from finn_flows.graph_order import GraphRow, Stage
from finn_flows.network_graph import Addition, Branch, GraphTensor, NetworkGraph
from finn_flows.node_estimates import ConverterEstimates, NodeEstimate, ask_node
from finn_flows.specialise import Stream

#: FINN puts one behind each side of a fork.
UNCOUNTED_FIFO = "StreamingFIFO"
_DOMAIN = "finn.custom_op.fpgadataflow"


def graph_table(graph: NetworkGraph, row: GraphRow, device: str) -> FoldingTable:
    """A group for each stage of ``row`` (:func:`~finn_flows.graph_order.graph_row`).

    Additions have SIMD 1. The converters of a tensor that another stage than the very next reads
    depend on two stages that are no neighbours; they are counted as the most that any folding of
    its maker would take. Raises BuildError naming a layer that FINN refuses.
    """
    return _Asker(graph, row, device).table()


class _Asker:
    def __init__(self, graph: NetworkGraph, row: GraphRow, device: str) -> None:
        self._graph, self._row = graph, row
        self._converters = ConverterEstimates(device)
        self._device = device
        self._tables = {
            position: folding_table(step.network, device)
            for position, step in enumerate(graph.steps)
            if isinstance(step, Branch)
        }
        self._nodes: list[NodeEstimate] = []

    def table(self) -> FoldingTable:
        groups = [self._group(stage) for stage in self._row.stages]
        by_result = {
            stage.result: group for stage, group in zip(self._row.stages, groups, strict=True)
        }
        for position, stage in enumerate(self._row.stages):
            before = self._row.stages[position - 1].result if position else None
            for name in stage.sources:
                if name != before and name in by_result:
                    groups[position] = self._with_most_converters(
                        groups[position], self._row.tensors[name], by_result[name]
                    )
        boundaries = [
            self._boundary(position, groups) for position in range(1, len(self._row.stages))
        ]
        counted = {node.kind for node in self._nodes if any(counts_of([node]))}
        uncounted = {node.kind for node in self._nodes} - counted | {UNCOUNTED_FIFO}
        for table in self._tables.values():
            uncounted |= set(table.uncounted)
        return FoldingTable(tuple(groups), tuple(boundaries), tuple(sorted(uncounted)))

    # -- stages ---------------------------------------------------------------------------------

    def _group(self, stage: Stage) -> GroupTable:
        step = self._graph.steps[stage.step]
        if isinstance(step, Addition):
            group = self._addition(stage, step)
        else:
            group = self._tables[stage.step].groups[stage.group]
        tensor = self._row.tensors[stage.result]
        copies = self._graph.readers(stage.result)
        if copies < 2:
            return group
        return replace(
            group, counts=group.counts + self._duplicates(tensor, group.width_out, copies)
        )

    def _addition(self, stage: Stage, addition: Addition) -> GroupTable:
        tensor = self._row.tensors[addition.result]
        first = self._row.tensors[addition.sources[0]]
        lanes = divisors(tensor.shape[-1])
        asked = [addition_nodes(addition, self._row.tensors, lane, self._device) for lane in lanes]
        for nodes in asked:
            self._nodes += nodes
        count = len(lanes)
        return GroupTable(
            layers=stage.layers,
            simd=np.ones(count, dtype=np.int64),
            pe=np.array(lanes, dtype=np.int64),
            memory=np.zeros(count, dtype=np.int64),
            cycles=np.array([max(node.cycles or 0 for node in nodes) for nodes in asked]),
            width_in=np.array([lane * first.type.bits for lane in lanes], dtype=np.int64),
            width_out=np.array([lane * tensor.type.bits for lane in lanes], dtype=np.int64),
            counts=np.array([counts_of(nodes) for nodes in asked]),
            accepted=np.ones(count, dtype=np.bool_),
        )

    def _duplicates(self, tensor: GraphTensor, widths: NDArray[np.int64], copies: int) -> Counts:
        """Of the node that repeats ``tensor``, for each row's width."""
        asked = {int(width): self._duplicate(tensor, int(width), copies) for width in widths}
        self._nodes += asked.values()
        return np.array([counts_of([asked[int(width)]]) for width in widths])

    def _duplicate(self, tensor: GraphTensor, width: int, copies: int) -> NodeEstimate:
        from onnx import helper

        node = helper.make_node(
            "DuplicateStreams_hls",
            ["source"],
            [f"result{copy}" for copy in range(copies)],
            domain=f"{_DOMAIN}.hls",
            backend="fpgadataflow",
            NumChannels=tensor.shape[-1],
            PE=width // tensor.type.bits,
            NumOutputStreams=copies,
            inputDataType=tensor.type.qonnx_name,
            numInputVectors=[1, *tensor.shape[:-1]],
        )
        return ask_node(node, tensor.name, self._device)

    # -- converters -----------------------------------------------------------------------------

    def _with_most_converters(
        self, group: GroupTable, tensor: GraphTensor, maker: GroupTable
    ) -> GroupTable:
        """``group`` with the most that converters from ``maker``, no neighbour, may take."""
        makers = np.unique(maker.width_out)
        most = {
            width: np.max([self._between(tensor, int(made), width) for made in makers], axis=0)
            for width in map(int, np.unique(group.width_in))
        }
        more = np.stack([most[int(width)] for width in group.width_in])
        return replace(group, counts=group.counts + more)

    def _boundary(self, position: int, groups: list[GroupTable]) -> BoundaryTable:
        stages = self._row.stages
        before, behind = groups[position - 1], groups[position]
        widths_out, widths_in = np.unique(before.width_out), np.unique(behind.width_in)
        made = stages[position - 1].result
        joint = np.zeros((len(widths_out), len(widths_in), len(before.counts[0])))
        times = stages[position].sources.count(made)
        if times:
            tensor = self._row.tensors[made]
            for a, out in enumerate(widths_out):
                for b, into in enumerate(widths_in):
                    joint[a, b] = times * self._between(tensor, int(out), int(into))
        leave = np.zeros((len(widths_out), len(before.counts[0])))
        enter = np.zeros((len(widths_in), len(before.counts[0])))
        makers = {stage.result: group for stage, group in zip(stages, groups, strict=True)}
        for tensor in self._row.crossing(position):
            out = np.unique(makers[tensor.name].width_out)
            to_wire = np.array([self._to_wire(tensor, int(width)) for width in out])
            leave += to_wire if tensor.name == made else to_wire.max(axis=0)
            reader = next(
                k for k in range(position, len(stages)) if tensor.name in stages[k].sources
            )
            into = np.unique(groups[reader].width_in)
            from_wire = np.array([self._from_wire(tensor, int(width)) for width in into])
            enter += from_wire if reader == position else from_wire.max(axis=0)
        return BoundaryTable(widths_out, widths_in, joint, leave, enter)

    def _between(self, tensor: GraphTensor, out: int, into: int) -> Counts:
        return _sum(self._converters.between(_stream(tensor, out), _stream(tensor, into), ""))

    def _to_wire(self, tensor: GraphTensor, width: int) -> Counts:
        return _sum(self._converters.to_wire(_stream(tensor, width)))

    def _from_wire(self, tensor: GraphTensor, width: int) -> Counts:
        return _sum(self._converters.from_wire(_stream(tensor, width)))


def _stream(tensor: GraphTensor, width: int) -> Stream:
    return Stream(width, (1, *tensor.shape), tensor.type.qonnx_name, tensor.type.bits)


def _sum(nodes: tuple[NodeEstimate, ...]) -> Counts:
    return np.array(counts_of(nodes))


def addition_nodes(
    addition: Addition, tensors: Mapping[str, GraphTensor], lanes: int, device: str
) -> list[NodeEstimate]:
    """FINN's estimates of an adder and its thresholds that take ``lanes`` values a cycle."""
    from onnx import helper

    one, other = (tensors[name] for name in addition.sources)
    result = tensors[addition.result]
    shape = [1, *result.shape]
    add = helper.make_node(
        "ElementwiseAdd_hls",
        ["one", "other"],
        ["sum"],
        domain=f"{_DOMAIN}.hls",
        backend="fpgadataflow",
        lhs_dtype=one.type.qonnx_name,
        rhs_dtype=other.type.qonnx_name,
        out_dtype=addition.sum_type.qonnx_name,
        lhs_shape=shape,
        rhs_shape=shape,
        out_shape=shape,
        PE=lanes,
    )
    # The type of the sum holds any threshold: no sum of two types reaches the last of its codes.
    kind = addition.sum_type.qonnx_name
    threshold = helper.make_node(
        "Thresholding_rtl",
        ["sum", "thresholds"],
        ["result"],
        domain=f"{_DOMAIN}.rtl",
        backend="fpgadataflow",
        NumChannels=result.shape[-1],
        PE=lanes,
        numSteps=result.type.threshold_count,
        inputDataType=kind,
        weightDataType=kind,
        outputDataType=result.type.qonnx_name,
        numInputVectors=shape[:-1],
    )
    return [ask_node(node, addition.name, device) for node in (add, threshold)]
