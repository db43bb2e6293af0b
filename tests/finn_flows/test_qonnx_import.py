"""Chains that people build with Brevitas themselves, and files that cannot be taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import brevitas.nn as qnn
import numpy as np
import onnx
import pytest
import torch
from brevitas.quant import (
    Int8ActPerTensorFloat,
    Int8Bias,
    Int8WeightPerChannelFloat,
    Int8WeightPerTensorFixedPoint,
    Uint8ActPerTensorFloat,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from dse.errors import DseError, NetworkError, NetworkFileError
from finn_flows.brevitas_export import brevitas_to_qonnx
from finn_flows.integer_reference import run_integers
from finn_flows.network import ConvLayer, Network
from finn_flows.qonnx_export import export_qonnx
from finn_flows.qonnx_import import SUPPORTED_OPERATORS, import_qonnx
from tests.finn_flows.picture_networks import as_picture, random_pixels
from tests.random_networks import random_network


def settled(model: nn.Module, size: tuple[int, ...]) -> nn.Module:
    """With learned scales and statistics in place, and gammas of both signs."""
    torch.manual_seed(2)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(module.weight, std=1.5)
            nn.init.normal_(module.bias, std=0.3)
    model.train()
    for _ in range(20):
        model(torch.rand(16, *size))
    return model.eval()


def compare(model: nn.Module, size: tuple[int, ...], images: int = 64) -> Network:
    """The imported network, which answers as PyTorch does.

    Scales that are no powers of two make PyTorch's sums inexact: where an accumulator falls on a
    boundary to the last bit, it may come out on the other side. Hardly any picture meets one.
    """
    network = import_qonnx(brevitas_to_qonnx(model, (1, *size)))
    pixels = random_pixels(3, network, images)
    with torch.no_grad():
        expected = model(torch.from_numpy(as_picture(pixels))).numpy()
    scores = network.scores(run_integers(network, network.encode_pixels(pixels)))
    expected = expected.reshape(images, -1)
    wrong = ~np.isclose(scores.reshape(images, -1), expected, rtol=1e-4, atol=1e-4).all(axis=1)
    assert wrong.sum() <= 1
    assert np.unique(expected.round(3), axis=0).shape[0] > images // 2
    return network


def test_relu_of_four_bits_with_scales_per_channel_bias_and_pools() -> None:
    torch.manual_seed(1)
    weights = {"weight_quant": Int8WeightPerChannelFloat, "weight_bit_width": 4}
    model = nn.Sequential(
        qnn.QuantIdentity(act_quant=Uint8ActPerTensorFloat, bit_width=6),
        qnn.QuantConv2d(3, 8, 3, padding=1, bias=True, **weights),
        qnn.QuantReLU(bit_width=4),
        nn.MaxPool2d(2),
        qnn.QuantConv2d(8, 8, 3, stride=2, groups=8, bias=False, **weights),
        nn.BatchNorm2d(8),
        qnn.QuantReLU(bit_width=4),
        qnn.QuantConv2d(8, 12, (1, 3), bias=False, **weights),
        nn.BatchNorm2d(12),
        nn.Hardtanh(-2, 2),
        qnn.QuantIdentity(act_quant=Int8ActPerTensorFloat, bit_width=3),
        nn.Flatten(),
        qnn.QuantLinear(12 * 3 * 2, 20, bias=True, **weights),
        nn.BatchNorm1d(20),
        qnn.QuantReLU(bit_width=4),
        qnn.QuantLinear(20, 5, bias=True, **weights),
    )
    network = compare(settled(model, (3, 16, 20)), (3, 16, 20))
    assert network.input_shape == (16, 20, 3)
    assert network.input_type.name == "UINT6"
    layers = [layer for _, layer in network.numbered()]
    assert [layer.output_type.name for layer in layers[:-1]] == ["UINT4", "UINT4", "INT3", "UINT4"]
    assert isinstance(layers[1], ConvLayer)
    assert (layers[1].groups, layers[1].stride) == (8, (2, 2))
    assert network.class_scores is not None
    assert len(np.unique(network.class_scores.scale)) == 5  # one per output channel
    assert network.class_scores.offset.all()  # the bias


def test_powers_of_two_are_exact() -> None:
    torch.manual_seed(4)
    from brevitas.quant import Int8ActPerTensorFixedPoint, Uint8ActPerTensorFixedPoint

    weights = {"weight_quant": Int8WeightPerTensorFixedPoint, "weight_bit_width": 4, "bias": False}
    model = nn.Sequential(
        qnn.QuantConv2d(1, 6, 3, **weights, input_quant=Int8ActPerTensorFixedPoint),
        qnn.QuantReLU(act_quant=Uint8ActPerTensorFixedPoint, bit_width=2),
        nn.Flatten(),
        qnn.QuantLinear(6 * 6 * 4, 4, **weights),
    )
    model = settled(model, (1, 8, 6))
    network = import_qonnx(brevitas_to_qonnx(model, (1, 1, 8, 6)))
    pixels = random_pixels(5, network, 256)
    with torch.no_grad():
        expected = model(torch.from_numpy(as_picture(pixels))).numpy()
    scores = network.scores(run_integers(network, network.encode_pixels(pixels)))
    np.testing.assert_array_equal(scores, expected)


def test_max_pool_before_a_falling_batch_norm_is_turned_round() -> None:
    torch.manual_seed(6)
    weights = {"weight_bit_width": 3, "bias": False}
    model = nn.Sequential(
        qnn.QuantIdentity(bit_width=8),
        qnn.QuantConv2d(2, 6, 3, **weights),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(6),
        qnn.QuantIdentity(bit_width=3, narrow_range=True),
        qnn.QuantConv2d(6, 6, 3, **weights),
        nn.BatchNorm2d(6),
        qnn.QuantIdentity(bit_width=3, narrow_range=True),
        nn.Flatten(),
        qnn.QuantLinear(6 * 9, 4, **weights),
    )
    model = settled(model, (2, 12, 12))
    gammas = next(m for m in model.modules() if isinstance(m, nn.BatchNorm2d)).weight
    assert (gammas < 0).any()
    assert (gammas > 0).any()
    compare(model, (2, 12, 12))


def test_max_pool_before_a_falling_function_to_unsigned_is_refused() -> None:
    model = nn.Sequential(
        qnn.QuantConv2d(1, 4, 3, bias=False, weight_bit_width=3),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(4),
        qnn.QuantReLU(bit_width=2),
        nn.Flatten(),
        qnn.QuantLinear(4 * 9, 3, bias=False, weight_bit_width=3),
    )
    model = settled(model, (1, 8, 8))
    with pytest.raises(NetworkError, match=r"MaxPool node .* falls in channel .*UINT2"):
        import_qonnx(brevitas_to_qonnx(model, (1, 1, 8, 8)))


def test_average_pool_becomes_a_depthwise_convolution() -> None:
    torch.manual_seed(7)
    model = nn.Sequential(
        qnn.QuantIdentity(bit_width=8),
        qnn.QuantConv2d(3, 6, 3, bias=False, weight_bit_width=3),
        qnn.QuantReLU(bit_width=3),
        nn.AvgPool2d(2),
        qnn.QuantReLU(bit_width=3),
        nn.Flatten(),
        qnn.QuantLinear(6 * 9, 4, bias=False, weight_bit_width=3),
    )
    network = compare(settled(model, (3, 8, 8)), (3, 8, 8))
    assert isinstance(network.layers[1], ConvLayer)
    assert network.layers[1].groups == 6
    assert (network.layers[1].weights == 1).all()


def test_the_truncating_average_pool_of_brevitas() -> None:
    torch.manual_seed(10)
    model = nn.Sequential(
        qnn.QuantIdentity(bit_width=8, return_quant_tensor=True),
        qnn.QuantConv2d(3, 6, 3, bias=False, weight_bit_width=3),
        qnn.QuantReLU(bit_width=3, return_quant_tensor=True),
        qnn.TruncAvgPool2d(2),
        nn.Flatten(),
        qnn.QuantLinear(6 * 9, 4, bias=False, weight_bit_width=3),
    )
    network = compare(settled(model, (3, 8, 8)), (3, 8, 8))
    assert isinstance(network.layers[1], ConvLayer)
    assert network.layers[1].groups == 6


def test_a_bias_quantised_to_integers() -> None:
    torch.manual_seed(8)
    model = nn.Sequential(
        qnn.QuantIdentity(bit_width=4, return_quant_tensor=True),
        qnn.QuantConv2d(1, 4, 3, bias=True, weight_bit_width=4, bias_quant=Int8Bias),
        qnn.QuantReLU(bit_width=4),
        nn.Flatten(),
        qnn.QuantLinear(4 * 36, 3, bias=False, weight_bit_width=4),
    )
    compare(settled(model, (1, 8, 8)), (1, 8, 8))


def test_a_quantised_result_keeps_its_scale() -> None:
    torch.manual_seed(11)
    weights = {"weight_bit_width": 4, "bias": False}
    model = nn.Sequential(
        qnn.QuantIdentity(bit_width=8),
        qnn.QuantConv2d(3, 8, 3, **weights),
        qnn.QuantReLU(bit_width=4),
        nn.Flatten(),
        qnn.QuantLinear(8 * 36, 5, **weights),
        nn.BatchNorm1d(5),
        qnn.QuantReLU(bit_width=6),
    )
    network = compare(settled(model, (3, 8, 8)), (3, 8, 8))
    assert network.output_type.name == "UINT6"
    assert network.class_scores is not None
    assert len(np.unique(network.class_scores.scale)) == 1
    assert network.class_scores.scale[0] != 1
    assert not network.class_scores.offset.any()


def test_a_quantised_map_with_a_pool_and_scales_per_channel_behind_it() -> None:
    torch.manual_seed(12)
    model = nn.Sequential(
        qnn.QuantIdentity(bit_width=8),
        qnn.QuantConv2d(3, 4, 3, bias=False, weight_bit_width=4),
        qnn.QuantIdentity(bit_width=4, narrow_range=True),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(4),
    )
    model = settled(model, (3, 8, 8))
    network = import_qonnx(brevitas_to_qonnx(model, (1, 3, 8, 8)))
    pixels = random_pixels(3, network, 64)
    with torch.no_grad():
        expected = model(torch.from_numpy(as_picture(pixels))).numpy()
    scores = network.scores(run_integers(network, network.encode_pixels(pixels)))
    wrong = ~np.isclose(scores, np.moveaxis(expected, 1, -1), rtol=1e-4, atol=1e-4).all((1, 2, 3))
    assert wrong.sum() <= 1
    assert network.class_scores is not None
    assert network.class_scores.scale.min() < 0  # a gamma of either sign
    assert len(np.unique(network.class_scores.offset)) == 4


@pytest.mark.parametrize(
    "function",
    [
        nn.Tanh(),
        nn.Sigmoid(),
        nn.LeakyReLU(0.2),
        nn.PReLU(6),
        nn.ELU(0.7),
        nn.SELU(),
        nn.CELU(1.3),
        nn.Hardsigmoid(),
        nn.ReLU6(),
    ],
    ids=lambda function: type(function).__name__,
)
def test_a_monotone_function_before_a_quantiser(function: nn.Module) -> None:
    torch.manual_seed(13)
    model = nn.Sequential(
        qnn.QuantIdentity(bit_width=8),
        qnn.QuantConv2d(3, 6, 3, bias=False, weight_bit_width=4),
        nn.BatchNorm2d(6),  # gammas of both signs: functions that fall
        function,
        qnn.QuantIdentity(bit_width=4),
        nn.Flatten(),
        qnn.QuantLinear(6 * 36, 4, bias=True, weight_bit_width=4),
    )
    compare(settled(model, (3, 8, 8)), (3, 8, 8))


@pytest.mark.parametrize(
    "function", [nn.LeakyReLU(-0.2), nn.PReLU(6, init=-0.1), nn.ELU(-0.7)], ids=str
)
def test_a_function_that_turns_round_is_refused(function: nn.Module) -> None:
    model = nn.Sequential(
        qnn.QuantConv2d(1, 6, 3, bias=False, weight_bit_width=4),
        function,
        qnn.QuantIdentity(bit_width=4),
        nn.Flatten(),
        qnn.QuantLinear(6 * 36, 3, bias=False, weight_bit_width=4),
    ).eval()
    with pytest.raises(NetworkError, match=r"Relu node .* has (alpha|slope) -0|Elu node .* -0\.7"):
        import_qonnx(brevitas_to_qonnx(model, (1, 1, 8, 8)))


def _averaged(*pool: nn.Module) -> nn.Module:
    torch.manual_seed(14)
    return settled(
        nn.Sequential(
            qnn.QuantIdentity(bit_width=8),
            qnn.QuantConv2d(3, 6, 3, bias=False, weight_bit_width=3),
            qnn.QuantReLU(bit_width=3),
            *pool,
            qnn.QuantReLU(bit_width=5),
            nn.Flatten(),
            qnn.QuantLinear(6, 4, bias=False, weight_bit_width=3),
        ),
        (3, 8, 10),
    )


class _Mean(nn.Module):
    """Over height and width, without keeping them."""

    def __init__(self, axes: tuple[int, ...]) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(self.axes)


@pytest.mark.parametrize("pool", [nn.AdaptiveAvgPool2d(1), _Mean((2, 3)), _Mean((-1, -2))], ids=str)
def test_the_mean_of_an_image_is_a_global_average_pool(pool: nn.Module) -> None:
    model = _averaged(pool)
    operators = {node.op_type for node in brevitas_to_qonnx(model, (1, 3, 8, 10)).graph.node}
    assert "ReduceMean" in operators
    network = compare(model, (3, 8, 10))
    assert isinstance(network.layers[1], ConvLayer)
    assert network.layers[1].kernel == (6, 8)
    assert network.layers[1].groups == 6


def test_the_mean_over_other_axes_is_refused() -> None:
    model = brevitas_to_qonnx(_averaged(nn.AdaptiveAvgPool2d(1)), (1, 3, 8, 10))
    mean = _node(model, "ReduceMean")
    mean.input[1] = "other_axes"
    axes = onnx.numpy_helper.from_array(np.array([1, 2]), "other_axes")
    model.graph.initializer.append(axes)
    with pytest.raises(NetworkError, match=r"ReduceMean node .* averages nchw over axes \[1, 2\]"):
        import_qonnx(model)


@pytest.mark.parametrize("last", [nn.Softmax(dim=1), nn.LogSoftmax(dim=-1)], ids=str)
def test_scores_are_those_before_a_last_softmax(last: nn.Module) -> None:
    layers = _small_brevitas()
    before = compare(layers, (2, 6, 8))
    network = import_qonnx(brevitas_to_qonnx(nn.Sequential(layers, last).eval(), (1, 2, 6, 8)))
    assert network.sha256 == before.sha256
    pixels = random_pixels(6, network, 32)
    scores = network.scores(run_integers(network, network.encode_pixels(pixels)))
    with torch.no_grad():
        expected = last(layers(torch.from_numpy(as_picture(pixels)))).numpy()
    np.testing.assert_allclose(last(torch.from_numpy(scores)), expected, atol=1e-4)
    assert (scores.argmax(1) == expected.argmax(1)).all()


def test_a_softmax_elsewhere_is_refused() -> None:
    layers = _small_brevitas()
    for more, words in (
        ((nn.Softmax(dim=1), qnn.QuantIdentity(bit_width=4)), "follows Softmax node"),
        ((nn.Softmax(dim=0),), r"Softmax node .* works on axis 0 of nf"),
    ):
        model = nn.Sequential(layers, *more).eval()
        with pytest.raises(NetworkError, match=words):
            import_qonnx(brevitas_to_qonnx(model, (1, 2, 6, 8)))


@pytest.mark.parametrize("pool", [nn.MaxPool2d(3, 2, 1), nn.MaxPool2d((2, 1))], ids=str)
def test_a_padded_or_rectangular_max_pool_is_refused(pool: nn.Module) -> None:
    model = nn.Sequential(
        qnn.QuantConv2d(1, 2, 3, bias=False, weight_bit_width=4), qnn.QuantReLU(bit_width=2), pool
    ).eval()
    with pytest.raises(NetworkError, match=r"MaxPool node .* expected a square window, .* no pad"):
        import_qonnx(brevitas_to_qonnx(model, (1, 1, 8, 8)))


def _small_brevitas() -> nn.Module:
    torch.manual_seed(9)
    weights = {"weight_bit_width": 3, "bias": False}
    model = nn.Sequential(
        qnn.QuantIdentity(bit_width=8),
        qnn.QuantConv2d(2, 4, 3, **weights),
        nn.BatchNorm2d(4),
        qnn.QuantReLU(bit_width=3),
        nn.Flatten(),
        qnn.QuantLinear(4 * 4 * 6, 5, weight_bit_width=3, bias=True),
    )
    return settled(model, (2, 6, 8))


@pytest.mark.filterwarnings("ignore:The GemmToMatMul")
def test_a_graph_that_qonnx_has_cleaned_up_is_the_same() -> None:
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.gemm_to_matmul import GemmToMatMul
    from qonnx.util.cleanup import cleanup_model

    model = brevitas_to_qonnx(_small_brevitas(), (1, 2, 6, 8))
    cleaned = cleanup_model(ModelWrapper(model)).transform(GemmToMatMul()).model
    assert [n.op_type for n in cleaned.graph.node] != [n.op_type for n in model.graph.node]
    assert import_qonnx(cleaned).sha256 == import_qonnx(model).sha256


def test_a_flatten_that_asks_for_the_shape_as_older_exporters_write_it() -> None:
    model = brevitas_to_qonnx(_small_brevitas(), (1, 2, 6, 8))
    expected = import_qonnx(model).sha256
    nodes = list(model.graph.node)
    place = next(i for i, node in enumerate(nodes) if node.op_type in ("Reshape", "Flatten"))
    data, flat = nodes[place].input[0], nodes[place].output[0]
    for name, value in (("index", 0), ("axis", [0]), ("rest", [-1])):
        model.graph.initializer.append(
            onnx.numpy_helper.from_array(np.array(value, dtype=np.int64), name)
        )
    make = onnx.helper.make_node
    nodes[place : place + 1] = [
        make("Shape", [data], ["shape"]),
        make("Gather", ["shape", "index"], ["batch"], axis=0),
        make("Unsqueeze", ["batch", "axis"], ["batch_list"]),
        make("Concat", ["batch_list", "rest"], ["target"], axis=0),
        make("Reshape", [data, "target"], [flat]),
    ]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    assert import_qonnx(model).sha256 == expected


class _Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = qnn.QuantConv2d(3, 4, 3, padding=1, bias=False, weight_bit_width=2)
        self.act = qnn.QuantReLU(bit_width=2)
        self.second = qnn.QuantConv2d(4, 4, 3, padding=1, bias=False, weight_bit_width=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.act(self.first(x))
        return self.act(self.second(x) + x)


def test_a_branch_is_refused_with_the_tensors_live_there() -> None:
    model = brevitas_to_qonnx(_Residual(), (1, 3, 8, 8))
    convs = [node for node in model.graph.node if node.op_type == "Conv"]
    add = next(node for node in model.graph.node if node.op_type == "Add")
    shared = convs[1].input[0]
    assert shared in add.input
    with pytest.raises(NetworkError) as caught:
        import_qonnx(model)
    message = str(caught.value)
    assert f"tensor {shared!r} branches" in message
    assert (
        f"{shared}, {convs[1].output[0]}" in message or f"{convs[1].output[0]}, {shared}" in message
    )
    assert "live together" in message


def _whole() -> onnx.ModelProto:
    network = replace(random_network(1), pixel_table=np.arange(-128, 128)[None])
    return export_qonnx(network)


def _node(model: onnx.ModelProto, operator: str) -> onnx.NodeProto:
    return next(node for node in model.graph.node if node.op_type == operator)


def _sine(model: onnx.ModelProto) -> None:
    node = _node(model, "BatchNormalization")
    node.op_type = "Sin"
    del node.input[1:], node.attribute[:]


def _plain_weights(model: onnx.ModelProto) -> None:
    _node(model, "Conv").input[1] = "conv0_weights"


def _too_few_inputs(model: onnx.ModelProto) -> None:
    del _node(model, "Quant").input[3:]


def _unknown_type(model: onnx.ModelProto) -> None:
    next(t for t in model.graph.initializer if t.name == "conv0_weights").data_type = 77


def _no_text(model: onnx.ModelProto) -> None:
    _node(model, "Conv").attribute.append(onnx.helper.make_attribute("auto_pad", b"\xff"))


def _dilated(model: onnx.ModelProto) -> None:
    next(a for a in _node(model, "Conv").attribute if a.name == "dilations").ints[:] = [2, 2]


def _lopsided(model: onnx.ModelProto) -> None:
    next(a for a in _node(model, "Conv").attribute if a.name == "pads").ints[:] = [1, 0, 0, 0]


def _unquantised(model: onnx.ModelProto) -> None:
    quant = _node(model, "Quant")
    conv = [node for node in model.graph.node if node.op_type == "Conv"][1]
    activation = next(node for node in model.graph.node if node.output[0] == conv.input[0])
    assert quant is not activation
    conv.input[0] = activation.input[0]


def _no_such_tensor(model: onnx.ModelProto) -> None:
    _node(model, "BatchNormalization").input[1] = "nowhere"


def _two_results(model: onnx.ModelProto) -> None:
    model.graph.output.append(model.graph.value_info[0])


def _zero_point(model: onnx.ModelProto) -> None:
    one = next(t for t in model.graph.initializer if t.name == "one")
    quant = next(n for n in model.graph.node if n.output[0] == _node(model, "Conv").input[1])
    quant.input[2] = one.name


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_sine, rf"Sin node 'conv0_normalised' is not supported.*{SUPPORTED_OPERATORS[0]}"),
        (_plain_weights, "weights 'conv0_weights' of Conv node 'conv0' are not quantised"),
        (_dilated, r"Conv node 'conv0' has dilations \[2, 2\]"),
        (_lopsided, r"Conv node 'conv0' has padding \[1, 0, 0, 0\]; expected symmetric"),
        (_unquantised, "between Conv node 'conv0' and Conv node 'conv1' nothing is quantised"),
        (_no_such_tensor, "tensor 'nowhere' is used but never made"),
        (_two_results, "2 results"),
        (_too_few_inputs, "Quant node .* has 3 inputs; expected at least 4"),
        (_unknown_type, "parameter 'conv0_weights' has the unknown element type 77"),
        (_no_text, "Conv node 'conv0' has an attribute that is not text"),
        (_zero_point, "weights of Conv node 'conv0' have a zero point"),
    ],
)
def test_what_integers_cannot_carry_is_named(
    damage: Callable[[onnx.ModelProto], None], words: str, tmp_path: Path
) -> None:
    model = _whole()
    import_qonnx(model)  # sound before
    damage(model)
    path = tmp_path / "odd.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(NetworkError, match=rf"odd\.onnx: .*{words}") as caught:
        import_qonnx(path)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_onnx(tmp_path: Path) -> None:
    path = tmp_path / "wrong.onnx"
    with pytest.raises(NetworkFileError, match=r"wrong\.onnx: cannot read"):
        import_qonnx(path)
    whole = _whole().SerializeToString()
    for content in (
        b"",
        b"This is not a model.",
        b"\x00" * 100,
        whole[:-1],
        whole[: len(whole) // 3],
    ):
        path.write_bytes(content)
        with pytest.raises(NetworkFileError, match=r"wrong\.onnx"):
            import_qonnx(path)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_file_never_gives_anything_but_our_errors(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(_whole().SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "damaged.onnx"
    path.write_bytes(content)
    try:
        network = import_qonnx(path)
    except DseError as error:
        message = str(error)
    else:
        # What was hit decides nothing, or is a sound network of other numbers.
        message = f"{path} {network.sha256}"
    assert "damaged.onnx" in message


def _save_with_data_beside(network: Network, folder: Path) -> Path:
    folder.mkdir()
    path = folder / "net.onnx"
    onnx.save(
        export_qonnx(network),
        str(path),
        save_as_external_data=True,
        location="net.data",
        size_threshold=0,
    )
    return path


def test_external_data_lies_beside_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in the folder that dse is started from, where data of another model may lie."""
    table = np.arange(-128, 128)[None]
    network, other = (replace(random_network(seed), pixel_table=table) for seed in (1, 2))
    path = _save_with_data_beside(network, tmp_path / "mine")
    decoy = _save_with_data_beside(other, tmp_path / "decoy")
    monkeypatch.chdir(decoy.parent)
    assert import_qonnx(path).sha256 == network.sha256 != other.sha256
    assert import_qonnx("net.onnx").sha256 == other.sha256
    (path.parent / "net.data").unlink()
    with pytest.raises(NetworkFileError, match=r"net\.onnx: cannot read its external data.*mine"):
        import_qonnx(path)
    with pytest.raises(NetworkError, match="lies outside the model"):
        import_qonnx(onnx.load(path, load_external_data=False))


