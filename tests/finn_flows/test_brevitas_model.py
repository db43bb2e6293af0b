"""The canonical network against PyTorch: Brevitas' own models, and integers carried into them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from brevitas_examples.bnn_pynq.models import model_with_cfg

from dse.errors import NetworkError, NetworkFileError
from finn_flows.brevitas_export import brevitas_to_qonnx
from finn_flows.brevitas_model import (
    ARCHITECTURES,
    load_brevitas_checkpoint,
    network_to_brevitas,
    save_brevitas_checkpoint,
)
from finn_flows.integer_reference import run_integers
from finn_flows.network import Network
from finn_flows.qonnx_import import import_qonnx
from tests.finn_flows.picture_networks import as_picture, random_pixels
from tests.random_networks import random_network

GOLDEN_DEER = [-24, -34, -21, -13, 244, 4, -7, -20, -27, -13]


def random_model(architecture: str, seed: int = 0) -> torch.nn.Module:
    """A model with random weights and plausible statistics, half of its gammas negative."""
    torch.manual_seed(seed)
    model, _ = model_with_cfg(architecture, False)
    size = (3, 32, 32) if architecture.startswith("cnv") else (1, 28, 28)
    model.train()
    for _ in range(3):
        model(torch.rand(16, *size))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.weight)
            torch.nn.init.normal_(module.bias, std=0.3)
    return model.eval()


def forward(model: torch.nn.Module, pixels: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return model(torch.from_numpy(as_picture(pixels))).numpy()


def assert_same(network: Network, model: torch.nn.Module, images: int = 32) -> None:
    """Scores agree to float32; one differing activation would move them by a whole step."""
    pixels = random_pixels(9, network, images)
    logits = run_integers(network, network.encode_pixels(pixels))
    step = 1.0 if network.class_scores is None else np.abs(network.class_scores.scale).min()
    difference = np.abs(network.scores(logits) - forward(model, pixels)).max()
    assert difference < 1e-3 * step
    assert len(np.unique(logits)) > 10  # not a network that answers the same to everything


# Half a minute less for `make test`: the others of each family stand for these.
SLOW = {"cnv_1w1a", "cnv_1w2a", "lfc_1w1a", "sfc_1w1a", "sfc_1w2a", "sfc_2w2a", "tfc_2w2a"}


@pytest.mark.parametrize(
    "architecture",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else [])
        for name in ARCHITECTURES
    ],
)
def test_a_checkpoint_of_every_architecture(architecture: str, tmp_path: Path) -> None:
    model = random_model(architecture)
    path = tmp_path / "checkpoint.pth"
    torch.save(model.state_dict(), path)
    network = load_brevitas_checkpoint(path, architecture)
    assert_same(network, model)
    weights, activations = re.fullmatch(r"\w+_(\d)w(\d)a", architecture).groups()  # type: ignore[union-attr]
    layers = [layer for _, layer in network.numbered()]
    assert {layer.weight_type.bits for layer in layers} == {int(weights)}
    assert {layer.output_type.bits for layer in layers[:-1]} == {int(activations)}


@pytest.mark.parametrize(
    "architecture",
    [
        pytest.param("cnv_1w1a", marks=pytest.mark.slow),
        pytest.param("cnv_1w2a", marks=pytest.mark.slow),
        "cnv_2w2a",
        "tfc_1w1a",
        pytest.param("sfc_2w2a", marks=pytest.mark.slow),
    ],
)
def test_integers_go_into_a_state_dict_and_come_back(architecture: str, tmp_path: Path) -> None:
    size = (1, 3, 32, 32) if architecture.startswith("cnv") else (1, 1, 28, 28)
    original = import_qonnx(brevitas_to_qonnx(random_model(architecture, 3), size), architecture)
    model, state = network_to_brevitas(original)
    assert_same(original, model)
    untrained, _ = model_with_cfg(architecture, False)
    untrained.load_state_dict(state, strict=True)
    assert import_qonnx(brevitas_to_qonnx(untrained, size)).sha256 == original.sha256

    path = tmp_path / "written.pth"
    save_brevitas_checkpoint(original, path)
    assert load_brevitas_checkpoint(path).sha256 == original.sha256


def test_bnn_pynq_integers_in_brevitas(bnn_pynq_directory: Path, shared: Path) -> None:
    from dse.pictures import load_picture
    from finn_flows.bnn_pynq import read_bnn_pynq

    network = read_bnn_pynq(bnn_pynq_directory).network
    deer = load_picture(shared / "bnn_pynq" / "images" / "deer.jpg", (32, 32, 3))[None]
    model, _ = network_to_brevitas(network)
    assert forward(model, deer)[0].tolist() == GOLDEN_DEER

    pixels = random_pixels(1, network, 64)
    logits = run_integers(network, network.encode_pixels(pixels))
    np.testing.assert_array_equal(forward(model, pixels), logits)

    back = import_qonnx(brevitas_to_qonnx(model, (1, 3, 32, 32)))
    assert run_integers(back, back.encode_pixels(deer))[0].tolist() == GOLDEN_DEER
    assert back.class_scores is None
    for name, array in network.arrays().items():
        np.testing.assert_array_equal(back.arrays()[name], array, err_msg=name)


@pytest.mark.slow
def test_what_names_the_architecture(tmp_path: Path) -> None:
    state = random_model("tfc_1w2a").state_dict()
    expected = None
    for name, content, architecture in (
        ("any.pth", state, "tfc_1w2a"),
        ("any.pth", state, "TFC_1W2A"),
        ("tfc_1w2a-0123abcd.pth", state, None),
        ("any.tar", {"state_dict": state, "arch": "tfc_1w2a", "epoch": 3}, None),
        ("any.pth", {f"module.{key}": value for key, value in state.items()}, "tfc_1w2a"),
    ):
        torch.save(content, tmp_path / name)
        found = load_brevitas_checkpoint(tmp_path / name, architecture).sha256
        expected = expected or found
        assert found == expected
    torch.save(state, tmp_path / "any.pth")
    with pytest.raises(NetworkFileError, match=r"any\.pth.*tfc_1w1a, tfc_1w2a, tfc_2w2a"):
        load_brevitas_checkpoint(tmp_path / "any.pth")


def test_files_that_are_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "wrong.pth"
    with pytest.raises(NetworkFileError, match=r"wrong\.pth: cannot read"):
        load_brevitas_checkpoint(path)
    state = random_model("tfc_1w1a").state_dict()
    torch.save(state, path)
    whole = path.read_bytes()
    for damaged in (b"", b"nonsense", whole[: len(whole) // 2], whole[:-1000]):
        path.write_bytes(damaged)
        with pytest.raises(NetworkFileError, match=r"wrong\.pth"):
            load_brevitas_checkpoint(path, "tfc_1w1a")
    for content, words in (
        ({}, "no state dict"),
        ([1, 2], "no state dict"),
        ({"weight": torch.zeros(3, 3)}, "fits no architecture"),
        ({**state, "features.3.running_var": -state["features.3.running_var"]}, "negative"),
        ({**state, "features.3.bias": state["features.3.bias"] * torch.nan}, "not finite"),
        ({**state, "extra": torch.zeros(1)}, "fits no architecture"),
    ):
        torch.save(content, path)
        named = "tfc_1w1a" if "fits" not in words else None
        with pytest.raises(NetworkFileError, match=words):
            load_brevitas_checkpoint(path, named)
    torch.save(state, path)
    with pytest.raises(NetworkFileError, match="does not fit cnv_1w1a: conv_features"):
        load_brevitas_checkpoint(path, "cnv_1w1a")
    with pytest.raises(NetworkError, match=r"unknown architecture 'vgg' \(choose from cnv_1w1a"):
        load_brevitas_checkpoint(path, "vgg")


def test_a_pickle_that_runs_code_is_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "touched",)

    torch.save({"state_dict": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(NetworkFileError, match=r"evil\.pth"):
        load_brevitas_checkpoint(tmp_path / "evil.pth", "tfc_1w1a")
    assert not (tmp_path / "touched").exists()


def test_networks_that_brevitas_models_cannot_carry() -> None:
    with pytest.raises(NetworkError, match="not one of Brevitas' BNN-PYNQ models: it has layers"):
        network_to_brevitas(random_network(1))
