"""``dse run``: golden logits, accuracy, parts with the wire between, and bad input."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dse.errors import NetworkFileError
from finn_flows.standard_onnx import export_standard_onnx
from finn_flows.weights import load_weights
from tests.dse.test_cli import error_line, invoke
from tests.finn_flows.test_graph_cut import residual_model

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
