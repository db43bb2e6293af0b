"""Networks written as BNN-PYNQ files and read again, and what the hardware makes of the files."""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dse.errors import FoldingError, NetworkError, NetworkFileError, OutputError
from finn_flows.bnn_pynq import (
    CNV,
    LFC,
    BnnPynqTopology,
    read_bnn_pynq,
    topology_of,
    write_bnn_pynq,
)
from finn_flows.cut import Cut, split_network
from finn_flows.folding import Folding, LayerFolding, check_folding, divisors
from finn_flows.integer_reference import run_integers
from finn_flows.network import ConvLayer, DenseLayer, Network
from tests.finn_flows.bnn_pynq_hardware import run_hardware
from tests.finn_flows.bnn_pynq_networks import (
    PUBLISHED_FOLDINGS,
    folding_of,
    random_network,
    random_published,
)


@st.composite
def small_topologies(draw: st.DrawFn) -> BnnPynqTopology:
    if draw(st.booleans()):
        picture = (draw(st.integers(3, 9)), draw(st.integers(3, 9)), 1)
        # With no hidden layer nothing would tell 1-bit from 2-bit activations.
        hidden = draw(st.lists(st.integers(1, 9), min_size=1, max_size=2))
        return BnnPynqTopology("lfc", picture, (), (), tuple(hidden), True)
    channels = draw(st.lists(st.integers(1, 6), min_size=1, max_size=2))
    side = 8 if len(channels) == 2 else 5
    pools = tuple(number for number in range(len(channels)) if draw(st.booleans()))
    if pools == (0, 1):
        pools = (1,)
    hidden = draw(st.lists(st.integers(1, 9), max_size=2))
    return BnnPynqTopology("cnv", (side, side, 3), tuple(channels), pools, tuple(hidden), False)


@st.composite
def written(draw: st.DrawFn) -> tuple[Network, Folding, int, int]:
    """A small network, a legal folding of its files, its weight and its activation bits."""
    topology = draw(small_topologies())
    widths = [(1, 1), (1, 2)] + ([] if topology.binary_input else [(2, 2)])
    weight_bits, activation_bits = draw(st.sampled_from(widths))
    classes = draw(st.integers(1, 12))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    network = random_network(topology, weight_bits, activation_bits, classes, generator)
    folds = []
    for geometry in topology.geometry():
        simds = [simd for simd in divisors(geometry.simd_limit) if simd * weight_bits <= 64]
        rows = 64 if geometry.rows is None else geometry.rows
        folds.append(
            LayerFolding(draw(st.sampled_from(simds)), draw(st.sampled_from(divisors(rows))))
        )
    return network, Folding("drawn", tuple(folds)), weight_bits, activation_bits


