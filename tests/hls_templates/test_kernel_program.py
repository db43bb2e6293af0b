"""Kernels compiled with g++ and the real finn-hlslib, and run: every word of every part."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from dse.folding_choice import choose_folding
from dse.kernel_simulation import KernelSimulation, simulate_kernels
from dse.part_simulation import Images
from finn_flows.cache_directory import CACHE_VARIABLE
from finn_flows.cut import Cut, cut_tensor, legal_cuts
from finn_flows.folding import Folding, LayerFolding, published_folding
from finn_flows.integer_reference import run_integers
from finn_flows.integer_type import IntegerType
from finn_flows.network import Network
from finn_flows.simulation.verilator import SimulationError
from finn_flows.weights import load_weights
from hls_templates.headers import HeaderFolder
from hls_templates.kernel_files import KernelFiles, render_kernel
from hls_templates.kernel_folder import write_kernel_folder
from hls_templates.kernel_program import compile_kernel, run_kernel
from tests.hls_templates.parts import parts_of, random_folding
from tests.random_networks import TERNARY, random_input, random_network

GOLDEN = [-24, -34, -21, -13, 244, 4, -7, -20, -27, -13]
BIPOLAR = IntegerType.bipolar()


@pytest.fixture(autouse=True)
def kept_programs(simulation_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(simulation_cache))


def simulated(
    network: Network,
    cut: Cut | None,
    folding: Folding,
    images: Images,
    hlslib: HeaderFolder,
    ap_types: HeaderFolder,
) -> KernelSimulation:
    said: list[str] = []
    found = simulate_kernels(
        parts_of(network, cut, folding),
        images,
        hlslib.path,
        ap_types.path,
        say=said.append,
    )
    assert [line.split()[0] for line in said] == sorted(
        ["compiling", "running"] * len(found.kernels)
    )
    assert [str(kernel.difference) for kernel in found.kernels] == ["None"] * len(found.kernels)
    assert found.is_identical
    assert found.results is not None
    assert (found.results == run_integers(network, images.tensor)).all()
    return found


def random_images(network: Network, count: int) -> Images:
    return Images(tuple(f"random-{n}" for n in range(count)), random_input(9, network, count))


@pytest.mark.slow
@pytest.mark.parametrize("pool", ["before", "after"])
@pytest.mark.parametrize("layer", range(8))
def test_every_split_of_bnn_pynq_gives_the_golden_logits(
    layer: int, pool: str, shared: Path, hlslib: HeaderFolder, ap_types: HeaderFolder
) -> None:
    from dse.classify import load_pictures, load_test_digits

    loaded = load_weights(f"bnn-pynq:{shared / 'bnn_pynq' / 'cnvW2A2'}")
    network = loaded.network
    cut = Cut(layer, "after" if pool == "after" else "before")
    if pool == "after" and cut not in legal_cuts(network, "both"):
        pytest.skip(f"no max-pool follows layer {layer}")
    _, deer = load_pictures(network, [shared / "bnn_pynq" / "images" / "deer.jpg"])
    _, digits, _ = load_test_digits(network, 3)
    pixels = np.concatenate([deer, digits])
    images = Images(("deer", "0", "1", "2"), network.encode_pixels(pixels))
    found = simulated(network, cut, published_folding(network), images, hlslib, ap_types)
    assert found.results is not None
    assert found.results[0].tolist() == GOLDEN
    words = cut_tensor(network, cut).bytes_per_image // 8
    assert found.kernels[0].words_out == found.kernels[1].words_in == words


@pytest.mark.slow
@pytest.mark.parametrize(
    ("directory", "layer"),
    [("cifar10/cnvW1A1", 3), ("cifar10/cnvW1A2", 5), ("mnist/lfcW1A1", 1), ("mnist/lfcW1A2", 0)],
)
def test_the_other_networks_of_bnn_pynq(
    directory: str, layer: int, hlslib: HeaderFolder, ap_types: HeaderFolder
) -> None:
    if not os.environ.get("BNN_PYNQ_PARAMS"):
        pytest.skip("BNN_PYNQ_PARAMS does not name bnn/params of a BNN-PYNQ checkout")
    loaded = load_weights(f"bnn-pynq:{Path(os.environ['BNN_PYNQ_PARAMS']) / directory}")
    network = loaded.network
    folding = choose_folding(None, network, loaded.folding)
    images = random_images(network, 3)
    simulated(network, Cut(layer), folding, images, hlslib, ap_types)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("weights", "activation"),
    [
        (BIPOLAR, BIPOLAR),
        (BIPOLAR, TERNARY),
        (TERNARY, BIPOLAR),
        (TERNARY, TERNARY),
        (IntegerType.signed(4), IntegerType.signed(4)),
        (IntegerType.signed(3), IntegerType.unsigned(3)),
    ],
    ids=["W1A1", "W1A2", "W2A1", "W2A2", "W4A4", "W3U3"],
)
def test_other_widths_and_foldings(
    weights: IntegerType,
    activation: IntegerType,
    hlslib: HeaderFolder,
    ap_types: HeaderFolder,
) -> None:
    layers = ("conv16", "conv12", "pool", "conv8", "dense12", "dense5")
    network = random_network(3, layers=layers, weight_type=weights, activation=activation)
    cuts = [None, Cut(1, "before"), Cut(1, "after")]
    for seed, cut in enumerate(cuts):
        folding = random_folding(seed, network, most=48)
        simulated(network, cut, folding, random_images(network, 3), hlslib, ap_types)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "kernel", "stride", "layers"),
    [
        ((12, 12, 3), (3, 3), (3, 3), ("conv8", "dense7", "dense5")),
        ((16, 16, 3), (2, 2), (2, 2), ("conv8", "conv12", "pool", "dense7", "dense5")),
        ((16, 16, 4), (4, 4), (2, 2), ("conv8", "dense7", "dense5")),
        ((6, 6, 4), (1, 1), (1, 1), ("conv8", "conv12", "pool", "dense5")),
        ((12, 12, 2), (3, 3), (1, 1), ("pool", "conv6", "conv5")),
    ],
)
def test_other_windows(
    shape: tuple[int, ...],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    layers: tuple[str, ...],
    hlslib: HeaderFolder,
    ap_types: HeaderFolder,
) -> None:
    network = random_network(2, input_shape=shape, kernel=kernel, stride=stride, layers=layers)
    for seed in range(2):
        folding = random_folding(seed, network)
        simulated(network, Cut(0), folding, random_images(network, 11), hlslib, ap_types)


@pytest.mark.slow
def test_a_bipolar_picture_of_no_whole_words(hlslib: HeaderFolder, ap_types: HeaderFolder) -> None:
    network = random_network(
        1,
        input_shape=(28, 28, 1),
        layers=("dense24", "dense20", "dense10"),
        input_type=BIPOLAR,
        weight_type=BIPOLAR,
        activation=BIPOLAR,
    )
    for cut in (None, Cut(0), Cut(1)):
        folding = random_folding(5, network, most=112)
        simulated(network, cut, folding, random_images(network, 5), hlslib, ap_types)


@pytest.mark.slow
def test_lines_of_many_words_and_words_wider_than_the_default_of_the_tools(
    hlslib: HeaderFolder, ap_types: HeaderFolder
) -> None:
    network = random_network(8, input_shape=(300,), layers=("dense64", "dense5"))
    folding = Folding("wide", (LayerFolding(150, 64), LayerFolding(64, 5)))
    design = render_kernel(parts_of(network, None, folding)[0]).design
    assert max(memory.parts for memory in design.memories) == 5
    assert design.widest == 1200  # SIMD 150 of 8 bits
    simulated(network, Cut(0), folding, random_images(network, 5), hlslib, ap_types)


@pytest.fixture
def small(hlslib: HeaderFolder, ap_types: HeaderFolder) -> KernelFiles:
    network = random_network(6, input_shape=(16,), layers=("dense12", "dense8"))
    return render_kernel(parts_of(network, None, random_folding(2, network))[0])


@pytest.mark.slow
def test_wrong_weights_are_found(
    hlslib: HeaderFolder, ap_types: HeaderFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = random_network(6, input_shape=(16,), layers=("dense12", "dense8"))
    from hls_templates import kernel_files

    right = kernel_files.memory_files

    def wrong(*arguments: object) -> dict[str, bytes]:
        files = right(*arguments)  # type: ignore[arg-type]
        return {
            name: bytes(len(data)) if name == "1-0-weights.bin" else data
            for name, data in files.items()
        }

    monkeypatch.setattr(kernel_files, "memory_files", wrong)
    found = simulate_kernels(
        parts_of(network, Cut(0), random_folding(2, network)),
        random_images(network, 20),
        hlslib.path,
        ap_types.path,
        say=lambda _line: None,
    )
    assert not found.is_identical
    first, second = found.kernels
    assert first.difference is None
    assert second.difference is not None
    assert "but the network gives" in str(second.difference)


@pytest.mark.slow
def test_a_program_is_compiled_once_and_a_damaged_one_again(
    small: KernelFiles,
    hlslib: HeaderFolder,
    ap_types: HeaderFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    first = compile_kernel(small, hlslib, ap_types)
    assert first.compile_seconds is not None
    second = compile_kernel(small, hlslib, ap_types)
    assert (second.path, second.compile_seconds) == (first.path, None)
    assert [path.name for path in first.path.parent.iterdir()] == ["testbench"]
    first.path.write_bytes(b"\x7fELF, or so it says")
    words = np.zeros((1, small.design.input.words), dtype=np.uint64)
    with pytest.raises(SimulationError, match="cannot be started"):
        run_kernel(first, small, words)
    again = compile_kernel(small, hlslib, ap_types)
    assert again.compile_seconds is not None
    assert run_kernel(again, small, words).words.shape == (1, small.design.output.words)


@pytest.mark.slow
def test_memories_that_do_not_fit_are_named(
    small: KernelFiles, hlslib: HeaderFolder, ap_types: HeaderFolder
) -> None:
    program = compile_kernel(small, hlslib, ap_types)
    name = "memory/0-0-weights.bin"
    small.memories[name] += bytes(8)
    words = np.zeros((1, small.design.input.words), dtype=np.uint64)
    with pytest.raises(SimulationError, match=r"0-0-weights\.bin does not fit its memory"):
        run_kernel(program, small, words)


@pytest.mark.slow
def test_words_left_in_a_stream_are_found(
    small: KernelFiles, hlslib: HeaderFolder, ap_types: HeaderFolder
) -> None:
    """The circuit would stand still; C simulation goes on and says a line."""
    source = small.sources["kernel.cpp"]
    assert "Mem2Stream_Batch<64, 16>" in source
    small.sources["kernel.cpp"] = source.replace(
        "Mem2Stream_Batch<64, 16>", "Mem2Stream_Batch<64, 24>"
    )
    program = compile_kernel(small, hlslib, ap_types)
    words = np.zeros((1, small.design.input.words), dtype=np.uint64)
    with pytest.raises(SimulationError, match=r"input_words.*leftover data"):
        run_kernel(program, small, words)


@pytest.mark.slow
def test_the_testbench_of_a_folder_knows_its_results(
    hlslib: HeaderFolder, ap_types: HeaderFolder, tmp_path: Path
) -> None:
    network = random_network(6, input_shape=(16,), layers=("dense12", "dense8"))
    (part,) = parts_of(network, None, random_folding(2, network))
    write_kernel_folder(part, random_input(1, network, 2), tmp_path)
    program = compile_kernel(render_kernel(part), hlslib, ap_types)

    def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(program.path), str(tmp_path), *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    right = bench()
    assert (right.returncode, right.stdout.splitlines()[-1]) == (
        0,
        "every word of 2 images is as expected",
    )
    expected = tmp_path / "images/expected.bin"
    data = bytearray(expected.read_bytes())
    data[-8] ^= 1
    expected.write_bytes(data)
    wrong = bench()
    assert wrong.returncode == 1
    assert wrong.stdout.splitlines()[-1].startswith("image 1, word ")
    assert bench("without-weights").returncode == 0
    assert (bench("x").returncode, bench("x").stderr[:16]) == (2, "ERROR: expected ")


def test_a_library_that_does_not_compile_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "bnn-library.h").write_text("#error this is not the library\n")
    network = random_network(6, input_shape=(16,), layers=("dense12", "dense8"))
    files = render_kernel(parts_of(network, None, random_folding(2, network))[0])
    folder = HeaderFolder(tmp_path, "nothing")
    with pytest.raises(SimulationError) as caught:
        compile_kernel(files, folder, folder)
    assert str(caught.value).startswith("the C++ compiler, on whole: bnn-library.h:1")
    assert "this is not the library" in str(caught.value)
