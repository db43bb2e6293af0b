"""``dse build``: the folders it writes suffice by themselves, and hold what they say."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dse.store import ResultStore
from finn_flows.circuit.layer_circuit import Circuit
from finn_flows.cut import CutTensor
from finn_flows.integer_reference import run_integers
from finn_flows.integer_type import IntegerType
from finn_flows.network_file import save_network
from finn_flows.simulation.simulate import simulate
from tests.dse.test_cli import error_line, invoke
from tests.random_networks import random_input, random_network

NETWORK = random_network(11, input_shape=(6, 6, 2), layers=("conv4", "pool", "dense5"))


@pytest.fixture(scope="module")
def network_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("network") / "small.npz"
    save_network(NETWORK, path)
    return path


def build(network_file: Path, out: Path, *options: str) -> dict[str, Any]:
    """What part.json of each built part says, by the part's name."""
    common = ("--weights", str(network_file), "--folding", "auto:500", "--out", str(out))
    result = invoke("build", *common, "--json", *options)
    assert result.returncode == 0, result.stderr
    folders = json.loads(result.stdout)["folders"]
    assert {Path(folder) for folder in folders.values()} == {out / name for name in folders}
    return {
        name: json.loads((Path(folder) / "part.json").read_text())
        for name, folder in folders.items()
    }


def circuit_of(folder: Path, facts: dict[str, Any]) -> Circuit:
    """The circuit that the files of ``folder`` alone describe."""
    names = [name.removeprefix("rtl/") for name in facts["files"] if name.startswith("rtl/")]
    top = (folder / "rtl" / "part.v").read_text()
    streams = [f"stream {index}" for index in range(top.count("_tvalid, stream_"))]
    writes = facts["configuration"]["file"]
    return Circuit(
        layers=(),
        glue=(),
        sources=tuple(
            (name, (folder / "rtl" / name).read_text())
            for name in sorted(names, key=lambda name: (not name.endswith("_pkg.sv"), name))
        ),
        memory_files=tuple(
            (path.name, path.read_text()) for path in sorted(folder.glob("memory/*.mem"))
        ),
        streams=tuple(streams),
        configuration=(
            np.fromfile(folder / writes, "<u4").reshape(-1, 3)
            if writes
            else np.zeros((0, 3), np.uint32)
        ),
        input_words=facts["streams"]["input"]["words_per_image"],
        output_words=facts["streams"]["output"]["words_per_image"],
        identity=facts["identity"],
    )


def tensor_of(stream: dict[str, Any]) -> CutTensor:
    return CutTensor(tuple(stream["shape"]), IntegerType.parse(stream["type"]))


def test_both_folders_alone_compute_the_network(network_file: Path, tmp_path: Path) -> None:
    facts = build(network_file, tmp_path, "--split", "0")
    assert facts["first"]["split"] == facts["second"]["split"]
    assert facts["first"]["streams"]["output"] == facts["second"]["streams"]["input"]
    images = random_input(3, NETWORK, 4)
    words = tensor_of(facts["first"]["streams"]["input"]).pack(images)
    for name in ("first", "second"):
        words = simulate(circuit_of(tmp_path / name, facts[name]), words).words
    result = tensor_of(facts["second"]["streams"]["output"]).unpack(words)
    np.testing.assert_array_equal(result, run_integers(NETWORK, images))


def test_what_a_folder_says(network_file: Path, tmp_path: Path) -> None:
    facts = build(network_file, tmp_path, "--fixed-weights")["whole"]
    folder = tmp_path / "whole"
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert written == {*facts["files"], "part.json"}
    for name, digest in facts["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert facts["configuration"] == {"file": None, "writes": 0}
    assert facts["cycles_measured"]
    layers = json.loads((folder / "reports" / "layers.json").read_text())
    for resource in ("lut", "lutram", "ff", "bram", "dsp"):
        total = sum(layer["utilization"][resource] for layer in layers)
        assert facts["utilization"][resource] == total
    readme = (folder / "README.md").read_text()
    assert f"| LUT | {facts['utilization']['lut']:g} |" in readme
    assert f"{facts['cycles']} cycles per image" in readme
    images = random_input(4, NETWORK, 4)
    given = tensor_of(facts["streams"]["input"]).pack(images)
    words = simulate(circuit_of(folder, facts), given).words
    result = tensor_of(facts["streams"]["output"]).unpack(words)
    np.testing.assert_array_equal(result, run_integers(NETWORK, images))


@pytest.mark.slow
def test_an_earlier_build_is_replaced_and_anything_else_is_not(
    network_file: Path, tmp_path: Path
) -> None:
    build(network_file, tmp_path, "--split", "0", "--part", "second")
    (tmp_path / "second" / "rtl" / "stale.sv").touch()
    killed = tmp_path / ".building"  # what a build that was killed leaves
    (killed / "second" / "rtl").mkdir(parents=True)
    (killed / "second" / "rtl" / "half.sv").touch()
    build(network_file, tmp_path, "--split", "0", "--part", "second")
    assert not (tmp_path / "second" / "rtl" / "stale.sv").exists()
    assert not (tmp_path / "second" / "rtl" / "half.sv").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["second"]
    (tmp_path / "whole").mkdir()
    (tmp_path / "whole" / "thesis.tex").touch()
    line = error_line(invoke("build", "--weights", str(network_file), "--out", str(tmp_path)))
    assert "something else stands there" in line
    assert [path.name for path in (tmp_path / "whole").iterdir()] == ["thesis.tex"]


def test_two_builds_into_one_folder(network_file: Path, tmp_path: Path) -> None:
    with ResultStore(tmp_path / ".building" / "store"):
        line = error_line(
            invoke("build", "--weights", str(network_file), "--out", str(tmp_path), "--split", "0")
        )
    assert "in use by another" in line
    assert (tmp_path / ".building").is_dir()  # the other's


def test_mistakes_are_one_line(network_file: Path, tmp_path: Path) -> None:
    common = ("build", "--weights", str(network_file), "--out", str(tmp_path / "out"))
    for options, message in (
        (("--part", "first"), "give --split"),
        (("--split", "1", "--part", "second"), "has no layers"),
        (("--split", "9"), "9"),
        (("--backend", "estimate"), "makes no circuit to write (choose from yosys, vivado)"),
        (("--backend", "magic"), "unknown backend 'magic'"),
        (("--device", "xcvu9p"), "xcvu9p"),
    ):
        assert message in error_line(invoke(*common, *options))
    assert not (tmp_path / "out").exists()
