"""What the shared options make of what a person types."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from dse import device_choice
from dse.cli.build import build
from dse.cli.hls import hls
from dse.cli.options import Clock, SplitList, backend_option, cut_options
from dse.cli.simulate import simulate
from dse.device_choice import DEFAULT_DEVICE, choose_device, known_boards
from dse.errors import FoldingError, InputError
from dse.folding_choice import AUTO_CYCLES, choose_folding
from dse.folding_file import read_folding
from finn_flows.folding import (
    Folding,
    LayerFolding,
    WeightMemory,
    check_folding,
    layer_cycles,
)
from tests.dse.sandbox import PROJECT
from tests.dse.small_network import small_folding, small_network


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 9)), min_size=1, max_size=6))
def test_lists_and_ranges_of_splits(ranges: list[tuple[int, int]]) -> None:
    text = ",".join(f"{first}-{first + more}" if more else str(first) for first, more in ranges)
    expected = {split for first, more in ranges for split in range(first, first + more + 1)}
    assert SplitList().convert(text, None, None) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], None),
        (["--split", "all"], None),
        (["--split", "1", "--split", "all"], None),
        (["--split", "0"], [0]),
        (["--split", "3", "--split", "0-1,3"], [0, 1, 3]),
    ],
)
def test_the_option_may_be_repeated(arguments: list[str], expected: list[int] | None) -> None:
    @click.command()
    @cut_options
    @backend_option
    def command(splits: frozenset[int] | None, pool: str, backends: tuple[str, ...]) -> None:
        found = None if splits is None else sorted(splits)
        click.echo(json.dumps([found, pool, backends]))

    result = CliRunner().invoke(command, [*arguments, "--backend", "b", "--backend", "b"])
    assert json.loads(result.output) == [expected, "before", ["b"]]


@pytest.mark.parametrize("command", [build, hls, simulate])
def test_parts_are_called_alike_by_every_command(command: click.Command) -> None:
    (option,) = (one for one in command.params if one.name == "which")
    for said, part in {"1": "first", "2": "second", "first": "first", "second": "second"}.items():
        assert option.type.convert(said, option, None) == part
    out = ["--out", "out"] if any(one.name == "out" for one in command.params) else []
    for number in ("0", "3", "12"):
        wrong = CliRunner().invoke(command, ["--split", "5", "--part", number, *out])
        assert wrong.exit_code == 2
        assert f"'{number}' is not one of 'first', 'second'" in wrong.output


@given(st.integers(1, 10**6).map(lambda thousandths: thousandths / 1000))
def test_a_clock_with_and_without_its_unit(megahertz: float) -> None:
    for form in (f"{megahertz}", f"{megahertz}MHz", f" {megahertz} mhz"):
        assert Clock().convert(form, None, None) == megahertz


def test_a_board_is_a_device() -> None:
    assert choose_device(None, None) == DEFAULT_DEVICE == choose_device(None, "pynq-Z1")
    assert choose_device("xczu3eg-sbva484-1-e", None) == "xczu3eg-sbva484-1-e"
    for board, part in known_boards().items():
        assert choose_device(part, board) == part
    with pytest.raises(InputError, match="unknown device"):
        choose_device("xc9", None)


def test_only_a_part_of_the_table_or_of_finns_is_a_device() -> None:
    part = known_boards()["ZCU102"]
    assert choose_device(part, None) == part == choose_device(None, "zcu102")
    # FINN knows no board with it, so nobody can say whether there is such a part.
    with pytest.raises(InputError, match=r"'xc7z045ffg900-2'.*choose from xc7z010, .*xczu9eg"):
        choose_device("xc7z045ffg900-2", None)
    with pytest.raises(InputError, match="unknown device ''"):
        choose_device("", None)


def test_a_part_that_only_finn_knows_is_a_device_too(monkeypatch: pytest.MonkeyPatch) -> None:
    new = "xczu19eg-ffvc1760-2-i"
    with pytest.raises(InputError):
        choose_device(new, None)
    monkeypatch.setattr(device_choice, "known_boards", lambda: {"New": new})
    assert choose_device(new, None) == new == choose_device(None, "new")
    with pytest.raises(InputError, match=f"'xc9'.*choose from xc7z010, .*{new}"):
        choose_device("xc9", None)


def test_which_folding_is_meant() -> None:
    network = small_network()
    own = small_folding("own")
    assert choose_folding(None, network, own) is own
    assert choose_folding("published", network, own) is own
    # Three layers have no published folding.
    automatic = choose_folding(None, network, None)
    assert automatic == choose_folding("auto", network, own)
    assert automatic.name == f"balanced-{AUTO_CYCLES}"
    quick = choose_folding("auto:50", network, own)
    check_folding(network, quick)
    assert max(layer_cycles(network, n, quick.layers[n]) for n in (1, 2)) <= 50


MEMORIES = st.sampled_from([None, "auto", "block", "distributed"])


@given(
    st.lists(
        st.tuples(st.sampled_from([1, 2, 4]), st.sampled_from([1, 2]), MEMORIES),
        min_size=3,
        max_size=3,
    )
)
def test_a_folding_file_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    values: list[tuple[int, int, WeightMemory | None]],
) -> None:
    values[0] = (3, *values[0][1:])
    layers = [
        {"simd": simd, "pe": pe} | ({} if memory is None else {"weight_memory": memory})
        for simd, pe, memory in values
    ]
    path: Path = tmp_path_factory.mktemp("folding") / "mine.json"
    path.write_text(json.dumps({"layers": layers}))
    folding = read_folding(path, small_network())
    expected = tuple(LayerFolding(simd, pe, memory or "auto") for simd, pe, memory in values)
    assert folding == Folding("mine", expected)


def test_the_folding_of_the_page_on_networks_is_read(tmp_path: Path) -> None:
    page = (PROJECT / "docs" / "adding-a-network.md").read_text()
    (tmp_path / "f.json").write_text(page.partition("```json\n")[2].partition("```")[0])
    # Read, and then found to be of another network.
    with pytest.raises(FoldingError, match="'mine' has 2 layers; expected 3"):
        read_folding(tmp_path / "f.json", small_network())


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("published", "is that of a folding of our own"),
        ("Auto", "is that of a folding of our own"),
        ("auto:5000", "is that of a folding of our own"),
        ("balanced-100000", "is that of a folding of our own"),
        ("", "is no name"),
        ("  ", "is no name"),
        ("two\nlines", "is no name"),
        ("bell\a", "is no name"),
        ("n" * 61, "is no name"),
    ],
)
def test_a_folding_file_with_a_name_that_misleads_is_refused(
    name: str, error: str, tmp_path: Path
) -> None:
    path = tmp_path / "f.json"
    layers = [{"simd": 3, "pe": 2}, {"simd": 2, "pe": 4}, {"simd": 8, "pe": 5}]
    path.write_text(json.dumps({"name": name, "layers": layers}))
    with pytest.raises(FoldingError, match=f"f.json: the name .* {error}") as raised:
        read_folding(path, small_network())
    assert len(str(raised.value)) < 250 + len(str(path))
    path.write_text(json.dumps({"name": "n" * 60, "layers": layers}))
    assert read_folding(path, small_network()).name == "n" * 60


def test_the_name_of_the_file_is_no_way_around(tmp_path: Path) -> None:
    path = tmp_path / "published.json"
    path.write_text('{"layers": [{"simd":3,"pe":2},{"simd":2,"pe":4},{"simd":8,"pe":5}]}')
    with pytest.raises(FoldingError, match="the name 'published' is that of a folding of our own"):
        read_folding(path, small_network())
