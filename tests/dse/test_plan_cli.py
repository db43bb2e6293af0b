"""``dse plan`` as a person and as a program meet it, on counts made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import dse.plan_chains
from dse.errors import InputError
from dse.plan.problem import Objective
from dse.plan_file import read_plan_file
from finn_flows.network_file import save_network
from tests.dse.plan_of_small import small_chain
from tests.dse.sandbox import PROJECT
from tests.dse.small_network import small_network
from tests.dse.test_cli import HEAVY, error_line, invoke, loaded_modules


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The small network; whoever asks for its estimates gets those made by hand."""
    path = tmp_path / "small.npz"
    save_network(small_network(), path)
    monkeypatch.setattr(dse.plan_chains, "estimated_chain", lambda *_: small_chain())
    monkeypatch.chdir(tmp_path)
    return str(path)


def planned(weights: str, *arguments: str) -> dict[str, Any]:
    result = invoke("plan", "--weights", weights, "--folding", "auto", "--json", *arguments)
    assert result.returncode == 0, result.stderr
    data = json.loads(result.stdout)
    assert isinstance(data, dict)
    return data


def line(weights: str, *arguments: str) -> str:
    out = ("--out", "never")
    said = error_line(invoke("plan", "--weights", weights, "--folding", "auto", *arguments, *out))
    assert not Path("never").exists()
    return said


def test_help_loads_nothing_heavy() -> None:
    assert not loaded_modules("plan", "--help", cwd=PROJECT) & {*HEAVY, "numpy", "pydantic"}


def test_a_plan_is_printed_and_written(weights: str) -> None:
    arguments = ("--objective", "traffic", "--pareto", "traffic,throughput")
    result = invoke("plan", "--weights", weights, "--folding", "auto", *arguments)
    assert result.returncode == 0, result.stderr
    out = Path("build/plan")
    assert {path.name for path in out.iterdir()} == {
        *("plan.json", "plan.html", "pareto.svg", "pareto.png")
    }
    assert result.stdout.splitlines()[-4:] == [
        str(out / name) for name in ("plan.json", "pareto.svg", "pareto.png", "plan.html")
    ]
    for text in (
        "fewest bytes between boards: 8 bytes per image — finn-estimate",
        "Proved optimal",
        "split 0   worse     16 bytes per image against 8 bytes per image (2 times).",
        "finn-estimate does not count LUTRAM, FF",
        "finn-estimate counts as nothing: Pool_hls.",
        "How far finn-estimate is off is unknown here",
        "Links take no time here",
        "one more board (xc7z020clg400-1)",
    ):
        assert " ".join(text.split()) in " ".join(result.stdout.split())
    assert read_plan_file(out / "plan.json").objective.value == 8
    page = (out / "plan.html").read_text()
    for text in ("8 bytes per image", "split 0", "Pool_hls", "</svg>", "finn-estimate"):
        assert text in page
    more = page.partition("What more would buy</h2>")[2].partition("</section>")[0]
    assert "Source: finn-estimate" in more
    assert "http" not in page.replace("http-equiv", "")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    invoke("plan", "--weights", weights, "--folding", "auto", *arguments)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    # The next plan has no plot, and the plot of this one is not left beside it.
    invoke("plan", "--weights", weights, "--folding", "auto", "--objective", "traffic")
    assert {path.name for path in out.iterdir()} == {"plan.json", "plan.html"}


def test_json_has_the_documented_keys(weights: str) -> None:
    data = planned(weights, "--objective", "traffic", "--pareto", "traffic,scarcest")
    section = (PROJECT / "docs" / "formats.md").read_text()
    section = section.partition("## `dse plan --json`")[2].partition("\n## ")[0]
    keys = {*data, *data["alternatives"][0], *data["more"][0], *data["pareto"]}
    keys |= set(data["pareto"]["plans"][0])
    for key in keys:
        assert f"`{key}`" in section, key
    assert data["plan"] == json.loads(Path("build/plan/plan.json").read_text())
    assert all(Path(name).is_file() for name in data["files"])
    quick = planned(weights, "--no-explain")
    assert (quick["alternatives"], quick["more"], quick["pareto"]) == (None, None, None)


