"""What the shared options make of what a person types."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from dse.cli.options import Clock, SplitList, backend_option, cut_options
from dse.device_choice import DEFAULT_DEVICE, choose_device, known_boards
from dse.errors import InputError
from dse.folding_choice import AUTO_CYCLES, choose_folding
from dse.folding_file import read_folding
from finn_flows.folding import Folding, LayerFolding, check_folding, layer_cycles
from reports.devices import device_of
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


def test_a_part_that_only_finn_knows_is_a_device_too() -> None:
    part = known_boards()["ZCU102"]
    with pytest.raises(InputError):
        device_of(part)
    assert choose_device(part, None) == part == choose_device(None, "zcu102")
    # FINN knows no board with it, so nobody can say whether there is such a part.
    with pytest.raises(InputError, match=f"'xc7z045ffg900-2'.*choose from xc7z010, .*{part}"):
        choose_device("xc7z045ffg900-2", None)
    with pytest.raises(InputError, match="unknown device ''"):
        choose_device("", None)


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


@given(
    st.lists(st.tuples(st.sampled_from([1, 2, 4]), st.sampled_from([1, 2])), min_size=3, max_size=3)
)
def test_a_folding_file_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, values: list[tuple[int, int]]
) -> None:
    layers = [{"simd": simd, "pe": pe} for simd, pe in values]
    layers[0]["simd"] = 3
    path: Path = tmp_path_factory.mktemp("folding") / "mine.json"
    path.write_text(json.dumps({"layers": layers}))
    folding = read_folding(path, small_network())
    expected = tuple(LayerFolding(layer["simd"], layer["pe"]) for layer in layers)
    assert folding == Folding("mine", expected)
