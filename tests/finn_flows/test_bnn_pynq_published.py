"""Every parameter directory that BNN-PYNQ ships, against what its hardware answered.

Set BNN_PYNQ_PARAMS to ``bnn/params`` of a checkout of BNN-PYNQ; pictures are looked for in the same
checkout. Recorded answers are those stored in its notebooks and in ``tests/test_qnn.py``.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from dse.pictures import load_picture
from finn_flows.bnn_pynq import BnnPynqParameters, read_bnn_pynq, write_bnn_pynq
from finn_flows.folding import check_folding
from finn_flows.integer_reference import run_integers
from finn_flows.network import Network
from tests.finn_flows.bnn_pynq_hardware import run_hardware
from tests.finn_flows.bnn_pynq_networks import PUBLISHED_FOLDINGS

DIRECTORIES = {
    "chars_merged/lfcW1A1": 47,
    "cifar10/cnvW1A1": 10,
    "cifar10/cnvW1A2": 10,
    "cifar10/cnvW2A2": 10,
    "mnist/lfcW1A1": 10,
    "mnist/lfcW1A2": 10,
    "road-signs/cnvW1A1": 44,
    "streetview/cnvW1A1": 10,
}


@pytest.fixture(scope="module")
def params() -> Path:
    name = os.environ.get("BNN_PYNQ_PARAMS")
    if not name:
        pytest.skip("BNN_PYNQ_PARAMS does not name bnn/params of a BNN-PYNQ checkout")
    return Path(name).resolve()


def in_checkout(params: Path, name: str) -> Path:
    path = params.parents[1] / name
    if not path.exists():
        pytest.skip(f"{name} is not in the BNN-PYNQ checkout")
    return path


def classify(network: Network, path: Path) -> np.ndarray:
    pixels = load_picture(path, network.input_shape)
    return run_integers(network, network.encode_pixels(pixels[None]))[0]


@pytest.mark.parametrize("name", DIRECTORIES)
def test_the_network_is_what_the_directory_is_called(
    name: str, params: Path, tmp_path: Path
) -> None:
    found = read_bnn_pynq(params / name)
    kind = name.split("/")[1]
    assert found.network.name == kind
    assert found.network.output_shape == (DIRECTORIES[name],)
    assert len(found.network.class_names) == DIRECTORIES[name]
    simds, pes = PUBLISHED_FOLDINGS[kind]
    assert [(fold.simd, fold.pe) for fold in found.file_folding.layers] == (
        list(zip(simds, pes, strict=True))
    )
    check_folding(found.network, found.folding)
    write_bnn_pynq(found.network, found.file_folding, tmp_path / "again")
    assert read_bnn_pynq(tmp_path / "again").network.sha256 == found.network.sha256
    for path in (params / name).glob("*-weights.bin"):
        again = (tmp_path / "again" / path.name).read_bytes()
        # Two old directories pad the last layer to fewer rows than the 64 of today's.
        assert again[: path.stat().st_size] == path.read_bytes() or len(again) > path.stat().st_size


@pytest.mark.parametrize(
    ("name", "recorded"),
    [
        ("cnvW1A1", [234, 231, 265, 248, 410, 257, 224, 262, 226, 233]),
        ("cnvW1A2", [-20, -46, -38, -6, 268, 6, -14, -28, -38, -30]),
        ("cnvW2A2", [-24, -34, -21, -13, 244, 4, -7, -20, -27, -13]),
    ],
)
def test_deer(name: str, recorded: list[int], params: Path, shared: Path) -> None:
    found = read_bnn_pynq(params / "cifar10" / name)
    logits = classify(found.network, shared / "bnn_pynq" / "images" / "deer.jpg")
    if found.activation_bits == 1:
        logits = (logits + 512) // 2  # the hardware shows how many of 512 columns match
    assert logits.tolist() == recorded


def test_a_car_with_an_alpha_channel(params: Path, tmp_path: Path) -> None:
    from PIL import Image

    network = read_bnn_pynq(params / "cifar10" / "cnvW1A1").network
    with Image.open(in_checkout(params, "notebooks/pictures/car.png")) as picture:
        picture.thumbnail((64, 64), Image.Resampling.LANCZOS, reducing_gap=None)
        picture.save(tmp_path / "car.png")  # as the notebook does to show it
    matches = (classify(network, tmp_path / "car.png") + 512) // 2
    assert matches.tolist() == [258, 417, 233, 206, 238, 215, 222, 238, 236, 249]


@pytest.mark.parametrize(
    ("name", "picture", "expected"),
    [
        ("road-signs/cnvW1A1", "road_signs/end_no_overtaking.png", "End of no-overtaking zone"),
        ("road-signs/cnvW1A1", "road_signs/cross.jpg", "Pedestrians in road ahead"),
        ("road-signs/cnvW1A1", "road_signs/stop.jpg", "Stop"),
        ("streetview/cnvW1A1", "6.png", "6"),
    ],
)
def test_recorded_classes(name: str, picture: str, expected: str, params: Path) -> None:
    network = read_bnn_pynq(params / name).network
    logits = classify(network, in_checkout(params, f"notebooks/pictures/{picture}"))
    assert network.class_names[int(logits.argmax())] == expected


def mnist_three(params: Path) -> np.ndarray:
    data = in_checkout(params, "tests/Test_image/3.image-idx3-ubyte").read_bytes()
    return np.frombuffer(data[16:], np.uint8).reshape(1, 28, 28, 1)


@pytest.mark.parametrize("name", ["lfcW1A1", "lfcW1A2"])
def test_a_handwritten_three(name: str, params: Path) -> None:
    network = read_bnn_pynq(params / "mnist" / name).network
    logits = run_integers(network, network.encode_pixels(mnist_three(params)))
    assert network.scores(logits).argmax() == 3


def hardware_bits(found: BnnPynqParameters, directory: Path, pixels: np.ndarray) -> list[int]:
    return run_hardware(
        directory,
        pixels.tolist(),
        weight_bits=found.weight_bits,
        activation_bits=found.activation_bits,
        simds=[fold.simd for fold in found.file_folding.layers],
        convolutions=0,
        pools_after=(),
        binary_input=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mnist/lfcW1A1", "mnist/lfcW1A2", "chars_merged/lfcW1A1"])
def test_padded_columns_and_bits_are_as_in_the_hardware(name: str, params: Path) -> None:
    found = read_bnn_pynq(params / name)
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 256, (28, 28, 1), dtype=np.uint8)
    strokes = np.zeros((28, 28, 1), dtype=np.uint8)
    strokes[4:24, 12:16] = 255
    for pixels in (noise, strokes):
        network = found.network
        logits = run_integers(network, network.encode_pixels(pixels[None]))[0]
        answer = hardware_bits(found, params / name, pixels)
        assert answer[: len(logits)] == ((logits + 1) // 2).tolist()