@pytest.mark.parametrize("objective", [objective.value for objective in Objective])
def test_every_objective_has_its_words(objective: str, weights: str) -> None:
    out = ("--out", "plan", "--link", "100Mbit", "--link-delay", "50us")
    result = invoke(
        "plan", "--weights", weights, "--folding", "auto", "--objective", objective, *out
    )
    assert result.returncode == 0, result.stderr
    assert f"small, plan by {objective}" in result.stdout
    assert "links 10 times as fast" in result.stdout
    file = read_plan_file(Path("plan/plan.json"))
    assert file.objective.name.value == objective
    assert file.fleet.links[0].byte_s == 8e-8
    # What compares cuts has every board at work unless it is told otherwise.
    assert file.limits.use_all is (objective in ("traffic", "balance", "scarcest"))


def test_what_is_kept_of_a_links_time_slows_a_plan_that_waits_for_it(weights: str) -> None:
    asked = ("--link", "1Mbit", "--use-all", "--no-explain")
    full = planned(weights, *asked)["plan"]["metrics"]["interval_s"]
    half = planned(weights, *asked, "--link-load", "50")["plan"]["metrics"]["interval_s"]
    assert half == pytest.approx(2 * full)
    result = invoke("plan", "--weights", weights, *asked, "--link-load", "0")
    assert result.returncode == 2
    assert "0<x<=100" in result.stderr


def test_the_limits_asked_for_are_kept(weights: str) -> None:
    data = planned(
        weights,
        *("--board", "Pynq-Z1", "--board", "Pynq-Z1", "--board", "Pynq-Z1"),
        *("--fps", "20000", "--batch", "7", "--max-latency", "2ms", "--max-batch", "1s"),
        *("--max-bytes", "100", "--limit", "lut=60%,bram=50%", "--reserve", "lut=1000"),
        *("--max-boards", "2", "--split", "1", "--clock", "120MHz"),
    )
    limits, plan = data["plan"]["limits"], data["plan"]
    assert limits["interval"] == pytest.approx(1 / 20000)
    assert (limits["latency"], limits["batch"]) == pytest.approx((2e-3, 1.0))
    assert (limits["traffic"], limits["boards"], limits["must_cut"]) == (100, 2, [2])
    assert plan["objective"]["batch_images"] == 7
    board = plan["fleet"]["boards"][0]
    assert (board["clock_mhz"], board["shell"]["lut"]) == (120.0, 1000.0)
    assert (board["usable"]["lut"], board["usable"]["bram"]) == (0.6, 0.5)
    assert [cut["split"] for cut in plan["cuts"]] == [1]
    assert plan["metrics"]["interval_s"] <= 1 / 20000


def test_a_board_that_no_block_fits_is_named_with_what_it_needs(weights: str) -> None:
    said = line(weights, "--limit", "bram=1%")
    assert "2.5 BRAM" in said
    assert "1.4" in said


def test_too_few_boards_are_told(weights: str) -> None:
    said = line(weights, "--board", "Pynq-Z1", "--limit", "lut=0.7%")
    assert "600 LUT on Pynq-Z1, not 372.4" in said
    assert "2 boards (Pynq-Z1 added), not 1" in said


def test_an_unreachable_rate_is_told_with_the_nearest(weights: str) -> None:
    said = line(weights, "--fps", "1e9")
    assert "interval" in said
    # The slowest block takes 3,000 cycles at 100 MHz.
    assert "33333 images/s" in said.replace(",", "")


