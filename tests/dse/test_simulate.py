"""``dse simulate``: measured and compared; a difference is an exit code and one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import dse.part_simulation
from finn_flows.integer_reference import run_integers
from finn_flows.network import Network
from finn_flows.network_file import save_network
from tests.dse.small_network import small_folding, small_network
from tests.dse.test_cli import error_line, invoke
from tests.finn_flows.simulation.wave_files import read_fst

pytestmark = pytest.mark.usefixtures("in_simulation_cache")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The options that name the small network and its folding."""
    folder = tmp_path_factory.mktemp("small")
    network = small_network()
    save_network(network, folder / "small.npz")
    layers = [{"simd": layer.simd, "pe": layer.pe} for layer in small_folding().layers]
    (folder / "folding.json").write_text(json.dumps({"layers": layers}))
    return ["--weights", str(folder / "small.npz"), "--folding", str(folder / "folding.json")]


def simulated(*arguments: str) -> dict[str, Any]:
    result = invoke("simulate", "--json", *arguments)
    assert result.returncode == 0, result.stderr
    data: dict[str, Any] = json.loads(result.stdout)
    return data


@pytest.mark.slow
def test_the_whole_network_is_measured_and_compared(small: list[str]) -> None:
    data = simulated(*small)
    assert data["identical_to_network"] is True
    assert data["first_difference"] is None
    assert (data["part"], data["split"], data["images"]) == ("whole", None, 5)
    slowest = max(layer["cycles"] for layer in data["layers"])
    interval = data["steady_state_interval_cycles"]
    assert slowest <= interval <= 1.05 * slowest
    assert data["frames_per_second"] == 100e6 / interval
    assert data["latency_cycles"] == data["latencies_cycles"][0] > slowest
    assert data["bottleneck"] in [layer["label"] for layer in data["layers"]]
    assert set(data["fifo_depths"]) == {"conv0", "pool0", "conv1", "dense2"}
    assert data["streams"][-1]["name"] == "m_axis_0"


def test_parts_and_stalls_and_frames(small: list[str]) -> None:
    second = simulated(*small, "--split", "0", "--part", "second", "--frames", "7")
    assert second["identical_to_network"] is True
    assert (second["part"], second["split"], second["pool"]) == ("second", 0, "before")
    assert set(second["fifo_depths"]) == {"conv1", "dense2"}
    assert len(second["images_simulated"]) == second["images"] == 7
    stalls = [*small, "--split", "0", "--part", "second", "--stalls", "0.5"]
    one, same, other = (simulated(*stalls, "--seed", seed) for seed in ("1", "1", "2"))
    assert one["identical_to_network"] is True
    assert one["intervals_cycles"] == same["intervals_cycles"] != other["intervals_cycles"]
    first = simulated(*small, "--split", "0", "--pool", "after")
    assert set(first["fifo_depths"]) == {"conv0"}


def test_pictures_are_taken_in_turn(small: list[str], tmp_path: Path) -> None:
    files = []
    for index in range(2):
        pixels = np.random.default_rng(index).integers(0, 256, (10, 10, 3), dtype=np.uint8)
        files.append(str(tmp_path / f"{index}.png"))
        Image.fromarray(pixels).save(files[-1])
    data = simulated(*small, *files, "--frames", "3")
    assert data["images_simulated"] == [files[0], files[1], files[0]]
    assert data["identical_to_network"] is True
    assert data["steady_state_interval_cycles"] is None  # three images do not tell