def test_external_data_cut_short(tmp_path: Path) -> None:
    network = replace(random_network(1), pixel_table=np.arange(-128, 128)[None])
    path = _save_with_data_beside(network, tmp_path / "mine")
    data = path.parent / "net.data"
    data.write_bytes(data.read_bytes()[:-1])
    with pytest.raises(NetworkFileError, match=r"net\.onnx: cannot read its external data"):
        import_qonnx(path)


def test_a_bug_of_ours_is_not_blamed_on_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sound.onnx"
    path.write_bytes(_whole().SerializeToString())

    def bug(*_: object) -> None:
        raise IndexError("a bug of ours")

    monkeypatch.setattr("finn_flows.qonnx_import.quantised_weights", bug)
    with pytest.raises(IndexError, match="a bug of ours"):
        import_qonnx(path)
    damaged = _whole()
    _node(damaged, "Conv").ClearField("input")
    path.write_bytes(damaged.SerializeToString())
    with pytest.raises(NetworkError, match=r"sound\.onnx"):
        import_qonnx(path)


@pytest.mark.parametrize("text", ["[1, 2", '"cat"', "{}", '["only", "three", "names"]'])
def test_class_names_that_do_not_fit_are_named(text: str, tmp_path: Path) -> None:
    model = _whole()
    onnx.helper.set_model_props(model, {"class_names": text})
    path = tmp_path / "names.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(NetworkError, match=r"names\.onnx: .*(class_names|3 class names)"):
        import_qonnx(path)
