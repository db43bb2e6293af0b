"""``dse export``: what is written runs, the manifest guards it, nothing is left half-written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from dse.errors import NetworkFileError
from finn_flows.cut import Cut, cut_tensor
from finn_flows.digits import load_digits_split
from finn_flows.integer_reference import run_integers
from finn_flows.network_file import save_network
from finn_flows.split_manifest import read_manifest
from finn_flows.weights import load_weights
from tests.dse.test_cli import error_line, invoke
from tests.dse.test_full_disk import small_disk
from tests.finn_flows.bnn_pynq_networks import random_published


def export(*arguments: str) -> list[Path]:
    result = invoke("export", "--json", *arguments)
    assert result.returncode == 0, result.stderr
    return [Path(file) for file in json.loads(result.stdout)["files"]]


def session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def test_exported_parts_run_apart_and_together(tmp_path: Path) -> None:
    first, second, manifest_file = export("--split", "5", "--out", str(tmp_path / "parts"))
    assert manifest_file.name == "split.json"
    manifest = read_manifest(tmp_path / "parts")
    assert (manifest.layer, manifest.pool) == (5, "before")
    assert manifest.tensor.shape == (1, 1, 256)
    assert (manifest.tensor.bits, manifest.tensor.bytes_per_image) == (2, 64)

    network = load_weights().network
    pixels, _ = load_digits_split("test")
    images = network.encode_pixels(pixels[:8])
    (at_cut,) = session(first).run(None, {"input": images.astype(np.int8)})
    tensor = cut_tensor(network, Cut(5))
    received = tensor.unpack(tensor.pack(np.asarray(at_cut)))
    (logits,) = session(second).run(None, {"input": received.astype(np.int8)})
    assert (np.asarray(logits) == run_integers(network, images)).all()


def test_a_flipped_byte_of_a_part_is_refused(tmp_path: Path) -> None:
    first, _, _ = export("--split", "2", "--out", str(tmp_path))
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 1
    first.write_bytes(content)
    with pytest.raises(NetworkFileError, match=r"first.onnx: differs from the manifest"):
        read_manifest(tmp_path)
    first.unlink()
    with pytest.raises(NetworkFileError, match=r"first.onnx: named by the manifest, but not there"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format_version": 99}', "\x00"])
def test_a_damaged_manifest_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "split.json").write_text(text)
    with pytest.raises(NetworkFileError, match=r"split\.json"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("form", ["onnx", "qonnx", "npz"])
@pytest.mark.parametrize("split", ["0", "7"])
def test_every_part_form_is_written_for_every_split(form: str, split: str, tmp_path: Path) -> None:
    files = export("--format", form, "--split", split, "--out", str(tmp_path / "out"))
    assert all(file.stat().st_size > 0 for file in files)
    read_manifest(tmp_path / "out")


def test_the_same_network_gives_the_same_bytes(tmp_path: Path) -> None:
    for form in ("onnx", "qonnx", "npz"):
        once = export("--format", form, "--out", str(tmp_path / "a"))[0].read_bytes()
        again = export("--format", form, "--out", str(tmp_path / "b"))[0].read_bytes()
        assert once == again, form


def bnn_pynq_options(name: str, folder: Path) -> tuple[str, ...]:
    save_network(random_published(name), folder / f"{name}.npz")
    return "--weights", str(folder / f"{name}.npz"), "--format", "bnn-pynq"


def test_a_folding_decides_the_memory_layout_of_bnn_pynq(tmp_path: Path) -> None:
    options = bnn_pynq_options("cnvW2A2", tmp_path)
    published = export(*options, "--out", str(tmp_path / "published"))
    wide = export(*options, "--folding", "auto:20000", "--out", str(tmp_path / "wide"))
    assert {file.name for file in published} != {file.name for file in wide}
    network = random_published("cnvW2A2")
    for folder in ("published", "wide"):
        assert load_weights(f"bnn-pynq:{tmp_path / folder}").network.sha256 == network.sha256
    layers = [{"simd": 3, "pe": 7}] * 9
    (tmp_path / "odd.json").write_text(json.dumps({"layers": layers}))
    more = ("--folding", str(tmp_path / "odd.json"), "--out", str(tmp_path / "odd"))
    assert "PE 7 of layer 0 does not divide 64" in error_line(invoke("export", *options, *more))


@pytest.mark.parametrize("folding", [(), ("--folding", "auto"), ("--folding", "auto:9000")])
def test_a_network_without_a_published_folding_becomes_bnn_pynq(
    folding: tuple[str, ...], tmp_path: Path
) -> None:
    options = bnn_pynq_options("lfcW1A1", tmp_path)
    export(*options, *folding, "--out", str(tmp_path / "lfc"))
    network = random_published("lfcW1A1")
    assert load_weights(f"bnn-pynq:{tmp_path / 'lfc'}").network.sha256 == network.sha256


def test_bad_options_are_one_line(tmp_path: Path) -> None:
    taken = tmp_path / "file"
    taken.write_text("")
    for arguments, expected in [
        (("--format", "verilog", "--out", "x"), "'verilog' is not one of 'onnx', 'qonnx'"),
        (("--split", "11", "--out", str(tmp_path)), "choose from 0, 1, 2, 3, 4, 5, 6, 7, 8"),
        (("--format", "brevitas", "--split", "2", "--out", "x"), "choose from onnx, qonnx, npz"),
        (("--out", str(taken / "net.onnx")), "net.onnx: cannot write"),
        (("--out", str(tmp_path)), "cannot write: Is a directory"),
        (("--split", "1", "--out", str(taken)), "cannot write"),
        (("--format", "qonnx", "--split", "8", "--out", str(tmp_path / "p")), "no layers"),
    ]:
        line = error_line(invoke("export", *arguments))
        assert expected in line, (arguments, line)
    assert [path.name for path in tmp_path.iterdir()] == ["file"], "nothing half-written"


def test_a_full_disk_leaves_no_half_written_file(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, "1m"):
        line = error_line(invoke("export", "--out", str(disk / "net.onnx")))
        assert "net.onnx: cannot write: No space left on device" in line
        assert list(disk.iterdir()) == []
