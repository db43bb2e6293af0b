"""A graph in a row: what crosses each position, and where one tensor does, against brute force."""

from __future__ import annotations

from itertools import combinations
from random import Random

import networkx
from hypothesis import given
from hypothesis import strategies as st

from finn_flows.graph_order import GraphRow, Stage, graph_row
from finn_flows.integer_type import IntegerType
from finn_flows.network_graph import GraphTensor
from finn_flows.qonnx_branches import import_branches
from tests.residual_graphs import residual_model


def test_the_row_of_a_residual_graph_is_its_branches_one_after_the_other() -> None:
    row = graph_row(import_branches(residual_model()))
    assert [stage.layers for stage in row.stages] == [
        ("conv0",),
        ("conv1",),
        ("conv2",),
        ("add0",),
        ("conv3",),
        ("conv4",),
        ("conv5",),
        ("add1",),
        ("dense6",),
    ]
    # 3-bit values, packed: 36 pixels x 4 are 432 bits, 7 words; 9 x 8 are 216 bits, 4 words.
    sizes = [
        [tensor.bytes_per_image for tensor in row.crossing(position)]
        for position in range(1, len(row.stages))
    ]
    assert sizes == [[56], [56, 56], [56, 56], [56], [56, 32], [56, 32], [32, 32], [32]]


def test_where_one_tensor_crosses_is_wherever_any_split_of_the_graph_has_one() -> None:
    row = graph_row(import_branches(residual_model()))
    found = {
        frozenset(range(position))
        for position in range(1, len(row.stages))
        if len(row.crossing(position)) == 1
    }
    assert found == _splits_with_one_tensor(row)
    assert {len(split) for split in found} == {1, 4, 8}


def _splits_with_one_tensor(row: GraphRow) -> set[frozenset[int]]:
    """Every choice of stages that needs no other for its inputs and hands on one tensor."""
    stages = list(enumerate(row.stages))
    makers = {stage.result: k for k, stage in stages}
    found = set()
    for count in range(1, len(stages)):
        for chosen in map(frozenset, combinations(range(len(stages)), count)):
            needs = {
                makers[name] for k in chosen for name in row.stages[k].sources if name in makers
            }
            handed = {
                name
                for k, stage in stages
                if k not in chosen
                for name in stage.sources
                if makers.get(name) in chosen
            }
            if needs <= chosen and len(handed) == 1:
                found.add(chosen)
    return found


@given(st.integers(2, 9), st.randoms(use_true_random=False))
def test_what_crosses_is_the_cut_of_the_graph_of_makers_and_readers(
    count: int, random: Random
) -> None:
    stages, tensors = [], {"in": GraphTensor("in", (1,), IntegerType.unsigned(4))}
    for k in range(count):
        sources = (
            ("in",)
            if k == 0
            else tuple({f"t{random.randrange(k)}" for _ in range(random.choice((1, 2)))})
        )
        stages.append(Stage((f"layer{k}",), sources, f"t{k}", k))
        tensors[f"t{k}"] = GraphTensor(f"t{k}", (k + 1, 1, 16), IntegerType.unsigned(4))
    row = GraphRow(tuple(stages), tensors)
    reads = networkx.DiGraph(
        (int(name[1:]), k) for k, stage in enumerate(stages) for name in stage.sources if k
    )
    for position in range(1, count):
        cut = networkx.edge_boundary(reads, [k for k in range(position) if k in reads])
        makers = sorted({maker for maker, _ in cut})
        crossing = row.crossing(position)
        assert [tensor.name for tensor in crossing] == [f"t{maker}" for maker in makers]
        # k + 1 pixels of 16 values of 4 bits are k + 1 words.
        assert sum(tensor.bytes_per_image for tensor in crossing) == sum(
            8 * (k + 1) for k in makers
        )
