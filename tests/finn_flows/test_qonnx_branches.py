"""Graphs that fork and add: each branch computes what the graph does; what is refused, and how."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from dse.errors import NetworkError, NetworkFileError
from finn_flows.integer_reference import run_integers
from finn_flows.integer_type import IntegerType
from finn_flows.network_graph import Addition, Branch, NetworkGraph
from finn_flows.qonnx_branches import has_branches, import_branches
from tests.residual_graphs import SCALE, ResidualGraph, residual_model


def executed(model: onnx.ModelProto, picture: np.ndarray) -> dict[str, np.ndarray]:
    """Every tensor of the graph, as qonnx computes it."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    wrapped = ModelWrapper(model).transform(InferShapes())
    found: dict[str, np.ndarray] = execute_onnx(wrapped, {"picture": picture}, True)
    return found


def test_each_branch_computes_what_the_graph_does_between_its_ends() -> None:
    model = residual_model(seed=4)
    graph = import_branches(model)
    pixels = np.random.default_rng(1).integers(0, 256, size=(1, 6, 6, 2))
    tensors = executed(model, (pixels.transpose(0, 3, 1, 2) / np.float32(255)).astype(np.float32))
    branches = [step for step in graph.steps if isinstance(step, Branch)]
    assert [len(list(branch.network.numbered())) for branch in branches] == [1, 2, 2, 1, 1]

    def integers(name: str) -> np.ndarray:
        return np.rint(tensors[name] / SCALE).astype(np.int32).transpose(0, 2, 3, 1)

    first, *others, last = branches
    entered = first.network.encode_pixels(pixels.astype(np.uint8))
    assert np.array_equal(run_integers(first.network, entered), integers(first.result))
    for branch in others:
        found = run_integers(branch.network, integers(branch.source))
        assert len(np.unique(found)) > 2  # a result that says something
        assert np.array_equal(found, integers(branch.result))
    scores = last.network.scores(run_integers(last.network, integers(last.source)))
    assert np.allclose(scores, tensors[last.result])


def test_layers_are_numbered_through_and_additions_know_their_types() -> None:
    graph = import_branches(residual_model(), "small")
    labels = [
        [step.network.label(k) for k in range(len(step.network.layers))]
        if isinstance(step, Branch)
        else step.sum_type.name
        for step in graph.steps
    ]
    assert labels == [
        ["conv0"],
        ["conv1", "conv2"],
        "UINT4",
        ["conv3", "conv4"],
        ["conv5"],
        "UINT4",
        ["dense6"],
    ]
    additions = [step for step in graph.steps if isinstance(step, Addition)]
    assert graph.tensors[additions[0].result].type == IntegerType.unsigned(3)
    assert graph.tensors[additions[1].result].shape == (3, 3, 8)
    assert [graph.readers(step.result) for step in graph.steps] == [2, 1, 2, 1, 1, 1, 0]
    # 6 x 6 x 4 values of 3 bits are 432 bits: 7 words of 64.
    assert graph.tensors[additions[0].result].bytes_per_image == 56


def test_a_pool_before_a_fork_belongs_to_the_layer_before_it() -> None:
    graph = ResidualGraph()
    entered = graph.convolve("picture", 2, 4)
    pooled = graph.add("MaxPool", [entered], kernel_shape=[2, 2], strides=[2, 2])
    branch = graph.convolve(graph.convolve(pooled, 4, 4), 4, 4)
    found = import_branches(graph.model(graph.quantise(graph.add("Add", [branch, pooled]))))
    first = found.steps[0]
    assert isinstance(first, Branch)
    assert first.result == pooled
    assert found.tensors[pooled].shape == (3, 3, 4)
    # 36 values of 3 bits are 108 bits: 2 words.
    assert found.tensors[pooled].bytes_per_image == 16


def test_whether_a_file_is_a_chain_is_told(tmp_path: Path) -> None:
    chain = ResidualGraph()
    onnx.save(chain.model(chain.classify(chain.convolve("picture", 2, 2), 72)), tmp_path / "c.onnx")
    onnx.save(residual_model(), tmp_path / "r.onnx")
    assert not has_branches(tmp_path / "c.onnx")
    assert has_branches(tmp_path / "r.onnx")
    (tmp_path / "d.onnx").write_bytes(b"\x00no graph")
    with pytest.raises(NetworkFileError, match=r"d\.onnx"):
        has_branches(tmp_path / "d.onnx")


