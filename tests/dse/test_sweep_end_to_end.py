"""``dse sweep`` on the real network with the real backend: files, numbers, rerun."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from finn_flows.integer_reference import run_integers
from finn_flows.model_file import read_model
from finn_flows.weights import load_weights
from tests.random_networks import random_input

REPORT_FILES = {
    *("table1.csv", "table1.json", "table1.md", "table1.tex"),
    *("fig4a.svg", "fig4a.png", "fig4b.svg", "fig4b.png", "report.html"),
}


def sweep(out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from dse.cli import main; main()", "sweep", "--pool=both"]
    return subprocess.run(
        [*command, "--backend=estimate", f"--out={out}", *more],
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep")
    result = sweep(folder)
    assert result.returncode == 0, result.stderr
    assert "paper" in result.stdout
    assert "finn-estimate" in result.stdout
    return folder


def entries(out: Path) -> list[dict[str, Any]]:
    table = json.loads((out / "table1.json").read_text())
    return [entry for entry in table["entries"] if entry["source"] == "finn-estimate"]


def test_every_file_is_there(out: Path) -> None:
    assert {file.name for file in out.iterdir()} >= REPORT_FILES
    assert all((out / name).stat().st_size > 0 for name in REPORT_FILES)


def test_a_second_sweep_builds_nothing_and_changes_no_byte(out: Path) -> None:
    before = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files(out)}
    stamps = {path: path.stat().st_mtime_ns for path in (out / "store").rglob("*.onnx.gz")}
    time.sleep(0.01)
    assert sweep(out).returncode == 0
    assert {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files(out)} == before
    assert {path: path.stat().st_mtime_ns for path in (out / "store").rglob("*.onnx.gz")} == stamps


def test_the_store_is_small(out: Path) -> None:
    store = [file for file in (out / "store").rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in store) < 25_000_000


def test_another_clock_builds_nothing_and_stands_in_the_table(out: Path) -> None:
    other = sweep(out, "--clock", "142.8", "--json")
    data = json.loads(other.stdout)
    try:
        assert data["counts"] == {"empty": 1, "cached": 22, "built": 0, "failed": 0}
        assert {point["record"]["clock_mhz"] for point in data["points"]} == {142.8}
        table = json.loads((out / "table1.json").read_text())
        assert table["configuration"]["clock_mhz"] == 142.8
        whole = next(entry for entry in entries(out) if entry["part"] == "whole")
        assert whole["frames_per_second"] == 142.8e6 / whole["cycles_per_image"]
    finally:
        assert sweep(out).returncode == 0


def files(out: Path) -> list[Path]:
    return [out / name for name in sorted(REPORT_FILES)]


def test_every_part_of_every_cut_is_in_the_table(out: Path) -> None:
    found = {(entry["split"], entry["pool"], entry["part"]) for entry in entries(out)}
    cuts = [(layer, "before") for layer in range(9)] + [(1, "after"), (3, "after")]
    expected = {(*cut, part) for cut in cuts for part in ("first", "second")}
    assert found == expected | {(None, None, "whole")}


def test_numbers_of_the_table_are_finns_own(out: Path) -> None:
    """FINN's passes, called on the models that the sweep left, give the table's figures."""
    from finn.analysis.fpgadataflow.exp_cycles_per_layer import exp_cycles_per_layer
    from finn.analysis.fpgadataflow.res_estimation import res_estimation

    by_figures = sorted(
        (
            entry["used"]["lut"],
            entry["used"]["bram"],
            entry["used"]["dsp"],
            entry["cycles_per_image"],
        )
        for entry in entries(out)
        if entry["status"] == "built"
    )
    said = []
    for file in (out / "store").rglob("specialised.onnx.gz"):
        model = read_model(file)
        resources = res_estimation(model, "xc7z020clg400-1").values()
        said.append(
            (
                sum(node["LUT"] for node in resources),
                sum(node["BRAM_18K"] for node in resources) / 2,
                sum(node["DSP"] for node in resources),
                max(exp_cycles_per_layer(model).values()),
            )
        )
    assert len(said) == 22  # the whole network, both parts of ten cuts, the first of the last
    assert sorted(said) == by_figures


def test_what_finn_does_not_estimate_is_unknown(out: Path) -> None:
    for entry in entries(out):
        assert entry["used"]["ff"] is None
        assert entry["used"]["lutram"] is None
        assert entry["percent"]["ff"] is None


def test_intermediate_models_are_kept_and_compute_the_network(out: Path) -> None:
    from qonnx.core.onnx_exec import execute_onnx

    assert len(list((out / "store").rglob("hardware_layers.onnx.gz"))) == 22
    (streamlined,) = (out / "store").rglob("streamlined.onnx.gz")
    network = load_weights().network
    image = random_input(0, network, 1)
    for file in (streamlined, streamlined.with_name("hardware_layers.onnx.gz")):
        model = read_model(file)
        source, result = model.graph.input[0].name, model.graph.output[0].name
        logits = execute_onnx(model, {source: image.astype("float32")})[result]
        assert (logits == run_integers(network, image)).all()
