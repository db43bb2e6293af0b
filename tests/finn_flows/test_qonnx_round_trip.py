"""Canonical network -> QONNX -> canonical network, and what qonnx computes in between."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx

from finn_flows.integer_reference import run_integers
from finn_flows.integer_type import IntegerType
from finn_flows.network import DenseLayer, Network, accumulator_range_per_channel
from finn_flows.qonnx_export import export_qonnx
from finn_flows.qonnx_import import import_qonnx
from tests.finn_flows.bnn_pynq_networks import random_published
from tests.finn_flows.picture_networks import as_picture, picture_networks, random_pixels
from tests.random_networks import random_cnv, random_input, random_network


def logits_by_qonnx(model: onnx.ModelProto, tensor: np.ndarray) -> np.ndarray:
    """The tensor ``logits`` (or the result, of a network that ends in an activation)."""
    context = execute_onnx(ModelWrapper(model), {"image": tensor}, return_full_exec_context=True)
    name = "logits" if "logits" in context else model.graph.output[0].name
    value = np.asarray(context[name])
    return np.moveaxis(value, 1, -1) if value.ndim == 4 else value


@settings(max_examples=60, deadline=None)
@given(network=picture_networks(), seed=st.integers(0, 2**32 - 1))
def test_qonnx_computes_the_integers_and_comes_back(network: Network, seed: int) -> None:
    model = export_qonnx(network)
    pixels = random_pixels(seed, network, 1)
    expected = run_integers(network, network.encode_pixels(pixels))
    np.testing.assert_array_equal(logits_by_qonnx(model, as_picture(pixels)), expected)

    back = import_qonnx(model, "again")
    assert back.structure() == network.structure()
    for name, array in network.arrays().items():
        np.testing.assert_array_equal(back.arrays()[name], array, err_msg=name)
    assert back.sha256 == network.sha256


@pytest.mark.parametrize(
    "activation", [IntegerType.signed(2, narrow=True), IntegerType.unsigned(4)]
)
def test_a_part_takes_integers(activation: IntegerType) -> None:
    network = random_network(3, input_type=activation, activation=activation)
    tensor = random_input(4, network, 1)
    got = logits_by_qonnx(export_qonnx(network), np.moveaxis(tensor, -1, 1).astype(np.float32))
    np.testing.assert_array_equal(got, run_integers(network, tensor))


def test_a_network_that_ends_in_an_activation() -> None:
    network = random_network(5, layers=("conv4", "conv3", "dense6", "dense4"))
    ended = replace(
        network,
        layers=network.layers[:-1],
        pixel_table=np.arange(-128, 128)[None],
    )
    assert import_qonnx(export_qonnx(ended)).sha256 == ended.sha256


@pytest.mark.parametrize("name", ["cnvW2A2", "lfcW1A1", "lfcW1A2"])
def test_scores_of_the_last_integers_come_back(name: str) -> None:
    """LFC ends in bits, +1 or -1, that BNN-PYNQ's host scores with the number of the class."""
    network = random_published(name)
    back = import_qonnx(export_qonnx(network))
    assert back.output_type == network.output_type
    assert back.sha256 == network.sha256


def test_equal_and_saturated_thresholds_survive() -> None:
    network = random_network(6, layers=("dense8", "dense3"))
    first = network.layers[0]
    assert isinstance(first, DenseLayer)
    assert first.thresholds is not None
    least, greatest = accumulator_range_per_channel(first.weights, network.input_type)
    thresholds = first.thresholds.copy()
    thresholds[0], thresholds[1] = 7, -3  # both equal: the value in the middle never comes
    thresholds[2], thresholds[3] = least[2], greatest[3] + 1
    thresholds[4] = least[4], greatest[4] + 1
    changed = replace(
        network,
        layers=(replace(first, thresholds=thresholds), *network.layers[1:]),
        pixel_table=np.arange(-128, 128)[None],
    )
    model = export_qonnx(changed)
    assert "MultiThreshold" not in {node.op_type for node in model.graph.node}
    assert import_qonnx(model).sha256 == changed.sha256
    pixels = random_pixels(1, changed, 1)
    expected = run_integers(changed, changed.encode_pixels(pixels))
    np.testing.assert_array_equal(logits_by_qonnx(model, as_picture(pixels)), expected)


def test_class_names_travel_along() -> None:
    network = replace(
        random_network(7), pixel_table=np.arange(-128, 128)[None], class_names=tuple("abcde")
    )
    assert import_qonnx(export_qonnx(network)).class_names == tuple("abcde")


def test_the_size_of_cnv(tmp_path: Path) -> None:
    network = replace(random_cnv(8), pixel_table=np.arange(-128, 128)[None])
    path = tmp_path / "cnv.onnx"
    onnx.save(export_qonnx(network), str(path))
    assert import_qonnx(path).sha256 == network.sha256
    assert import_qonnx(path).name == "cnv"


def test_bnn_pynq_integers_in_qonnx(bnn_pynq_directory: Path, shared: Path) -> None:
    from dse.pictures import load_picture
    from finn_flows.bnn_pynq import read_bnn_pynq

    network = read_bnn_pynq(bnn_pynq_directory).network
    model = export_qonnx(network)
    pixels = load_picture(shared / "bnn_pynq" / "images" / "deer.jpg", (32, 32, 3))[None]
    golden = [-24, -34, -21, -13, 244, 4, -7, -20, -27, -13]
    assert logits_by_qonnx(model, as_picture(pixels))[0].tolist() == golden
    assert import_qonnx(model).sha256 == network.sha256


def test_what_is_exported_passes_the_checker_of_onnx() -> None:
    network = random_network(
        9, input_shape=(14, 14, 3), layers=("conv4", "pool", "pool", "pool", "dense5")
    )
    model = export_qonnx(network)
    onnx.checker.check_model(model, full_check=True)
    results = [name for node in model.graph.node for name in node.output]
    assert len(results) == len(set(results))
