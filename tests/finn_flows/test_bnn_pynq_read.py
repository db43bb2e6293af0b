"""The real parameters of cnvW2A2: what they decode to, and how damaged copies are refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dse.errors import NetworkFileError
from dse.pictures import load_picture
from finn_flows.bnn_pynq import BnnPynqParameters, read_bnn_pynq, write_bnn_pynq
from finn_flows.folding import check_folding, published_folding
from finn_flows.integer_reference import run_integers
from finn_flows.network import MaxPoolLayer

#: Recorded on hardware for deer.jpg (BNN-PYNQ, notebook CNV-QNN_Cifar10).
DEER = [-24, -34, -21, -13, 244, 4, -7, -20, -27, -13]


@pytest.fixture(scope="module")
def parameters(bnn_pynq_directory: Path) -> BnnPynqParameters:
    return read_bnn_pynq(bnn_pynq_directory)


@pytest.fixture
def copy(bnn_pynq_directory: Path, tmp_path: Path) -> Path:
    """A copy to damage, under a name that says nothing."""
    return Path(shutil.copytree(bnn_pynq_directory, tmp_path / "parameters"))


def test_the_golden_logits_come_out(parameters: BnnPynqParameters, shared: Path) -> None:
    network = parameters.network
    pixels = load_picture(shared / "bnn_pynq" / "images" / "deer.jpg", network.input_shape)
    logits = run_integers(network, network.encode_pixels(pixels[None]))
    assert logits.tolist() == [DEER]
    assert network.class_names[int(logits.argmax())] == "Deer"


def test_widths_topology_and_folding_follow_from_the_files(
    parameters: BnnPynqParameters,
) -> None:
    network = parameters.network
    assert (network.name, parameters.weight_bits, parameters.activation_bits) == ("cnvW2A2", 2, 2)
    assert [layer.weights.shape[0] for _, layer in network.numbered()] == (
        [64, 64, 128, 128, 256, 256, 512, 512, 10]
    )
    pools = [
        number for number, layer in enumerate(network.layers) if isinstance(layer, MaxPoolLayer)
    ]
    assert [network.label(number) for number in pools] == ["pool1", "pool3"]
    assert [(fold.simd, fold.pe) for fold in parameters.file_folding.layers] == (
        [(3, 8), (16, 16), (16, 8), (16, 8), (8, 4), (8, 1), (2, 1), (2, 2), (1, 4)]
    )
    published = published_folding(network).layers
    assert [(fold.simd, fold.pe) for fold in parameters.folding.layers] == (
        [(fold.simd, fold.pe) for fold in published]
    )
    assert parameters.folding.name == "bnn-pynq"
    check_folding(network, parameters.folding)


def test_saturated_thresholds_are_counted(
    parameters: BnnPynqParameters, bnn_pynq_directory: Path
) -> None:
    """At least those stored at the ends of int16, which no accumulator reaches."""
    stored = np.concatenate(
        [np.fromfile(path, "<i8") for path in bnn_pynq_directory.glob("[1-7]-*-thres.bin")]
    )
    at_the_ends = int(((stored == 32767) | (stored == -32768)).sum())
    assert 0 < at_the_ends <= parameters.saturated_thresholds < stored.size / 10


def test_written_again_the_files_say_the_same(
    parameters: BnnPynqParameters, bnn_pynq_directory: Path, tmp_path: Path
) -> None:
    write_bnn_pynq(parameters.network, parameters.file_folding, tmp_path / "again")
    original = sorted(path.name for path in bnn_pynq_directory.iterdir())
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == original
    different = 0
    for name in original:
        ours, theirs = (tmp_path / "again" / name), (bnn_pynq_directory / name)
        if name == "classes.txt":
            assert ours.read_text().splitlines() == theirs.read_text().splitlines()
        elif name.endswith("weights.bin"):
            assert ours.read_bytes() == theirs.read_bytes(), name
        elif name.startswith("0-"):
            # In 1/256 against an accumulator in 1/128 an odd threshold is as good as the even
            # one below it; the even one is written.
            np.testing.assert_array_equal(
                np.fromfile(ours, "<i8") // 2, np.fromfile(theirs, "<i8") // 2
            )
        else:
            different += int((np.fromfile(ours, "<i8") != np.fromfile(theirs, "<i8")).sum())
    assert different == parameters.saturated_thresholds
    again = read_bnn_pynq(tmp_path / "again")
    assert again.network.sha256 == parameters.network.sha256
    assert again.saturated_thresholds == 0  # written at the edge of what is reachable


def test_the_name_of_the_directory_decides_nothing(
    parameters: BnnPynqParameters, bnn_pynq_directory: Path, tmp_path: Path
) -> None:
    renamed = Path(shutil.copytree(bnn_pynq_directory, tmp_path / "lfcW1A1"))
    (renamed / "README.txt").write_text("other files are not looked at")
    assert read_bnn_pynq(renamed).network.sha256 == parameters.network.sha256


def test_without_class_names_all_rows_are_classes(
    parameters: BnnPynqParameters, copy: Path
) -> None:
    (copy / "classes.txt").unlink()
    found = read_bnn_pynq(copy)
    assert found.network.output_shape == (64,)
    assert found.network.class_names == ()
    assert found.folding.layers[-1].pe == 4
    last = found.network.layers[-1]
    kept = parameters.network.layers[-1]
    assert not isinstance(last, MaxPoolLayer)
    assert not isinstance(kept, MaxPoolLayer)
    np.testing.assert_array_equal(last.weights[:10], kept.weights)
    assert not last.weights[10:].any()


def _edit(name: str, change: Callable[[np.ndarray], None], kind: str) -> Callable[[Path], None]:
    def damage(directory: Path) -> None:
        words = np.fromfile(directory / name, kind)
        change(words)
        words.tofile(directory / name)

    return damage


def _resize(name: str, change: int) -> Callable[[Path], None]:
    def damage(directory: Path) -> None:
        content = (directory / name).read_bytes()
        (directory / name).write_bytes(content[:change] if change < 0 else content + b"\0" * change)

    return damage


def _write(name: str, content: bytes) -> Callable[[Path], None]:
    def damage(directory: Path) -> None:
        (directory / name).write_bytes(content)

    return damage


def _remove(*patterns: str) -> Callable[[Path], None]:
    def damage(directory: Path) -> None:
        for pattern in patterns:
            for path in list(directory.glob(pattern)):
                path.unlink()

    return damage


def _randomise(name: str) -> Callable[[Path], None]:
    def damage(directory: Path) -> None:
        size = (directory / name).stat().st_size
        (directory / name).write_bytes(np.random.default_rng(5).bytes(size))

    return damage


def _extra_layer(directory: Path) -> None:
    for kind in ("weights", "thres"):
        shutil.copy(directory / f"7-0-{kind}.bin", directory / f"9-0-{kind}.bin")


def _directory_for_a_file(directory: Path) -> None:
    (directory / "2-3-weights.bin").unlink()
    (directory / "2-3-weights.bin").mkdir()


def _code_2(words: np.ndarray) -> None:
    words[7] = (words[7] & ~np.uint64(3 << 6)) | np.uint64(2 << 6)


def _swap(words: np.ndarray) -> None:
    row = int(np.argmax(words[::2] < words[1::2]))
    words[2 * row], words[2 * row + 1] = words[2 * row + 1], words[2 * row]


DAMAGE: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "short by a byte": (
        _resize("3-5-weights.bin", -1),
        "3-5-weights.bin",
        "9215 bytes; expected 9216",
    ),
    "only PE short by a byte": (
        _resize("5-0-weights.bin", -1),
        "5-0-weights.bin",
        "589823 bytes; expected 589824",
    ),
    "only PE one byte too long": (
        _resize("6-0-weights.bin", 1),
        "6-0-weights.bin",
        "524289 bytes; expected 524288",
    ),
    "thresholds short by a byte": (
        _resize("1-3-thres.bin", -1),
        "1-3-thres.bin",
        "63 bytes; expected 64",
    ),
    "only PE's thresholds short": (
        _resize("5-0-thres.bin", -1),
        "5-0-thres.bin",
        "4095 bytes; expected 4096",
    ),
    "half the thresholds": (
        _resize("5-0-thres.bin", -2048),
        "5-0-thres.bin",
        "2048 bytes; expected 4096",
    ),
    "a PE of another size": (
        _resize("1-9-weights.bin", 8),
        "1-9-weights.bin",
        "1160 bytes; expected 1152",
    ),
    "an empty file": (_write("4-1-weights.bin", b""), "4-1-weights.bin", "0 bytes; expected 73728"),
    "a PE without weights": (_remove("3-2-weights.bin"), "3-2-weights.bin", "missing"),
    "the last PE without weights": (_remove("3-7-weights.bin"), "3-7-weights.bin", "missing"),
    "a PE without thresholds": (_remove("2-4-thres.bin"), "2-4-thres.bin", "missing"),
    "a PE gone": (_remove("2-4-*.bin"), "2-4-weights.bin", "missing"),
    "the last PE gone": (
        _remove("1-15-*.bin"),
        "1-15-weights.bin",
        "divide the 64 rows of layer 1, not 15",
    ),
    "one of two PEs gone": (_remove("7-1-*.bin"), "7-0-thres.bin", "2 for each of 512 rows on 1"),
    "the last layer's last PE gone": (
        _remove("8-3-*.bin"),
        "8-3-weights.bin",
        "divide the 64 rows",
    ),
    "thresholds of a layer gone": (
        _remove("4-*-thres.bin"),
        "4-0-thres.bin",
        "missing; expected thresholds",
    ),
    "a layer gone": (_remove("4-*.bin"), "4-0-weights.bin", "missing"),
    "the last layer gone": (
        _remove("8-*.bin"),
        "8-0-weights.bin",
        "expected 4 (lfc) or 9 (cnv) layers",
    ),
    "one layer more": (_extra_layer, "9-0-weights.bin", "one layer too many"),
    "code 2": (
        _edit("2-0-weights.bin", _code_2, "<u8"),
        "2-0-weights.bin",
        "lane 3 of word 7 holds code 2",
    ),
    "T0 > T1": (_edit("6-0-thres.bin", _swap, "<i8"), "6-0-thres.bin", "ascending order"),
    "random weights": (
        _randomise("1-4-weights.bin"),
        "1-4-weights.bin",
        "expected 16 weights of 2 bit",
    ),
    "random weights of the last layer": (
        _randomise("8-2-weights.bin"),
        "8-2-weights.bin",
        "expected 1 weights of 2 bit",
    ),
    "random thresholds": (
        _randomise("3-1-thres.bin"),
        "3-1-thres.bin",
        "expected an integer of 16 bits",
    ),
    "random first thresholds": (
        _randomise("0-6-thres.bin"),
        "0-6-thres.bin",
        "expected an integer of 24 bits",
    ),
    "a padding row in use": (
        _edit("8-1-weights.bin", lambda words: words.__setitem__(512 * 5, 1), "<u8"),
        "8-1-weights.bin",
        "row 21 of layer 8 is not padding",
    ),
    "fewer classes than rows in use": (
        _write("classes.txt", b"a\nb\nc\nd\ne\nf\ng\nh\ni"),
        "8-1-weights.bin",
        "row 9 of layer 8 is not padding, but classes.txt names 9 classes",
    ),
    "no class": (_write("classes.txt", b"\n\n"), "classes.txt", "names no class"),
    "class names in no encoding": (
        _write("classes.txt", b"\xff\xfe\xfa"),
        "classes.txt",
        "not UTF-8",
    ),
    "a directory for a file": (_directory_for_a_file, "2-3-weights.bin", "cannot read"),
    "nothing there": (_remove("*"), "", "holds no BNN-PYNQ parameters"),
    "no parameters": (_remove("*.bin"), "", "holds no BNN-PYNQ parameters"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damage_is_refused_with_the_file_named(case: str, copy: Path) -> None:
    damage, file, message = DAMAGE[case]
    damage(copy)
    with pytest.raises(NetworkFileError) as caught:
        read_bnn_pynq(copy)
    assert caught.value.where == str(copy / file)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NetworkFileError, match="no-such: there is no such directory"):
        read_bnn_pynq(tmp_path / "no-such")


def test_a_file_instead_of_a_directory(bnn_pynq_directory: Path) -> None:
    with pytest.raises(NetworkFileError, match=r"classes\.txt: not a directory"):
        read_bnn_pynq(bnn_pynq_directory / "classes.txt")
