"""``dse run``: golden logits, accuracy, parts with the wire between, and bad input."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dse.errors import NetworkFileError
from finn_flows.cut import Cut, split_network
from finn_flows.integer_reference import run_integers
from finn_flows.network import ClassScores, Network
from finn_flows.network_file import save_network
from finn_flows.standard_onnx import export_standard_onnx
from finn_flows.weights import load_weights
from tests.dse.test_cli import error_line, invoke
from tests.finn_flows.test_graph_cut import residual_model
from tests.random_networks import random_input, random_network

#: Logits of deer.jpg recorded on a PYNQ-Z1 (project design, section 5), in class order.
GOLDEN = [-24, -34, -21, -13, 244, 4, -7, -20, -27, -13]


def run_json(*arguments: str) -> dict[str, Any]:
    result = invoke("run", "--json", *arguments)
    assert result.returncode == 0, result.stderr
    data: dict[str, Any] = json.loads(result.stdout)
    return data


@pytest.fixture
def deer(shared: Path) -> str:
    return str(shared / "bnn_pynq" / "images" / "deer.jpg")


@pytest.mark.parametrize("engine", ["onnx", "integer", "finn"])
def test_deer_has_the_logits_recorded_on_hardware(
    bnn_pynq_directory: Path, deer: str, engine: str
) -> None:
    data = run_json("--weights", f"bnn-pynq:{bnn_pynq_directory}", "--engine", engine, deer)
    assert data["logits"] == GOLDEN
    assert data["class"] == "Deer"
    assert data["classes"][4] == "Deer"
    assert data["images"][0]["logits"] == GOLDEN


@pytest.mark.parametrize("pool", ["before", "after"])
def test_deer_over_the_wire(bnn_pynq_directory: Path, deer: str, pool: str) -> None:
    weights = f"bnn-pynq:{bnn_pynq_directory}"
    data = run_json("--weights", weights, "--split", "3", "--pool", pool, deer)
    assert data["logits"] == GOLDEN
    assert data["split"] == {
        "layer": 3,
        "pool": pool,
        "bytes_per_image": 800 if pool == "before" else 3200,
        "identical_to_unsplit": True,
    }


@pytest.mark.parametrize("form", ["brevitas", "qonnx", "bnn-pynq", "npz"])
def test_deer_after_a_journey_through_another_form(
    bnn_pynq_directory: Path, deer: str, form: str, tmp_path: Path
) -> None:
    """The same integers carried into Brevitas, QONNX and back give the same logits."""
    ending = {"brevitas": "net.pth", "qonnx": "net.onnx", "bnn-pynq": "net", "npz": "net.npz"}
    path = tmp_path / ending[form]
    weights = f"bnn-pynq:{bnn_pynq_directory}"
    result = invoke("export", "--weights", weights, "--format", form, "--out", str(path))
    assert result.returncode == 0, result.stderr
    source = {
        "brevitas": ("--weights", f"brevitas:{path}"),
        "qonnx": ("--model", str(path)),
        "bnn-pynq": ("--weights", f"bnn-pynq:{path}"),
        "npz": ("--weights", str(path)),
    }
    arrived = run_json(*source[form], deer)
    assert arrived["logits"] == GOLDEN
    assert arrived["network_sha256"] == run_json("--weights", weights, deer)["network_sha256"]


def test_digits_reach_the_accuracy_that_the_readme_states() -> None:
    data = run_json("--digits")
    assert data["labelled"] == 360
    assert data["accuracy"] >= 0.96
    right = [image["class"] == image["label"] for image in data["images"]]
    assert data["correct"] == sum(right)
    assert data["accuracy"] == sum(right) / 360


def test_digits_in_two_parts() -> None:
    data = run_json("--digits", "--images", "50", "--split", "5")
    assert len(data["images"]) == 50
    assert data["split"]["identical_to_unsplit"] is True
    assert data["split"]["bytes_per_image"] == 64


def test_digits_have_no_accuracy_on_a_network_of_other_classes(bnn_pynq_directory: Path) -> None:
    data = run_json("--digits", "--images", "3", "--weights", f"bnn-pynq:{bnn_pynq_directory}")
    assert data["accuracy"] is None
    assert data["correct"] is None


def test_text_output_says_source_and_result() -> None:
    result = invoke("run", "--digits", "--images", "20", "--split", "5")
    assert "digits (shipped with split-dse), engine: onnx" in result.stdout
    assert "identical to the unsplit network on 20 images" in result.stdout


@pytest.fixture
def picture(tmp_path: Path) -> str:
    path = tmp_path / "grey.png"
    Image.new("RGB", (32, 32), (90, 90, 90)).save(path)
    return str(path)


def test_bad_options_are_one_line_with_the_choices(picture: str, tmp_path: Path) -> None:
    text = tmp_path / "picture.png"
    text.write_text("not a picture")
    for arguments, expected in [
        ((picture, "--split", "9"), "has no split 9 (choose from 0, 1, 2, 3, 4, 5, 6, 7, 8)"),
        ((picture, "--split", "-1"), "has no split -1"),
        ((picture, "--weights", "cifar"), "unknown weights 'cifar' (choose from digits, bnn-pynq"),
        ((picture, "--weights", "bnn-pynq:nowhere"), "nowhere"),
        ((picture, "--weights", "brevitas:nowhere.pth"), "nowhere.pth"),
        ((picture, "--weights", "nowhere.npz"), "nowhere.npz"),
        ((picture, "--model", "nowhere.onnx"), "nowhere.onnx"),
        ((picture, "--weights", "digits", "--model", "x.onnx"), "expected one of them"),
        ((str(text),), f"{text}: is not a picture"),
        (("nowhere.png",), "nowhere.png: there is no such file"),
        ((), "name pictures, or give --digits"),
        ((picture, "--digits"), "one of them"),
        ((picture, "--engine", "gpu"), "'onnx', 'integer', 'finn'"),
    ]:
        line = error_line(invoke("run", *arguments))
        assert expected in line, (arguments, line)


@pytest.mark.parametrize(
    "content", [b"", b"\x08\x07garbage", b"\x00" * 5000, np.random.default_rng(0).bytes(4096)]
)
def test_a_corrupt_model_is_one_line_with_its_name(
    picture: str, content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    assert "broken.onnx" in error_line(invoke("run", picture, "--model", str(path)))


def test_a_model_cut_short_is_one_line_with_its_name(picture: str, tmp_path: Path) -> None:
    path = tmp_path / "short.onnx"
    assert invoke("export", "--format", "qonnx", "--out", str(path)).returncode == 0
    whole = path.read_bytes()
    for length in (10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert "short.onnx" in error_line(invoke("run", picture, "--model", str(path)))


def test_a_model_with_a_branch_names_what_crosses(picture: str, tmp_path: Path) -> None:
    path = tmp_path / "branch.onnx"
    path.write_bytes(residual_model().SerializeToString())
    line = error_line(invoke("run", picture, "--model", str(path)))
    assert "branch.onnx" in line
    assert "trunk" in line


def test_standard_onnx_is_no_qonnx_and_says_so(picture: str, tmp_path: Path) -> None:
    path = tmp_path / "standard.onnx"
    path.write_bytes(export_standard_onnx(load_weights().network).SerializeToString())
    assert "standard.onnx" in error_line(invoke("run", picture, "--model", str(path)))


@pytest.mark.parametrize("damage", ["short", "missing", "code 2", "order"])
def test_damaged_parameters_are_refused_with_the_file_named(
    bnn_pynq_directory: Path, damage: str, tmp_path: Path
) -> None:
    copy = tmp_path / "cnvW2A2"
    shutil.copytree(bnn_pynq_directory, copy)
    for file in copy.iterdir():
        file.chmod(0o644)
    name = "2-3-weights.bin"
    path = copy / name
    if damage == "short":
        path.write_bytes(path.read_bytes()[:-1])
    elif damage == "missing":
        path.unlink()
    elif damage == "code 2":
        content = bytearray(path.read_bytes())
        content[0] = content[0] & 0b11111100 | 0b10
        path.write_bytes(content)
    else:
        name = "2-3-thres.bin"
        path = copy / name
        thresholds = np.frombuffer(path.read_bytes(), dtype="<i8").copy()
        thresholds[:2] = thresholds[1] + 1, thresholds[0]
        path.write_bytes(thresholds.tobytes())
    with pytest.raises(NetworkFileError, match=name):
        load_weights(f"bnn-pynq:{copy}")
    assert name in error_line(invoke("run", "--digits", "--weights", f"bnn-pynq:{copy}"))


def _of_pictures(network: Network, **changes: Any) -> Network:
    table = np.arange(-128, 128)[None]
    return replace(network, pixel_table=table, **changes)


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[Network], str]:
    def save(network: Network) -> str:
        path = tmp_path / f"{network.name}.npz"
        save_network(network, path)
        return str(path)

    return save


def test_a_network_that_gives_a_map_has_no_classes(
    picture: str, saved: Callable[[Network], str]
) -> None:
    network = random_network(3, input_shape=(10, 10, 3), layers=("conv4", "conv5"))
    scores = ClassScores(np.linspace(0.1, 0.5, 5), np.arange(5.0))
    for scored in (None, scores):
        weights = saved(_of_pictures(network, class_scores=scored))
        line = error_line(invoke("run", "--weights", weights, picture))
        assert line.startswith("random gives a map of 6x6x5, not classes; expected a whole network")
    whole = _of_pictures(network, class_scores=scores)
    result = run_integers(network, random_input(1, network, 4))
    expected = result.reshape(-1, 5) * scores.scale + scores.offset
    np.testing.assert_array_equal(whole.scores(result).reshape(-1, 5), expected)


def test_a_map_of_one_pixel_gives_classes(picture: str, saved: Callable[[Network], str]) -> None:
    network = random_network(4, input_shape=(5, 5, 3), layers=("conv4", "conv6"))
    scores = ClassScores(np.linspace(-0.3, 0.2, 6), np.linspace(1, 2, 6))
    data = run_json("--weights", saved(_of_pictures(network, class_scores=scores)), picture)
    assert len(data["logits"]) == 6
    expected = np.array(data["logits"]) * scores.scale + scores.offset
    np.testing.assert_array_equal(data["scores"], expected)
    assert data["class_index"] == int(expected.argmax())


def test_the_parts_of_a_network_are_refused_in_one_line(
    picture: str, saved: Callable[[Network], str]
) -> None:
    network = load_weights().network
    for layer, words in (
        (1, "first gives a map of 14x14x64, not classes"),
        (6, "first gives 512 activations without class names or scores: it is the first part"),
    ):
        first, second = split_network(network, Cut(layer))
        for pictures in (picture, "--digits"):
            assert words in error_line(invoke("run", "--weights", saved(first), pictures))
            line = error_line(invoke("run", "--weights", saved(second), pictures))
            assert f"-second takes a tensor of {'14x14x64' if layer == 1 else '512'}, not" in line
    whole, _ = split_network(network, Cut(8))
    assert run_json("--weights", saved(whole), "--digits", "--images", "20")["labelled"] == 20


def test_ten_classes_without_names_are_taken_for_the_digits(
    saved: Callable[[Network], str],
) -> None:
    named = load_weights().network
    unnamed = replace(named, name="unnamed", class_names=())
    expected = run_json("--digits", "--images", "60")
    data = run_json("--weights", saved(unnamed), "--digits", "--images", "60")
    assert (data["accuracy"], data["labelled"]) == (expected["accuracy"], 60)
    assert data["accuracy"] > 0.9
    assert data["classes"] == []


def test_a_network_of_other_classes_says_so(saved: Callable[[Network], str]) -> None:
    layers = ("conv4", "dense7")
    network = _of_pictures(random_network(5, input_shape=(32, 32, 3), layers=layers))
    result = invoke("run", "--weights", saved(network), "--digits", "--images", "2")
    assert result.stdout.splitlines()[-1] == (
        "2 digits run; this network tells 7 classes that are not the digits: no accuracy"
    )


def test_one_path_is_one_picture(tmp_path: Path) -> None:
    """Not the digits, whatever the string."""
    import dse

    Image.fromarray(np.full((32, 32, 3), 200, dtype=np.uint8)).save(tmp_path / "a picture.png")
    found = dse.run(dse.load(), str(tmp_path / "a picture.png"))
    assert [image.name for image in found.images] == [str(tmp_path / "a picture.png")]