def test_text_says_what_was_measured(small: list[str]) -> None:
    text = invoke("simulate", *small).stdout
    data = simulated(*small)
    assert "every output word is the integer network's" in text
    assert f"latency {data['latency_cycles']:,} cycles" in text
    assert f"steady state {data['steady_state_interval_cycles']:,} cycles per image" in text
    assert f"bottleneck {data['bottleneck']}:" in text
    for stream in data["streams"]:
        assert stream["name"] in text
    assert "cycles/s" in text


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_difference_is_named_and_the_exit_code_is_1(
    small: list[str], form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(network: Network, tensor: np.ndarray) -> np.ndarray:
        result = run_integers(network, tensor)
        result[2, 7] += 1
        return result

    right = run_integers(
        small_network(), dse.part_simulation.choose_images(small_network(), [], 5).tensor
    )
    monkeypatch.setattr(dse.part_simulation, "run_integers", wrong)
    result = invoke("simulate", *small, *(["--json"] if form == "json" else []))
    assert result.returncode == 1
    assert result.stderr == (
        f"dse: whole network: image 2 (random-2), value [7]: {right[2, 7]}, "
        f"but the network gives {right[2, 7] + 1}\n"
    )
    if form == "json":
        data = json.loads(result.stdout)
        assert data["identical_to_network"] is False
        assert data["first_difference"]["place"] == [7]
    else:
        assert "every output word" not in result.stdout


@pytest.mark.slow
def test_waves_are_written_where_they_should_be(
    small: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    part = [*small, "--split", "1", "--part", "second"]
    result = invoke("simulate", *part, "--vcd-around", "2")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "waves: frame-2.vcd"
    assert (tmp_path / "frame-2.vcd").read_text().startswith("$version Generated by Verilated")
    (tmp_path / "file").write_text("")
    below = str(tmp_path / "file" / "x.fst")
    assert below in error_line(invoke("simulate", *part, "--trace", below))


@pytest.mark.slow
def test_the_whole_run_goes_into_an_fst(small: list[str], tmp_path: Path) -> None:
    file = tmp_path / "folder" / "run.fst"
    part = [*small, "--split", "1", "--part", "second"]
    result = invoke("simulate", *part, "--trace", str(file), "--trace-depth", "2")
    assert result.stdout.splitlines()[-1] == f"waves: {file}"
    assert any(name.endswith("part.stream_0_tvalid") for name in read_fst(file))


def test_mistakes_are_one_line(small: list[str], tmp_path: Path) -> None:
    for arguments, expected in [
        (("--part", "first"), "--part is a part of a split: give --split, too"),
        (("--split", "9"), "has no split 9"),
        (("--split", "2", "--part", "second"), "has no layers"),
        (("--pool", "after"), "there is no cut"),
        (("--seed", "1"), "give --stalls, too"),
        (("--stalls", "1"), "0<=x<1"),
        (("--frames", "0"), "1<=x<="),
        (("--vcd", "x.vcd"), "give --vcd-around, too"),
        (("--trace-depth", "2"), "give --trace or --vcd-around, too"),
        (("--vcd-around", "5"), "frames are 0 to 4"),
        (("--trace", "a.fst", "--vcd-around", "1"), "one of them at a time"),
        (("nowhere.png",), "nowhere.png: there is no such file"),
    ]:
        line = error_line(invoke("simulate", *small, *arguments))
        assert expected in line, (arguments, line)


def test_without_a_compiler_one_line_says_so(
    small: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setenv("SPLIT_DSE_CACHE", str(tmp_path))
    line = error_line(invoke("simulate", *small))
    assert "no C++ compiler was found" in line
    assert "no-such-compiler" in line


def test_waves_that_cannot_be_written_are_refused_at_once(
    small: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def search(*_: object) -> None:
        raise AssertionError("searched for FIFO depths first")

    monkeypatch.setattr("finn_flows.simulation.fifo_depths.fifo_depths", search)
    (tmp_path / "file").write_text("")
    for option in ("--trace", "--vcd"):
        more = ("--vcd-around", "0") if option == "--vcd" else ()
        result = invoke("simulate", *small, *more, option, str(tmp_path / "file" / "waves"))
        assert result.returncode == 2
        assert "cannot write" in error_line(result)


def test_more_frames_than_memory_holds_are_refused(small: list[str]) -> None:
    result = invoke("simulate", *small, "--frames", "99999999999")
    assert result.returncode == 2
    assert "--frames" in error_line(result)
