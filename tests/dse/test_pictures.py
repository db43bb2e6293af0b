"""Pictures as a network reads them."""

from __future__ import annotations

import io
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dse.errors import PictureError
from dse.pictures import load_picture

CIFAR = (32, 32, 3)


def saved(folder: Path, pixels: np.ndarray, name: str = "picture.png") -> Path:
    Image.fromarray(pixels).save(folder / name)
    return folder / name


def test_a_picture_of_the_right_size_is_taken_as_it_is(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, CIFAR, dtype=np.uint8)
    np.testing.assert_array_equal(load_picture(saved(tmp_path, pixels), CIFAR), pixels)


def test_a_small_picture_lies_in_the_middle_of_a_white_canvas(tmp_path: Path) -> None:
    pixels = np.full((10, 7, 3), 9, dtype=np.uint8)
    found = load_picture(saved(tmp_path, pixels), CIFAR)
    expected = np.full(CIFAR, 255, dtype=np.uint8)
    expected[11:21, 12:19] = 9
    np.testing.assert_array_equal(found, expected)


def test_a_large_picture_is_shrunk_with_its_proportions(tmp_path: Path) -> None:
    found = load_picture(saved(tmp_path, np.zeros((640, 320, 3), dtype=np.uint8)), CIFAR)
    assert not found[:, 8:24].any()
    assert (found[:, :8] == 255).all()
    assert (found[:, 24:] == 255).all()


@pytest.mark.parametrize("input_shape", [(28, 28, 1), (784,)])
def test_grey(input_shape: tuple[int, ...], tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (28, 28), dtype=np.uint8)
    found = load_picture(saved(tmp_path, pixels), input_shape)
    assert found.shape == input_shape
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found.reshape(28, 28), pixels)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "HSV"])
@pytest.mark.parametrize("input_shape", [CIFAR, (28, 28, 1)])
def test_every_mode_is_read(mode: str, input_shape: tuple[int, ...], tmp_path: Path) -> None:
    extension = "tiff" if mode in ("CMYK", "HSV") else "png"
    source = Image.fromarray(np.zeros((64, 64), dtype=np.uint8))
    if mode == "I;16":
        source = Image.fromarray(np.zeros((64, 64), dtype=np.uint16))
    elif mode == "HSV":
        source = source.convert("RGB")
    else:
        source = source.convert(mode)
    source.save(tmp_path / f"black.{extension}")
    assert not load_picture(tmp_path / f"black.{extension}", input_shape).any()


def bomb() -> bytes:
    """A PNG of 10^10 pixels in a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def truncated() -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(2).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, "JPEG")
    return file.getvalue()[:-800]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"not a picture at all\n" * 50, "is not a picture"),
        (np.random.default_rng(3).bytes(4096), "is not a picture"),
        (bomb(), "too large to decode safely"),
        (truncated(), "cannot read: "),
    ],
    ids=["empty", "text", "random", "bomb", "truncated"],
)
def test_what_is_no_picture_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "file.png"
    path.write_bytes(content)
    with pytest.raises(PictureError) as caught:
        load_picture(path, CIFAR)
    assert caught.value.where == str(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_picture_large_enough_to_warn_about_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, np.zeros((40, 40, 3), dtype=np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(PictureError, match="at most 1000 pixels"):
        load_picture(path, CIFAR)


def test_no_file_and_a_directory(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"none\.png: there is no such file"):
        load_picture(tmp_path / "none.png", CIFAR)
    with pytest.raises(PictureError, match="is a directory"):
        load_picture(tmp_path, CIFAR)


@pytest.mark.parametrize("input_shape", [(32, 32, 2), (783,), (4, 4)])
def test_a_shape_that_no_picture_has(input_shape: tuple[int, ...], tmp_path: Path) -> None:
    path = saved(tmp_path, np.zeros((4, 4, 3), dtype=np.uint8))
    with pytest.raises(PictureError, match="reads no pictures"):
        load_picture(path, input_shape)


def refusal(path: Path) -> PictureError | None:
    try:
        pixels = load_picture(path, CIFAR)
    except PictureError as error:
        return error
    assert pixels.shape == CIFAR
    return None


@given(st.integers(0, 2**32), st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF"]))
def test_damaged_pictures_never_raise_anything_else(seed: int, kind: str) -> None:
    generator = np.random.default_rng(seed)
    file = io.BytesIO()
    Image.fromarray(generator.integers(0, 256, (9, 9, 3), dtype=np.uint8)).save(file, kind)
    content = bytearray(file.getvalue())
    for position in generator.integers(0, len(content), 5):
        content[position] = int(generator.integers(0, 256))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture"
        path.write_bytes(content)
        error = refusal(path)
    assert error is None or error.where == str(path)
