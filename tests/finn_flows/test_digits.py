"""The digits as pictures, and the network that is shipped for them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from dse.cli.train import train
from dse.errors import NetworkError, OutputError
from finn_flows.digits import enlarge, load_digits_split
from finn_flows.integer_reference import run_integers
from finn_flows.network_file import load_network
from finn_flows.training import accuracy, check_equal, train_model
from finn_flows.weights import DIGITS_FILE


def test_the_split_is_fixed_and_disjoint() -> None:
    from sklearn.datasets import load_digits

    train_pixels, train_labels = load_digits_split("train")
    test_pixels, test_labels = load_digits_split("test")
    assert train_pixels.shape == (1437, 32, 32, 3)
    assert test_pixels.shape == (360, 32, 32, 3)
    assert (train_pixels.dtype, test_labels.dtype) == (np.uint8, np.int64)
    np.testing.assert_array_equal(test_labels, load_digits().target[::5])
    together = np.concatenate([train_labels, test_labels])
    np.testing.assert_array_equal(np.bincount(together), np.bincount(load_digits().target))
    with pytest.raises(ValueError, match="validation"):
        load_digits_split("validation")  # type: ignore[arg-type]


def test_enlarging_is_bilinear() -> None:
    import torch
    from sklearn.datasets import load_digits

    images = load_digits().images[:50]
    large = enlarge(images)
    assert (large == large[..., :1]).all()  # grey
    exact = torch.nn.functional.interpolate(
        torch.from_numpy(images[:, None]) * 255 / 16, scale_factor=4, mode="bilinear"
    ).numpy()[:, 0]
    assert np.abs(large[..., 0] - exact).max() <= 0.5 + 1e-9


def test_the_shipped_network() -> None:
    network = load_network(DIGITS_FILE)
    assert DIGITS_FILE.stat().st_size <= 374_000
    assert network.name == "CnvW2A2"
    assert network.class_names == tuple("0123456789")
    assert network.input_shape == (32, 32, 3)
    assert [layer.output_channels for _, layer in network.numbered()] == [
        *(64, 64, 128, 128, 256, 256),
        *(512, 512, 10),
    ]
    pixels, labels = load_digits_split("test")
    assert accuracy(network, pixels, labels) >= 0.97


def test_accuracy_counts() -> None:
    network = load_network(DIGITS_FILE)
    pixels, _ = load_digits_split("test")
    answers = network.scores(run_integers(network, network.encode_pixels(pixels[:20]))).argmax(1)
    wrong = answers.copy()
    wrong[:5] = (wrong[:5] + 1) % 10
    assert accuracy(network, pixels[:20], answers) == 1.0
    assert accuracy(network, pixels[:20], wrong) == 0.75


def test_a_network_that_differs_from_the_trained_model_is_caught() -> None:
    pixels, labels = load_digits_split("train")
    model = train_model(pixels[:50], labels[:50], epochs=1, seed=3)
    with pytest.raises(NetworkError, match="differ from PyTorch"):
        check_equal(load_network(DIGITS_FILE), model, pixels[:10])


def test_the_command_refuses_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    result = CliRunner().invoke(train, ["--out", str(tmp_path / "file" / "net.npz")])
    assert isinstance(result.exception, OutputError)


@pytest.mark.slow
def test_training_gives_the_same_integers_again(tmp_path: Path) -> None:
    results = []
    for name in ("first.npz", "second.npz"):
        arguments = ["--epochs", "1", "--seed", "7", "--json", "--out", str(tmp_path / name)]
        run = CliRunner().invoke(train, arguments, catch_exceptions=False)
        results.append(json.loads(run.stdout))
        assert load_network(tmp_path / name).sha256 == results[-1]["sha256"]
    assert results[0]["sha256"] == results[1]["sha256"]
    assert results[0]["held_out_images"] == 360