def random_pixels(network: Network, images: int, seed: int = 1) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (images, *network.input_shape), dtype=np.uint8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(written())
def test_a_network_comes_back_as_it_was_written(case: tuple[Network, Folding, int, int]) -> None:
    network, folding, weight_bits, activation_bits = case
    with tempfile.TemporaryDirectory() as folder:
        write_bnn_pynq(network, folding, Path(folder) / "parameters")
        found = read_bnn_pynq(Path(folder) / "parameters", topology_of(network))
    assert found.network.sha256 == network.sha256
    assert found.network.class_names == network.class_names
    assert found.file_folding.layers == folding.layers
    assert (found.weight_bits, found.activation_bits) == (weight_bits, activation_bits)
    check_folding(found.network, found.folding)
    inputs = network.encode_pixels(random_pixels(network, 8))
    np.testing.assert_array_equal(
        run_integers(found.network, inputs), run_integers(network, inputs)
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(written(), st.integers(0, 2**32))
def test_the_hardware_computes_the_network_from_the_files(
    case: tuple[Network, Folding, int, int], seed: int
) -> None:
    network, folding, weight_bits, activation_bits = case
    topology = topology_of(network)
    pixels = random_pixels(network, 1, seed)
    logits = run_integers(network, network.encode_pixels(pixels))[0]
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "parameters"
        write_bnn_pynq(network, folding, directory)
        answer = run_hardware(
            directory,
            pixels[0].tolist(),
            weight_bits=weight_bits,
            activation_bits=activation_bits,
            simds=[fold.simd for fold in folding.layers],
            convolutions=len(topology.conv_channels),
            pools_after=topology.pools_after,
            binary_input=topology.binary_input,
        )
    if topology.binary_input:
        expected = (logits + 1) // 2
    elif activation_bits == 1:
        expected = (logits + topology.geometry()[-1].columns) // 2  # matches
    else:
        expected = logits
    assert len(answer) == 64
    assert answer[: len(expected)] == expected.tolist()
    if topology.binary_input:
        assert not any(answer[len(expected) :])  # padding rows stay silent


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(written(), st.data())
def test_damage_gives_an_error_of_ours_or_a_network(
    case: tuple[Network, Folding, int, int], data: st.DataObject
) -> None:
    """Whatever happens to one file: never another exception."""
    network, folding, _, _ = case
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "parameters"
        write_bnn_pynq(network, folding, directory)
        victim = data.draw(st.sampled_from(sorted(directory.iterdir())))
        content = victim.read_bytes()
        damage = data.draw(st.sampled_from(["remove", "cut", "append", "random"]))
        if damage == "remove":
            victim.unlink()
        elif damage == "cut":
            victim.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
        elif damage == "append":
            victim.write_bytes(content + data.draw(st.binary(min_size=1, max_size=16)))
        else:
            generator = np.random.default_rng(data.draw(st.integers(0, 2**32)))
            victim.write_bytes(generator.bytes(len(content)))
        error = refusal(directory, topology_of(network))
    if error is None:
        # Only what leaves sizes as they are, or class names, can go unnoticed.
        assert damage == "random" or victim.name == "classes.txt"
    else:
        assert str(error).startswith(str(directory))
        assert "\n" not in str(error)


def refusal(directory: Path, topology: BnnPynqTopology) -> NetworkFileError | None:
    try:
        read_bnn_pynq(directory, topology)
    except NetworkFileError as error:
        return error
    return None


@pytest.mark.parametrize("name", PUBLISHED_FOLDINGS)
def test_every_published_shape_is_recognised(name: str, tmp_path: Path) -> None:
    network = random_published(name)
    write_bnn_pynq(network, folding_of(name), tmp_path / "any-name")
    found = read_bnn_pynq(tmp_path / "any-name")
    assert found.network.name == name
    assert found.network.sha256 == network.sha256
    assert found.file_folding.layers == folding_of(name).layers
    assert found.saturated_thresholds >= 0
    check_folding(found.network, found.folding)


@pytest.mark.parametrize(
    ("name", "victim"), [("cnvW1A1", "1-5-weights.bin"), ("lfcW1A2", "3-9-weights.bin")]
)
def test_random_bytes_do_not_make_a_1_bit_network_a_2_bit_one(
    name: str, victim: str, tmp_path: Path
) -> None:
    directory = tmp_path / "parameters"
    write_bnn_pynq(random_published(name), folding_of(name), directory)
    size = (directory / victim).stat().st_size
    (directory / victim).write_bytes(np.random.default_rng(3).bytes(size))
    with pytest.raises(NetworkFileError) as caught:
        read_bnn_pynq(directory)
    assert caught.value.where == str(directory / victim)


@pytest.mark.parametrize("name", ["lfcW1A1", "lfcW1A2"])
def test_the_highest_class_whose_bit_is_set_wins(name: str) -> None:
    network = random_published(name)
    logits = -np.ones((3, 10), dtype=np.int32)
    logits[0, [2, 7]] = 1
    logits[1, 0] = 1
    assert network.scores(logits).argmax(axis=1).tolist() == [7, 0, 0]


@pytest.fixture(scope="module")
def network() -> Network:
    return random_published("cnvW2A2")


def test_files_that_are_there_are_not_touched(network: Network, tmp_path: Path) -> None:
    (tmp_path / "parameters").mkdir()
    (tmp_path / "parameters" / "0-31-weights.bin").write_bytes(b"mine")
    with pytest.raises(OutputError, match="parameters: cannot write"):
        write_bnn_pynq(network, folding_of("cnvW2A2"), tmp_path / "parameters")
    assert [path.name for path in tmp_path.rglob("*")] == ["parameters", "0-31-weights.bin"]


def test_an_unwritable_place_leaves_nothing_behind(network: Network, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot write"):
        write_bnn_pynq(network, folding_of("cnvW2A2"), tmp_path / "file" / "parameters")
    assert [path.name for path in tmp_path.rglob("*")] == ["file"]


def test_a_folding_that_does_not_divide_is_refused(network: Network, tmp_path: Path) -> None:
    folds = list(folding_of("cnvW2A2").layers)
    folds[3] = LayerFolding(16, 7)
    with pytest.raises(FoldingError, match=r"PE 7 of layer 3 .*choose from 1, 2, 4, 8"):
        write_bnn_pynq(network, Folding("odd", tuple(folds)), tmp_path / "parameters")
    folds[3] = LayerFolding(64, 8)  # divides 128 channels, but 2 bits each are more than a word
    with pytest.raises(FoldingError, match="SIMD 64 of layer 3"):
        write_bnn_pynq(network, Folding("wide", tuple(folds)), tmp_path / "parameters")
    with pytest.raises(FoldingError, match="has 8 layers; expected 9"):
        write_bnn_pynq(network, Folding("short", tuple(folds[:8])), tmp_path / "parameters")


def test_what_the_files_cannot_say_is_refused(network: Network, tmp_path: Path) -> None:
    first, _ = split_network(network, Cut(5))
    assert network.pixel_table is not None
    only_zeros = tuple(
        layer
        if not isinstance(layer, ConvLayer | DenseLayer)
        else replace(layer, weights=np.zeros_like(layer.weights))
        for layer in network.layers
    )
    for altered, message in (
        (split_network(network, Cut(5))[1], "part of a network"),
        (first, "does not fit BNN-PYNQ files"),
        (replace(network, pixel_table=network.pixel_table // 2), "encodes pixels in another way"),
        (replace(network, class_names=()), "10 classes without names"),
        (replace(network, class_names=("one\ntwo",) * 10), "do not fit into classes.txt"),
        (replace(network, class_scores=random_published("lfcW1A1").class_scores), "class scores"),
        (replace(network, layers=only_zeros), "needs the second bit"),
    ):
        with pytest.raises(NetworkError, match=message):
            write_bnn_pynq(altered, folding_of("cnvW2A2"), tmp_path / "parameters")
    assert not list(tmp_path.iterdir())


def test_topology_is_found_again() -> None:
    found = topology_of(random_published("cnvW1A1"))
    assert replace(found, name="cnv") == CNV


def test_padding_is_what_finnthesizer_writes(tmp_path: Path) -> None:
    """Weights of +1 in rows without a class and columns without a pixel; thresholds of 32767."""
    write_bnn_pynq(random_published("lfcW1A2"), folding_of("lfcW1A2"), tmp_path / "lfc")
    for pe in range(32):
        lines = np.fromfile(tmp_path / "lfc" / f"0-{pe}-weights.bin", "<u8").reshape(32, 13)
        assert (lines[:, 12] >> np.uint64(784 % 64) == 2**48 - 1).all()
    for pe in range(16):  # rows pe, 16 + pe, 32 + pe, 48 + pe; the first 10 are classes
        first = 0 if pe >= 10 else 1
        rows = np.fromfile(tmp_path / "lfc" / f"3-{pe}-weights.bin", "<u8").reshape(4, -1)
        assert (rows[first:] == 0xFF).all()
        assert (np.fromfile(tmp_path / "lfc" / f"3-{pe}-thres.bin", "<i8")[first:] == 32767).all()


@pytest.mark.parametrize("topology", [CNV, LFC])
def test_every_pixel_enters_as_in_the_host(topology: BnnPynqTopology) -> None:
    """``ap_fixed<8, 1, AP_RND, AP_SAT>`` of p/255*2 - 1, or its sign (0 never occurs)."""
    for pixel, entered in enumerate(topology.pixel_table[0].tolist()):
        value = Fraction(2 * pixel, 255) - 1
        rounded = min(math.floor(value * 128 + Fraction(1, 2)), 127)
        assert entered == ((1 if value >= 0 else -1) if topology.binary_input else rounded)
