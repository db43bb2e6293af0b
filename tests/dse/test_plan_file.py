"""plan.json is read as it was written, and refused, by file and key, where it is not that."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from dse.errors import FoldingError, InputError, PlanError
from dse.plan.problem import Objective
from dse.plan.solve import solve
from dse.plan_file import plan_file, plan_file_data, read_plan_file, write_plan_file
from dse.plan_use import planned_device, use_plan
from finn_flows.folding import Folding, LayerFolding
from tests.dse.plan.random_problems import random_problem
from tests.dse.plan_of_small import PARTS, small_plan
from tests.dse.sandbox import PROJECT
from tests.dse.small_network import small_folding, small_network

SECTION = (
    (PROJECT / "docs" / "formats.md").read_text().partition("## plan.json")[2].partition("\n## ")[0]
)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of a plan for the small network: one cut, mixed boards."""
    return plan_file_data(small_plan())


def written(content: object, tmp_path: Path) -> Path:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(content))
    return path


def test_any_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    draw = random.Random(3)
    read = 0
    while read < 20:
        problem = random_problem(draw, 6, 4, 3)
        objective = draw.choice(list(Objective))
        try:
            solution = solve(problem, objective)
        except PlanError:
            continue
        folding = draw.choice([None, Folding("mine", (LayerFolding(3, 2, "block"),))])
        made = plan_file(problem, solution, (Objective.TRAFFIC,), folding)
        path = write_plan_file(made, tmp_path / "plan.json")
        assert read_plan_file(path) == made
        before = path.read_bytes()
        write_plan_file(read_plan_file(path), path)
        assert path.read_bytes() == before
        read += 1


def leaves(data: Any, place: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where every key of every object is; of lists the first element."""
    found: list[tuple[str | int, ...]] = []
    if isinstance(data, dict):
        for key, value in data.items():
            found += [(*place, key), *leaves(value, (*place, key))]
    elif isinstance(data, list) and data:
        found += leaves(data[0], (*place, 0))
    return found


def test_every_key_is_documented_needed_and_of_its_kind(
    content: dict[str, Any], tmp_path: Path
) -> None:
    places = leaves(content)
    assert len(places) > 60
    for place in places:
        for damage in ("missing", "wrong"):
            copy = json.loads(json.dumps(content))
            holder = copy
            for step in place[:-1]:
                holder = holder[step]
            if damage == "missing":
                del holder[place[-1]]
            else:
                holder[place[-1]] = {"no": "such"}
            with pytest.raises(InputError) as error:
                read_plan_file(written(copy, tmp_path))
            line = str(error.value)
            assert line.startswith(f"{tmp_path}/plan.json: ")
            if place[0] not in ("format", "version"):
                assert ".".join(map(str, place)) in line
            assert f"`{place[-1]}`" in SECTION, place


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"format": "split-dse/choice"}, "is no plan; expected format split-dse/plan"),
        ({"version": 2}, "is a plan of version 2; expected 1"),
        ({"colour": "red"}, "damaged: colour: Extra inputs are not permitted"),
        ({"cuts": []}, "damaged: 0 cuts and 2 parts"),
    ],
)
def test_another_file_is_refused(
    content: dict[str, Any], tmp_path: Path, change: dict[str, Any], error: str
) -> None:
    with pytest.raises(InputError, match=error):
        read_plan_file(written(content | change, tmp_path))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, '{"format": NaN}'])
def test_what_is_no_plan_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(InputError, match="is no"):
        read_plan_file(path)
    path.unlink()
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_plan_file(path)


def test_parts_that_do_not_end_at_the_cuts_are_refused(
    content: dict[str, Any], tmp_path: Path
) -> None:
    copy = json.loads(json.dumps(content))
    copy["parts"][0]["blocks"] = copy["parts"][0]["blocks"] + ["another"]
    with pytest.raises(InputError, match="damaged: its cuts are not between parts of"):
        read_plan_file(written(copy, tmp_path))


def test_a_folding_that_does_not_fit_the_network_names_the_file(
    content: dict[str, Any], tmp_path: Path
) -> None:
    copy = json.loads(json.dumps(content))
    copy["folding"]["layers"].pop()
    path = written(copy, tmp_path)
    with pytest.raises(FoldingError, match=f"^{path}: .* layers; expected 3"):
        use_plan(path, small_network())


def test_a_board_that_is_not_of_the_fleet_is_refused(
    content: dict[str, Any], tmp_path: Path
) -> None:
    copy = json.loads(json.dumps(content))
    copy["parts"][0]["boards"] = ["none"]
    with pytest.raises(InputError, match="board 'none', which is not of the fleet"):
        read_plan_file(written(copy, tmp_path))
    copy["parts"][0]["boards"] = copy["parts"][1]["boards"]
    with pytest.raises(InputError, match="a board has two parts"):
        read_plan_file(written(copy, tmp_path))


def test_a_plan_is_used_for_its_own_network_alone(content: dict[str, Any], tmp_path: Path) -> None:
    path = written(content, tmp_path)
    used = use_plan(path, small_network())
    assert [(cut.layer, cut.pool) for cut in used.cuts] == [(1, "before")]
    assert used.folding.layers == small_folding().layers
    with pytest.raises(InputError, match="is a plan of another network, small; expected one of"):
        use_plan(path, small_network(seed=1, name="other"))
    graph = content | {"folding": None}
    with pytest.raises(InputError, match="no chain of layers that can be built here"):
        use_plan(written(graph, tmp_path), small_network())


def test_boards_of_several_kinds_have_no_one_device(
    content: dict[str, Any], tmp_path: Path
) -> None:
    path = written(content, tmp_path)
    with pytest.raises(InputError, match="is for boards of several kinds: xc7z020clg400-1 at 100"):
        planned_device(path)
    assert planned_device(path, several=True) == (PARTS[0], 100.0)
