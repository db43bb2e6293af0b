"""The larger networks: as many layers, multiplications and bits of weights as PyTorch says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from brevitas.nn import QuantConv2d, QuantLinear

from dse.plan_networks import planning_chain
from finn_flows.integer_reference import run_integers
from finn_flows.larger_networks import (
    LARGER_NETWORKS,
    larger_network_file,
    larger_network_model,
)
from finn_flows.network import ConvLayer, Network
from finn_flows.network_graph import Branch
from finn_flows.qonnx_branches import has_branches, import_branches
from finn_flows.qonnx_import import import_qonnx
from finn_flows.weights import load_weights
from tests.finn_flows.picture_networks import as_picture, random_pixels

pytestmark = pytest.mark.usefixtures("in_simulation_cache")


@dataclass(frozen=True)
class Facts:
    multiplications: int
    weights: int
    weight_bits: int


def of_modules(name: str) -> list[Facts]:
    """Of each layer with weights, in the order in which PyTorch runs them."""
    model = larger_network_model(name).eval()
    found: list[Facts] = []

    def note(module: torch.nn.Module, _: object, result: torch.Tensor) -> None:
        weights = module.weight
        value = getattr(result, "value", result)
        pixels = value[0, 0].numel() if value.ndim == 4 else 1
        bits = int(module.quant_weight().bit_width)
        found.append(Facts(weights.numel() * pixels, weights.numel(), weights.numel() * bits))

    for module in model.modules():
        if isinstance(module, QuantConv2d | QuantLinear):
            module.register_forward_hook(note)
    with torch.no_grad():
        model(torch.zeros(LARGER_NETWORKS[name].input_shape))
    return found


def of_networks(networks: list[Network]) -> list[Facts]:
    """Of each layer but average pools, which are read as depthwise layers of ones."""
    found = []
    for network in networks:
        for number, layer in network.numbered():
            shape = network.shapes[network.position_of(number) + 1]
            pixels = shape[0] * shape[1] if isinstance(layer, ConvLayer) else 1
            averages = (
                isinstance(layer, ConvLayer) and layer.groups > 1 and (layer.weights == 1).all()
            )
            if not averages:
                count = layer.weights.size
                found.append(Facts(count * pixels, count, count * layer.weight_type.bits))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "layers", "multiplications"),
    [
        # 3 x 1024 behind 784 pixels, 10 classes.
        ("lfc-w1a1", 4, 784 * 1024 + 2 * 1024 * 1024 + 1024 * 10),
        (
            "cnv-wide-w2a2",
            9,
            9 * 128 * (900 * 3 + 784 * 128)
            + 9 * 256 * (144 * 128 + 100 * 256)
            + 9 * 512 * (9 * 256 + 512)
            + 1024 * (512 + 1024 + 10),
        ),
        ("mobilenetv1-w4a4", 28, None),
        # On 32x32 pictures (kuangliu/pytorch-cifar); every group but the first halves the picture.
        ("resnet18-w4a4", 21, 1_769_472 + 150_994_944 + 3 * 134_217_728 + 5120),
    ],
)
def test_a_network_has_the_layers_and_weights_of_its_brevitas_model(
    name: str, layers: int, multiplications: int | None
) -> None:
    path = larger_network_file(name)
    assert has_branches(path) == (name == "resnet18-w4a4")
    if has_branches(path):
        graph = import_branches(path)
        networks = [step.network for step in graph.steps if isinstance(step, Branch)]
    else:
        networks = [import_qonnx(path)]
    read, wanted = of_networks(networks), of_modules(name)
    assert len(read) == layers
    # PyTorch runs a shortcut before or behind its branch; the layers are the same.
    assert sorted(map(repr, read)) == sorted(map(repr, wanted))
    if multiplications is not None:
        assert sum(facts.multiplications for facts in read) == multiplications


@pytest.mark.slow
def test_the_wide_network_answers_as_its_brevitas_model_does() -> None:
    network = import_qonnx(larger_network_file("cnv-wide-w2a2"))
    pixels = random_pixels(3, network, 4)
    with torch.no_grad():
        expected = larger_network_model("cnv-wide-w2a2").eval()(
            torch.from_numpy(as_picture(pixels))
        )
    scores = network.scores(run_integers(network, network.encode_pixels(pixels)))
    assert np.allclose(scores, expected.numpy(), rtol=1e-4, atol=1e-4)


def test_the_wide_network_is_cnv_with_twice_the_channels() -> None:
    from brevitas_examples.bnn_pynq.models import model_with_cfg

    narrow = [tuple(m.weight.shape) for m in _layers(model_with_cfg("cnv_2w2a", False)[0])]
    wide = [tuple(m.weight.shape) for m in _layers(larger_network_model("cnv-wide-w2a2"))]
    last = len(narrow) - 1
    for k, (one, other) in enumerate(zip(narrow, wide, strict=True)):
        outputs, inputs, *kernel = one
        wanted = (outputs * (1 if k == last else 2), inputs * (1 if k == 0 else 2), *kernel)
        assert other == wanted


def _layers(model: torch.nn.Module) -> list[torch.nn.Module]:
    return [m for m in model.modules() if isinstance(m, QuantConv2d | QuantLinear)]


@pytest.mark.slow
def test_a_named_network_has_the_same_weights_every_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = larger_network_file("lfc-w1a1").read_bytes()
    monkeypatch.setenv("SPLIT_DSE_CACHE", str(tmp_path))
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    again = larger_network_file("lfc-w1a1")
    assert again.is_relative_to(tmp_path)
    assert import_qonnx(again).sha256 == import_qonnx(_written(tmp_path, first)).sha256
    assert torch.equal(torch.random.get_rng_state(), before)


def _written(folder: Path, content: bytes) -> Path:
    path = folder / "lfc-w1a1.onnx"
    path.write_bytes(content)
    return path


@pytest.mark.slow
def test_an_mlp_is_planned_as_a_chain_that_can_be_built() -> None:
    chain = planning_chain("lfc-w1a1", "xc7z020clg400-1")
    assert load_weights("lfc-w1a1").network.sha256 == chain.network_sha256
    assert chain.network_sha256 == import_qonnx(larger_network_file("lfc-w1a1")).sha256
    # 1024 bipolar values are 1024 bits.
    assert [boundary.bytes_per_image for boundary in chain.boundaries] == [128, 128, 128]