def _two_inputs() -> onnx.ModelProto:
    graph = ResidualGraph()
    graph.inputs.append(("other", (1, 2, 6, 6)))
    return graph.model(graph.quantise(graph.add("Add", ["picture", "other"])))


def _two_results() -> onnx.ModelProto:
    graph = ResidualGraph()
    one = graph.convolve("picture", 2, 2)
    return graph.model(one, graph.convolve(one, 2, 2))


def _cycle() -> onnx.ModelProto:
    model = residual_model()
    [add] = [node for node in model.graph.node if node.op_type == "Add"][:1]
    last = [node for node in model.graph.node if node.op_type == "Quant"][-2]
    add.input[1] = last.output[0]
    return model


def _joined_by(operator: str, **attributes: int) -> onnx.ModelProto:
    graph = ResidualGraph()
    entered = graph.convolve("picture", 2, 2)
    joined = graph.add(operator, [graph.convolve(entered, 2, 2), entered], **attributes)
    return graph.model(graph.convolve(joined, 2, 2))


def _scales_differ() -> onnx.ModelProto:
    graph = ResidualGraph()
    entered = graph.convolve("picture", 2, 2)
    other = graph.quantise(graph.convolve(entered, 2, 2), scale=0.5)
    return graph.model(graph.quantise(graph.add("Add", [other, entered])))


def _fork_unquantised() -> onnx.ModelProto:
    graph = ResidualGraph()
    raw = graph.add("Relu", [graph.convolve("picture", 2, 2)])
    one, other = graph.quantise(raw), graph.quantise(raw)
    return graph.model(graph.quantise(graph.add("Add", [one, other])))


def _sum_unquantised() -> onnx.ModelProto:
    graph = ResidualGraph()
    entered = graph.convolve("picture", 2, 2)
    total = graph.add("Add", [graph.convolve(entered, 2, 2), entered])
    return graph.model(graph.convolve(total, 2, 2))


def _pool_alone() -> onnx.ModelProto:
    graph = ResidualGraph()
    entered = graph.convolve("picture", 2, 2)
    total = graph.quantise(graph.add("Add", [graph.convolve(entered, 2, 2), entered]))
    pooled = graph.add("MaxPool", [total], kernel_shape=[2, 2], strides=[2, 2])
    again = graph.quantise(graph.add("Add", [graph.convolve(pooled, 2, 2), pooled]))
    return graph.model(again)


def _picture_forks() -> onnx.ModelProto:
    graph = ResidualGraph()
    one, other = graph.convolve("picture", 2, 2), graph.convolve("picture", 2, 2)
    return graph.model(graph.quantise(graph.add("Add", [one, other])))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_two_inputs, "2 inputs"),
        (_two_results, "2 results"),
        (_cycle, "has a cycle: .*Add node 'node"),
        (lambda: _joined_by("Concat", axis=1), "Concat node 'node.* is not supported"),
        (lambda: _joined_by("Mul"), "Mul node 'node.* joins .*expected Add of two quantised"),
        (_scales_differ, "Add node 'node.* different scales"),
        (_fork_unquantised, "the result of Relu node 'node.* is not quantised"),
        (_sum_unquantised, "the result of Add node 'node.* is not quantised"),
        (_pool_alone, "MaxPool node 'node.* is between two joints with no layer"),
        (_picture_forks, "input 'picture' branches before it is quantised"),
    ],
)
def test_a_graph_that_cannot_be_planned_is_refused_by_node(
    make: Callable[[], onnx.ModelProto], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "odd.onnx"
    path.write_bytes(make().SerializeToString())
    with pytest.raises(NetworkError, match=said) as raised:
        import_branches(path)
    assert raised.value.where == str(path)
    assert "\n" not in str(raised.value)


def test_a_step_that_uses_what_is_not_made_yet_is_no_graph() -> None:
    graph = import_branches(residual_model())
    with pytest.raises(NetworkError, match="before it is made"):
        NetworkGraph("odd", graph.source, graph.result, graph.steps[::-1], graph.tensors)


def test_a_transpose_among_branches_is_refused() -> None:
    model = residual_model()
    relu = next(node for node in model.graph.node if node.op_type == "Relu")
    turned = helper.make_node("Transpose", [relu.input[0]], ["turned"], perm=[0, 1, 3, 2])
    relu.input[0] = "turned"
    model.graph.node.insert(list(model.graph.node).index(relu), turned)
    with pytest.raises(NetworkError, match="Transpose node 'turned' stands in a graph with"):
        import_branches(model)