def test_limits_that_contradict_each_other_are_told(weights: str) -> None:
    said = line(weights, "--objective", "traffic", "--max-bytes", "1", "--use-all")
    assert "traffic" in said
    assert line(weights, "--use-all", "--max-boards", "1").startswith("every board is to be used")
    assert line(weights, "--limit", "lut=10%", "--limit", "lut=20%") == (
        "--limit says 0.1 and 0.2 of the lut"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--board", "Arty"), "unknown board 'Arty' (choose from "),
        (("--limit", "lut=60"), "Invalid value for '--limit': 'lut=60' is no share of a resource"),
        (("--limit", "slices=60%"), "unknown resource 'slices' (choose from "),
        (("--limit", "lut=160%"), "a share of 1.6 of lut; expected above 0, at most 1"),
        (("--reserve", "lut"), "'lut' is no count of a resource"),
        (("--objective", "speed"), "Invalid value for '--objective': 'speed' is not one of"),
        (("--pareto", "traffic"), "Invalid value for '--pareto': 'traffic' is not two or three"),
        (("--pareto", "traffic,speed"), "Invalid value for '--pareto': 'speed' is no objective"),
        (("--split", "7"), "small has no split 7 (choose from 0, 1)"),
        (("--source", "quartus"), "unknown source 'quartus' (choose from finn-estimate, yosys, "),
        (("--folding", "some"), "unknown folding 'some' (choose from free, published, auto, "),
        (("--fps", "0"), "Invalid value for '--fps'"),
        (("--max-latency", "5"), "Invalid value for '--max-latency'"),
        (("--boards", "none.toml"), "none.toml: cannot be read: No such file or directory"),
        (("--links", "none.json"), "none.json: cannot be read: No such file or directory"),
        (("--links", "none.json", "--link", "1Gbit"), "the links are given, and a file of links"),
        (("none.onnx",), "--weights and a model both name a network; expected one of them"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, tuple) else "",
)
def test_a_mistake_is_one_line(arguments: tuple[str, ...], said: str, weights: str) -> None:
    assert line(weights, *arguments).startswith(said)


def test_counts_of_a_sweep_have_no_free_folding(weights: str) -> None:
    said = error_line(
        invoke("plan", "--weights", weights, "--folding", "free", "--source", "yosys")
    )
    assert said.startswith("yosys has counts of the folding that was swept, and of no other")


def test_an_unknown_network_lists_those_with_a_name() -> None:
    said = error_line(invoke("plan", "vgg"))
    assert said.startswith("no network is called 'vgg' (choose from ")
    assert "resnet18-w4a4" in said


def test_a_larger_network_has_one_name_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def chain(model: str, *_: object, **__: object) -> None:
        asked.append(model)
        raise InputError("enough")

    monkeypatch.setattr("dse.plan_networks.planning_chain", chain)
    for arguments in (("resnet18-w4a4",), ("--weights", "resnet18-w4a4")):
        assert error_line(invoke("plan", *arguments)) == "enough"
    for keywords in ({"network": "resnet18-w4a4"}, {"model": "resnet18-w4a4"}):
        with pytest.raises(InputError, match="enough"):
            dse.plan_network(**keywords)  # type: ignore[arg-type]
    assert asked == ["resnet18-w4a4"] * 4


def graph(tmp_path: Path, kind: str) -> Path:
    """An ONNX file of a graph with a cycle, or of one with two inputs."""
    from onnx import TensorProto, helper, save

    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("a", "b", "c")
    ]
    if kind == "cycle":
        nodes = [helper.make_node("Add", ["a", "d"], ["c"]), helper.make_node("Relu", ["c"], ["d"])]
        inputs = values[:1]
    else:
        nodes, inputs = [helper.make_node("Add", ["a", "b"], ["c"])], values[:2]
    path = tmp_path / f"{kind}.onnx"
    save(helper.make_model(helper.make_graph(nodes, kind, inputs, values[2:])), path)
    return path


@pytest.mark.parametrize("kind", ["cycle", "two-inputs"])
@pytest.mark.parametrize("folding", ["free", "auto"])
def test_a_graph_that_cannot_be_planned_is_one_line(
    kind: str, folding: str, tmp_path: Path
) -> None:
    path = graph(tmp_path, kind)
    said = error_line(invoke("plan", str(path), "--folding", folding))
    assert said.startswith(str(path))


def test_python_takes_the_same_names(weights: str) -> None:
    found = dse.plan_network(weights, objective="traffic", folding="auto", explained=False)
    assert found.splits == (1,)
    assert found.fps == pytest.approx(1 / found.solution.metrics.interval)
    with pytest.raises(InputError, match=r"unknown objective 'speed' \(choose from throughput"):
        dse.plan_network(weights, objective="speed")
    with pytest.raises(InputError, match="no plans were traded off"):
        _ = found.drawing
    both = dse.plan_network(weights, folding="auto", pareto=("traffic", "scarcest"))
    assert both.drawing.png.startswith(b"\x89PNG")
