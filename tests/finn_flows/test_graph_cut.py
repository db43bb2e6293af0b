"""Cutting ONNX graphs: what crosses is named, and both sides together are the whole."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from dse.errors import CutError
from finn_flows.graph_cut import crossing_tensors, cut_graph
from finn_flows.standard_onnx import export_standard_onnx
from tests.random_networks import random_input, random_network


def run(model: onnx.ModelProto, value: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.run(None, {session.get_inputs()[0].name: value})[0])


def residual_model() -> onnx.ModelProto:
    """x -> relu -> (a: neg, then exp) + (skip) -> y."""
    nodes = [
        helper.make_node("Relu", ["x"], ["trunk"]),
        helper.make_node("Neg", ["trunk"], ["branch"]),
        helper.make_node("Mul", ["branch", "two"], ["scaled"]),
        helper.make_node("Add", ["scaled", "trunk"], ["sum"]),
        helper.make_node("Neg", ["sum"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "residual",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])],
        [numpy_helper.from_array(np.array(2, dtype=np.float32), "two")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return onnx.shape_inference.infer_shapes(model)


@pytest.mark.parametrize(
    ("tensor", "crossing"),
    [
        ("x", ["x"]),
        ("trunk", ["trunk"]),
        ("branch", ["trunk", "branch"]),
        ("scaled", ["trunk", "scaled"]),
        ("sum", ["sum"]),
        ("y", ["y"]),
    ],
)
def test_crossing_tensors_of_a_residual_block(tensor: str, crossing: list[str]) -> None:
    assert crossing_tensors(residual_model().graph, tensor) == crossing


def test_a_cut_through_a_branch_names_what_crosses() -> None:
    with pytest.raises(CutError, match=r"crossed by 2 tensors: trunk, scaled"):
        cut_graph(residual_model(), "scaled")


def test_an_unknown_tensor_lists_the_known() -> None:
    with pytest.raises(CutError, match=r"no tensor 'z' \(choose from trunk, branch"):
        cut_graph(residual_model(), "z")


@pytest.mark.parametrize("tensor", ["trunk", "sum"])
def test_both_sides_of_a_legal_cut_compute_the_whole(tensor: str) -> None:
    model = residual_model()
    first, second = cut_graph(model, tensor)
    onnx.checker.check_model(first)
    onnx.checker.check_model(second)
    value = np.array([1.5, -2.0], dtype=np.float32)
    assert (run(second, run(first, value)) == run(model, value)).all()
    names = {p.name for p in second.graph.initializer}
    assert names == ({"two"} if tensor == "trunk" else set()), (
        "each side carries its own parameters"
    )


def test_every_tensor_of_a_chain_is_a_legal_cut() -> None:
    network = random_network(4)
    model = onnx.shape_inference.infer_shapes(export_standard_onnx(network))
    images = random_input(1, network, 2).astype(np.int8)
    whole = run(model, images)
    legal = 0
    for node in model.graph.node[:-1]:
        tensor = node.output[0]
        if crossing_tensors(model.graph, tensor) != [tensor]:
            continue  # between the thresholds of one layer, where each takes the accumulator
        first, second = cut_graph(model, tensor)
        assert (run(second, run(first, images)) == whole).all()
        legal += 1
    assert legal >= len(network.layers)
