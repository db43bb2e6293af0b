"""``dse simulate-cluster``: what it prints, where each figure comes from, and its mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dse.cli.simulate_cluster import simulate_cluster
from dse.deploy.cluster_model import predict
from dse.deploy.deploy_file import measured_sections
from dse.deploy.pipeline_model import Hop
from dse.errors import DseError
from tests.dse.deploy.random_pipelines import a_job

GIVEN = ("--service", "700us,0.3ms", "--bytes", "3072,64,128")


def called(*arguments: str) -> Result:
    return CliRunner().invoke(simulate_cluster, list(arguments))


def text(*arguments: str) -> str:
    result = called(*arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def data(*arguments: str) -> dict[str, Any]:
    loaded = json.loads(text("--json", *arguments))
    assert isinstance(loaded, dict)
    return loaded


def mistake(*arguments: str) -> str:
    result = called(*arguments)
    assert result.exit_code
    assert result.stdout == ""
    if isinstance(result.exception, DseError):
        return str(result.exception)
    assert isinstance(result.exception, SystemExit), result.exception
    return result.stderr


@pytest.fixture
def deployed(tmp_path: Path) -> Path:
    """A deploy.json."""
    path = tmp_path / "deploy.json"
    sections = measured_sections([a_job()], ("onnx", "onnx"), (3072, 64, 128))
    path.write_text(json.dumps({"format": "split-dse/deploy", "version": 1, **sections}))
    return path


def test_given_times_are_modelled_and_every_input_has_its_source() -> None:
    found = data(*GIVEN, "--link", "100Mbit", "--images", "20", "--jobs", "3")
    sources = {each["what"]: each["source"] for each in found["inputs"]}
    assert sources == {
        "service time of each stage": "given",
        "bytes an image, each hop": "given",
        "link, each hop": "given",
        "latency, each hop": "assumed",
        "window, images": "assumed",
    }
    assert (found["format"], found["version"], found["source"]) == ("split-dse/cluster", 1, "model")
    (only,) = found["clusters"]
    hops = [Hop(size, 100_000, 1e8) for size in (3072, 64, 128)]
    alone = predict([700_000, 300_000], hops, 20)
    assert only["one_job_alone"]["response_ns"] == alone.response_ns
    assert only["one_job_alone"]["interval_ns"] == 700_000
    assert only["response_seconds"]["mean"] == pytest.approx(alone.response_ns / 1e9)
    assert (only["boards"], only["pipelines"], only["stages"]) == (2, 1, 2)
    assert (only["retries"], only["lost"], only["board_failures"]) == (0, 0, 0)


def test_measured_times_are_drawn_from(deployed: Path) -> None:
    found = data("--deploy", str(deployed), "--boards", "2,4")
    sources = {each["what"]: each["source"] for each in found["inputs"]}
    assert sources["service time of stage 0"] == f"measured (onnx, {deployed})"
    assert sources["latency, each hop"] == "measured"
    assert sources["link, each hop"] == "assumed"  # nothing measured that
    assert data("--deploy", str(deployed), "--boards", "2,4") == found
    assert data("--deploy", str(deployed), "--boards", "2,4", "--seed", "1") != found
    two, four = found["clusters"]
    assert four["images_per_second"] == pytest.approx(2 * two["images_per_second"], rel=0.1)
    assert "measured" in text("--deploy", str(deployed))


def test_how_boards_were_made_of_two_stages_is_said() -> None:
    found = data(*GIVEN, "--boards", "4-5")["clusters"]
    assert [(each["pipelines"], each["stages"], each["idle_boards"]) for each in found] == [
        (2, 2, 0),
        (2, 2, 1),
    ]
    assert not any(each["repeated"] for each in found)
    output = text(*GIVEN, "--boards", "6", "--replicas", "1")
    assert "2 known ones repeated in turn, 3 times the work, of no network known" in output
    assert "not this network in more parts" in output
    assert "not this network in more parts" not in text(*GIVEN, "--boards", "6")
    (six,) = data(*GIVEN, "--boards", "6", "--replicas", "1", "--latency", "0s")["clusters"]
    hops = [Hop(size, 0, 1e9) for size in (3072, 64, 3072, 64, 3072, 64, 128)]
    alone = predict([700_000, 300_000] * 3, hops, 20)
    assert six["one_job_alone"]["response_ns"] == alone.response_ns


def test_the_table_holds_the_figures_of_json() -> None:
    arguments = (*GIVEN, "--boards", "2,10", "--mtbf", "2s", "--repair", "1s", "--jobs", "200")
    output, found = text(*arguments), data(*arguments)
    lines = output.splitlines()
    head = next(at for at, line in enumerate(lines) if line.split()[:2] == ["boards", "pipelines"])
    rows = [line.split() for line in lines[head + 1 : head + 3]]
    for row, cluster in zip(rows, found["clusters"], strict=True):
        assert row[0] == str(cluster["boards"])
        assert row[4] == f"{cluster['one_job_alone']['fill_ns'] / 1e6:,.3f}"
        assert row[7] == f"{cluster['response_seconds']['mean'] * 1e3:,.3f}"
        assert row[10] == f"{cluster['images_per_second']:,.0f}"
        assert row[-3:] == [f"{cluster[name]:,}" for name in ("board_failures", "retries", "lost")]
    assert found["clusters"][0]["retries"] > 0
    assert "every figure below: model" in output


def test_one_of_a_thing_is_singular() -> None:
    one = ("--service", "1us", "--bytes", "1,1", "--images", "1", "--jobs", "1", "--boards", "1")
    lines = text(*one).splitlines()
    assert any(line.startswith("1 job of 1 image, all there") for line in lines)
    assert "1 board: 1 x the pipeline of 1 stage" in lines


def test_failures_are_the_seeds_and_need_a_mean_time() -> None:
    assert "--mtbf" in mistake(*GIVEN, "--repair", "1s")
    sources = {
        each["what"]: (each["value"], each["source"])
        for each in data(*GIVEN, "--mtbf", "1h", "--detect", "2s")["inputs"]
    }
    assert sources["mean time between failures"] == ("3,600 s", "given")
    assert sources["detection"] == ("2 s", "given")
    assert sources["repair"] == ("60 s", "assumed")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--service", "700"), "'700' is not a duration such as 700us"),
        (("--service", "1e3s"), "is not a duration"),
        ((*GIVEN, "--latency", "-1us"), "is not a duration"),
        ((*GIVEN, "--link", "1Gb"), "'1Gb' is not a link speed such as 100Mbit"),
        ((*GIVEN, "--link", "0Mbit"), "is not a link speed"),
        ((*GIVEN, "--boards", "0"), "is not a number from 1 to 10000"),
        ((*GIVEN, "--boards", "5-2"), "a range 2-8 or a list 2,10,100"),
        ((*GIVEN, "--boards", "20000"), "is not a number from 1 to 10000"),
        ((*GIVEN, "--boards", "1"), "1 board for 1 pipeline of 2 stages; expected 2 boards"),
        ((*GIVEN, "--boards", "4", "--replicas", "3"), "expected 6 boards or more"),
        (("--service", "1us"), "of 1 stage, whose 2 hops need the bytes an image takes"),
        (("--service", "1us", "--bytes", "1"), "of 1 stage, whose 2 hops need the bytes"),
        (("--service", "1us", "--bytes", "1,x"), "is not a list of numbers of bytes"),
        (("--bytes", "1,2"), "--bytes is of given stages"),
        ((*GIVEN, "--deploy", "x.json"), "one of them at a time"),
        (("--deploy", "nowhere.json"), "nowhere.json: there is no result of a deployment"),
        ((*GIVEN, "--mtbf", "1us"), "1,000,000 failures of boards, and 30 of 30 jobs have not"),
        ((*GIVEN, "--mtbf", "1us", "--repair", "0s", "--detect", "0s"), "failed 1,000 times"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(arguments: tuple[str, ...], words: str) -> None:
    assert words in mistake(*arguments)


@pytest.mark.parametrize(
    ("given", "nanoseconds"),
    [("700us", 700_000), ("0.7 ms", 700_000), ("2s", 2 * 10**9), ("1h", 3600 * 10**9), ("5ns", 5)],
)
def test_durations(given: str, nanoseconds: int) -> None:
    found = data("--service", given, "--bytes", "0,0", "--link", "unlimited", "--latency", "0s",
                 "--images", "1", "--jobs", "1")  # fmt: skip
    assert found["clusters"][0]["one_job_alone"]["response_ns"] == nanoseconds
