"""The folder of a kernel: golden sources, a manifest of every file, both parts agreeing."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

from dse.errors import OutputError
from finn_flows.backends.interface import Part
from finn_flows.cut import Cut, CutTensor
from finn_flows.integer_reference import run_integers
from hls_templates.kernel_files import render_kernel
from hls_templates.kernel_folder import processing_system, write_kernel_folder
from tests.hls_templates.golden import GOLDEN, NAMES, rendered
from tests.hls_templates.parts import parts_of, random_folding, shipped_parts
from tests.random_networks import random_input, random_network


@pytest.fixture
def parts() -> list[Part]:
    network = random_network(4)
    return parts_of(network, Cut(1, "after"), random_folding(4, network))


def written(part: Part, folder: Path) -> dict[str, object]:
    tensor = random_input(1, part.network, 2)
    paths = write_kernel_folder(part, tensor, folder)
    assert sorted(paths) == sorted(path for path in folder.rglob("*") if path.is_file())
    manifest: dict[str, object] = json.loads((folder / "part.json").read_text())
    return manifest


def test_sources_are_the_golden_ones(tmp_path: Path) -> None:
    # To renew after a change that is meant: python -m tests.hls_templates.golden
    for name, text in rendered(tmp_path).items():
        assert text == (GOLDEN / name).read_text(), name
    assert {path.relative_to(GOLDEN).as_posix() for path in GOLDEN.rglob("*.*")} == set(NAMES)


def test_the_manifest_names_every_file(parts: list[Part], tmp_path: Path) -> None:
    manifest = written(parts[0], tmp_path)
    files = manifest["files"]
    assert isinstance(files, dict)
    assert set(files) | {"part.json"} == {
        path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()
    }
    for name, expected in files.items():
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == expected
    assert manifest["kernel"] == "split1_pool_after_first"
    assert manifest["layers"] == ["conv0", "conv1"]


def test_both_parts_agree_on_the_cut(parts: list[Part], tmp_path: Path) -> None:
    first, second = (written(part, tmp_path / part.name.value) for part in parts)
    assert first["split"] == second["split"]
    assert first["network_sha256"] == second["network_sha256"]
    headers = [(tmp_path / name / "cut.h").read_text() for name in ("first", "second")]
    assert headers[0] == headers[1]
    (words,) = re.findall(r"static_assert\(WORDS == (\d+),", headers[0])
    assert int(words) == render_kernel(parts[0]).design.output.words
    assert "static_assert(OUTPUT_WORDS == cut::WORDS" in (tmp_path / "first/kernel.cpp").read_text()
    assert "static_assert(INPUT_WORDS == cut::WORDS" in (tmp_path / "second/kernel.cpp").read_text()


def test_the_images_of_the_testbench_have_the_results_of_the_network(
    parts: list[Part], tmp_path: Path
) -> None:
    for part in parts:
        folder = tmp_path / part.name.value
        written(part, folder)
        network = part.network
        source = CutTensor(network.input_shape, network.input_type)
        target = CutTensor(network.output_shape, network.output_type)
        words = np.fromfile(folder / "images/input.bin", "<u8").reshape(2, -1)
        found = np.fromfile(folder / "images/expected.bin", "<u8").reshape(2, -1)
        assert (target.unpack(found) == run_integers(network, source.unpack(words))).all()


def test_weights_decide_the_memories_and_nothing_else() -> None:
    """So that a kernel takes other weights at run time, and one compiled program serves all."""
    one, other = (random_network(seed) for seed in (1, 2))
    kernels = [
        render_kernel(parts_of(network, Cut(3), random_folding(1, network))[0])
        for network in (one, other)
    ]
    assert kernels[0].sources == kernels[1].sources
    assert kernels[0].memories.keys() == kernels[1].memories.keys()
    assert kernels[0].memories != kernels[1].memories


@pytest.mark.parametrize(
    ("device", "family", "block"),
    [
        ("xc7z020clg400-1", "zynq", "processing_system7"),
        ("xczu3eg-sbva484-1-e", "zynq-ultrascale", "zynq_ultra_ps_e"),
        ("xck26-sfvc784-2LV-c", "zynq-ultrascale", "zynq_ultra_ps_e"),
        ("xc7a100tcsg324-1", None, None),
    ],
)
def test_an_overlay_is_for_devices_with_processors(
    device: str, family: str | None, block: str | None, tmp_path: Path
) -> None:
    network = random_network(1, layers=("dense16", "dense6"))
    (part,) = parts_of(network, None, random_folding(1, network), device)
    written(part, tmp_path)
    assert processing_system(device) == family
    script = tmp_path / "overlay.tcl"
    if block is None:
        assert not script.exists()
        assert "overlay" not in (tmp_path / "README.md").read_text()
    else:
        assert f"xilinx.com:ip:{block}" in script.read_text()


def test_memory_choices_of_the_folding_are_pragmas_for_either_tool() -> None:
    source = render_kernel(shipped_parts(Cut(1))[0]).sources["kernel.cpp"]
    assert (
        "#ifdef __VITIS_HLS__\n"
        "#pragma HLS BIND_STORAGE variable=weights1.m_weights type=RAM_2P impl=LUTRAM\n"
        "#else\n"
        "#pragma HLS RESOURCE variable=weights1.m_weights core=RAM_2P_LUTRAM\n"
        "#endif\n"
    ) in source
    assert "weights0.m_weights type" not in source


def test_a_folder_that_cannot_be_written(parts: list[Part], tmp_path: Path) -> None:
    (tmp_path / "memory").write_text("in the way\n")
    with pytest.raises(OutputError, match="memory"):
        written(parts[0], tmp_path)
