"""Two backends in one sweep: each in columns of its own, in every file, and both known again."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dse.default_backends import DEFAULT_BACKENDS
from finn_flows.backends import BACKENDS
from tests.dse.sandbox import PROJECT
from tests.dse.test_cli import invoke

BOTH = ("--backend=estimate", "--backend=second")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.dse.run_dse", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, timeout=300)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    result = run("sweep", "--split=4-5", *BOTH, f"--out={folder}")
    assert result.returncode == 0, result.stderr
    assert "paper | finn-estimate | yosys" in result.stdout
    return folder


def sweep_records(out: Path) -> list[dict[str, Any]]:
    records = json.loads((out / "sweep.json").read_text())["records"]
    assert isinstance(records, list)
    return records


def test_defaults_are_backends() -> None:
    assert set(DEFAULT_BACKENDS) <= set(BACKENDS)
    assert re.search(rf"default:\s+{', '.join(DEFAULT_BACKENDS)}", invoke("sweep", "--help").stdout)


def test_each_point_is_there_once_for_each_source(out: Path) -> None:
    places = [(r["source"], r["split"], r["part"]) for r in sweep_records(out)]
    assert len(places) == len(set(places)) == 2 * 5
    assert {source for source, _, _ in places} == {"finn-estimate", "yosys"}


def test_no_column_holds_a_number_of_the_other_source(out: Path) -> None:
    by_place = {(r["source"], r["split"], r["part"]): r for r in sweep_records(out)}
    lines = list(csv.DictReader((out / "table1.csv").read_text().splitlines()))
    assert len(lines) == 5
    checked = 0
    for line in lines:
        split = int(line["split"]) if line["split"] else None
        for source in ("finn-estimate", "yosys"):
            record = by_place[source, split, line["part"]]
            for name, count in record["utilization"].items():
                if f"{source}.{name}.used" not in line:
                    continue
                shown = line[f"{source}.{name}.used"]
                assert shown == "" if count is None else float(shown) == count
                checked += 1
            assert int(line[f"{source}.cycles_per_image"]) == record["cycles"]
            measured = source == "yosys"
            assert line[f"{source}.cycles_measured"] == str(measured).lower()
            latency = line[f"{source}.latency_cycles"]
            assert latency == (str(record["latency_cycles"]) if measured else "")
        # The two never agree, so no number of one could stand for the other's.
        for name in ("lut", "bram", "dsp"):
            assert line[f"finn-estimate.{name}.used"] != line[f"yosys.{name}.used"]
        assert line["finn-estimate.ff.used"] == ""
    assert checked == 5 * 2 * 7


def test_measured_cycles_stand_beside_estimated_ones(out: Path) -> None:
    table = json.loads((out / "table1.json").read_text())
    by_place = {(p["source"], p["split"]): p for p in table["pipelines"]}
    for split in (4, 5, None):
        said, measured = by_place["finn-estimate", split], by_place["yosys", split]
        assert measured["initiation_interval"] == said["initiation_interval"] + 11
        assert (said["measured"], measured["measured"]) == (False, True)
        assert said["latency_cycles"] is None
        assert measured["latency_cycles"] > 0
    conv3 = [one for one in table["layers"] if one["layer"] == "conv3"]
    assert [one["source"] for one in conv3] == ["finn-estimate", "yosys"]
    assert [one["logic_depth"] for one in conv3] == [None, 4]
    assert [one["cycles_less_finn_estimate"] for one in conv3] == [None, 0]


def test_every_form_of_the_table_says_why_they_differ(out: Path) -> None:
    (reason,) = [
        one["sentences"]
        for one in json.loads((out / "table1.json").read_text())["explanations"]
        if one["source"] == "yosys"
    ]
    assert any("second tool counted here (synthesised), Vivado for the paper" in s for s in reason)
    markdown = (out / "table1.md").read_text()
    page = (out / "report.html").read_text().replace("&#39;", "'")
    for sentence in reason:
        assert sentence in markdown
        assert sentence in page
    printed = run("table", f"--out={out}").stdout
    assert "Why yosys is not the paper: yosys counts another circuit" in " ".join(printed.split())


def test_a_second_sweep_builds_nothing(out: Path) -> None:
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    result = run("sweep", "--split=4-5", *BOTH, "--json", f"--out={out}")
    assert json.loads(result.stdout)["counts"] == {
        "empty": 0, "cached": 10, "built": 0, "failed": 0,
    }  # fmt: skip
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before


def test_a_split_is_chosen_by_the_source_that_built_and_says_so(out: Path) -> None:
    choice = json.loads(run("choose", "--json", "--by=throughput", f"--out={out}").stdout)
    assert choice["source"] == "yosys"
    assert choice["notes"][0].startswith("By yosys, the best source here that has every cut")
    assert (
        "yosys counted these cycles in a cycle-accurate simulation of each part."
        in (choice["notes"])
    )
    arguments = ("--source=finn-estimate", "--by=throughput", "--json", f"--out={out}")
    asked = json.loads(run("choose", *arguments).stdout)
    assert asked["source"] == "finn-estimate"
    assert "finn-estimate: these cycles are a model's; nothing was measured." in asked["notes"]
