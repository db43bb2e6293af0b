"""A plan's parts, as they are built, simulated, swept and deployed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dse
import dse.sweep_run
from dse.cut_parts import cut_parts
from dse.deploy.deploy_plan import planned_names
from dse.errors import InputError
from dse.part_simulation import choose_images
from dse.plan_file import plan_file_data, write_plan_file
from dse.plan_use import use_plan
from dse.planned_parts import chosen_parts, images_into, planned_parts
from finn_flows.integer_reference import run_integers
from finn_flows.network_file import save_network
from tests.dse.plan_of_small import PARTS, small_plan
from tests.dse.small_network import small_folding, small_network
from tests.dse.test_cli import error_line, invoke


@pytest.fixture
def weights(tmp_path: Path) -> str:
    path = tmp_path / "small.npz"
    save_network(small_network(), path)
    return str(path)


def a_plan(tmp_path: Path, boards: int = 2, alike: bool = False) -> Path:
    return write_plan_file(small_plan(boards, alike), tmp_path / f"plan{boards}.json")


@pytest.mark.parametrize(
    ("boards", "names"),
    [(1, ["whole"]), (2, ["first", "second"]), (3, ["part1", "part2", "part3"])],
)
def test_the_parts_of_a_plan_are_the_network_in_order(
    boards: int, names: list[str], tmp_path: Path
) -> None:
    network = small_network()
    plan = use_plan(a_plan(tmp_path, boards), network)
    parts = planned_parts(plan, network)
    assert list(parts) == names
    images = choose_images(network, (), 3)
    tensor, seen = images.tensor, 0
    for position, part in enumerate(parts.values()):
        into = images_into(plan, network, part, images)
        if part.cut is None:  # by itself: what enters it is what the ones before it give
            np.testing.assert_array_equal(into.tensor, tensor)
        tensor = run_integers(part.network, tensor)
        assert part.device == PARTS[position % 2]
        assert part.clock_mhz == (100.0, 200.0)[position % 2]
        whole = boards < 3
        own = part.folding.layers if not whole else plan.folding.layers[seen:]
        count = len(list(part.network.numbered()))
        assert own[:count] == small_folding().layers[seen : seen + count]
        seen += count
    assert seen == 3
    np.testing.assert_array_equal(tensor, run_integers(network, images.tensor))


def test_a_part_is_named_by_word_or_number(tmp_path: Path) -> None:
    network = small_network()
    plan = use_plan(a_plan(tmp_path, 3), network)
    parts = planned_parts(plan, network)
    assert list(chosen_parts(plan, parts, None)) == ["part1", "part2", "part3"]
    assert list(chosen_parts(plan, parts, "second")) == ["part2"]
    assert list(chosen_parts(plan, parts, "3")) == ["part3"]
    with pytest.raises(InputError, match=r"the plan has no part 4 \(choose from 1, 2, 3\)"):
        chosen_parts(plan, parts, "4")


def test_a_sweep_of_a_plan_has_its_cuts_folding_and_device(
    tmp_path: Path, weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept: list[Any] = []
    monkeypatch.setattr(dse.sweep_run, "run_sweep", lambda points, *_: swept.extend(points))
    dse.sweep(weights, plan=a_plan(tmp_path, 3, alike=True), backends=["estimate"])
    cuts = [None if point.cut is None else point.cut.layer for point in swept]
    assert cuts == [None, 0, 0, 1, 1]
    assert {point.folding.sha256 for point in swept} == {small_folding().sha256}
    assert {(point.device, point.clock_mhz) for point in swept} == {(PARTS[0], 100.0)}
    with pytest.raises(InputError, match="is for boards of several kinds"):
        dse.sweep(weights, plan=a_plan(tmp_path, 2))
    with pytest.raises(InputError, match="a plan, and beside it what it says"):
        dse.sweep(weights, plan=a_plan(tmp_path, 3, alike=True), splits=[1])


CONTRADICTIONS = [
    ("sweep", "--split", "1"),
    ("sweep", "--pool", "before"),
    ("sweep", "--clock", "100"),
    ("sweep", "--device", PARTS[0]),
    ("sweep", "--folding", "auto"),
    ("build", "--split", "1", "--out", "x"),
    ("build", "--folding", "auto", "--out", "x"),
    ("simulate", "--board", "Pynq-Z1"),
    ("simulate", "--split", "1"),
    ("deploy", "--parts", "2"),
    ("deploy", "--split", "1"),
    ("deploy", "--folding", "auto"),
]


@pytest.mark.parametrize("arguments", CONTRADICTIONS, ids=lambda one: " ".join(one[:2]))
def test_what_a_plan_says_is_not_said_beside_it(arguments: tuple[str, ...], tmp_path: Path) -> None:
    command, option, *rest = arguments
    line = error_line(invoke(command, option, *rest, "--plan", str(a_plan(tmp_path))))
    assert line == f"{option} and --plan: the plan says that"


@pytest.mark.parametrize("command", ["sweep", "build", "simulate", "deploy"])
def test_a_plan_of_another_network_is_refused(command: str, tmp_path: Path) -> None:
    path = a_plan(tmp_path, 2, alike=True)
    more = ("--out", str(tmp_path / "out")) if command != "simulate" else ()
    line = error_line(invoke(command, "--plan", str(path), *more))
    assert line.startswith(f"{path}: is a plan of another network, small; expected one of CnvW2A2")
    assert not (tmp_path / "out" / "store").exists()
    path.write_text("{}")
    line = error_line(invoke(command, "--plan", str(path), *more))
    assert line == f"{path}: is no plan; expected format split-dse/plan"


def test_a_part_that_a_split_or_a_plan_lacks_is_refused(tmp_path: Path, weights: str) -> None:
    out = str(tmp_path / "out")
    plan = str(a_plan(tmp_path, 3))
    line = error_line(
        invoke("build", "--weights", weights, "--plan", plan, "--part", "4", "--out", out)
    )
    assert line == f"{plan}: the plan has no part 4 (choose from 1, 2, 3)"
    line = error_line(
        invoke("build", "--weights", weights, "--split", "1", "--part", "3", "--out", out)
    )
    assert "'3' is not one of 'first', 'second', '1', '2', 'both'" in line


def test_a_plan_is_deployed_to_its_boards_where_the_file_has_them(tmp_path: Path) -> None:
    network = small_network()
    plan = use_plan(a_plan(tmp_path, 2), network)
    assert planned_names(plan, None) == ()
    boards = tmp_path / "boards.toml"
    entries = [
        f'[[boards]]\nname = "{name}"\naddress = "localhost"\nengine = "onnx"\n'
        for name in ("other", "board1", "board0")
    ]
    boards.write_text("\n".join(entries))
    assert planned_names(plan, boards) == ("board0", "board1")
    boards.write_text(entries[0])
    assert planned_names(plan, boards) == ()


def test_a_part_on_two_boards_at_once_is_not_deployed(tmp_path: Path) -> None:
    data = json.loads(json.dumps(plan_file_data(small_plan(3))))
    data["cuts"], data["parts"] = data["cuts"][:1], data["parts"][:2]
    data["parts"][1]["boards"] = ["board1", "board2"]
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match="part 2 is on 2 boards at once"):
        planned_names(use_plan(path, small_network()), None)


@pytest.mark.slow
def test_three_planned_parts_are_built_and_simulated_by_themselves(
    tmp_path: Path, weights: str
) -> None:
    plan = str(a_plan(tmp_path, 3, alike=True))
    out = tmp_path / "built"
    result = invoke("build", "--weights", weights, "--plan", plan, "--out", str(out))
    assert result.returncode == 0, result.stderr
    layers = []
    network = small_network()
    for number in (1, 2, 3):
        facts = json.loads((out / f"part{number}" / "part.json").read_text())
        layers += facts["layers"]
        simulated = invoke(
            *("simulate", "--weights", weights, "--plan", plan, "--part", str(number), "--json")
        )
        assert simulated.returncode == 0, simulated.stderr
        data = json.loads(simulated.stdout)
        assert data["identical_to_network"]
    assert layers == [network.label(position) for position in range(len(network.layers))]


@pytest.mark.slow
def test_three_planned_parts_run_as_a_pipeline(tmp_path: Path) -> None:
    network = dse.load()
    plan = dse.plan_network(
        network, objective="traffic", board_names=["Pynq-Z1"] * 3, explained=False
    )
    (path, *_) = plan.write(tmp_path / "plan")
    found = dse.deploy_network(network, plan=path, runs=1, images=2, out=tmp_path / "deployed")
    assert found.runs.identical
    assert len(found.boards) == 3
    first = cut_parts(network.network, use_plan(path, network.network).cuts[0])
    assert plan.splits[0] == first.cut.layer
