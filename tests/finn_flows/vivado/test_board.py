"""Boards of FINN and of a TOML file, as Vivado needs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dse.errors import InputError
from finn_flows.vivado.board import VivadoBoard, find_board, finn_boards

GOOD = """\
# mine
[board.Cora-Z7-10]
part = "xc7z010clg400-1"
processor = "zynq-7000"
board_part = "digilentinc.com:cora-z7-10:part0:1.1"

[board."Bare.US"]
part = "xczu3eg-sbva484-1-e"
processor = "zynq-ultrascale+"
ps_preset = "preset.tcl"
clock = 150
"""


@pytest.fixture
def boards(tmp_path: Path) -> Path:
    (tmp_path / "preset.tcl").write_text("# set_property ...\n")
    path = tmp_path / "boards.toml"
    path.write_text(GOOD)
    return path


def test_every_zynq_board_of_finn_is_known() -> None:
    from finn.util.basic import pynq_native_port_width, pynq_part_map

    found = {board.name: board for board in finn_boards()}
    # FINN's own shell stops at this one: its template names no preset.
    assert set(found) == set(pynq_part_map) - {"ZCU111"}
    with pytest.raises(InputError, match=r"no set-up of the processing system of ZCU111.*ZCU104"):
        find_board("ZCU111")
    for name, board in found.items():
        assert board.part == pynq_part_map[name]
        assert board.port_bits == pynq_native_port_width[name]
        assert (board.processor == "zynq-7000") == board.part.startswith("xc7z")
        assert board.board_part is not None
        assert board.board_part.count(":") == 3
        assert find_board(name.upper()) == board


def test_a_board_is_what_finns_shell_makes_it() -> None:
    assert find_board("Pynq-Z1") == VivadoBoard(
        name="Pynq-Z1",
        part="xc7z020clg400-1",
        processor="zynq-7000",
        port_bits=64,
        board_part="www.digilentinc.com:pynq-z1:part0:1.0",
    )


def test_boards_of_a_file(boards: Path) -> None:
    cora = find_board("cora-z7-10", boards)
    assert cora == VivadoBoard(
        "Cora-Z7-10",
        "xc7z010clg400-1",
        "zynq-7000",
        64,
        "digilentinc.com:cora-z7-10:part0:1.1",
    )
    bare = find_board("Bare.US", boards)
    assert (bare.port_bits, bare.board_part, bare.clock_mhz) == (128, None, 150)
    assert bare.ps_preset == boards.parent / "preset.tcl"
    assert find_board("ZCU104", boards).name == "ZCU104"


def test_a_files_board_goes_before_finns_of_that_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.split("\n\n")[0].replace("Cora-Z7-10", "pynq-z1"))
    assert find_board("Pynq-Z1", path).part == "xc7z010clg400-1"


@pytest.mark.parametrize("name", ["VCK190", "v80"])
def test_a_board_that_is_neither_zynq_nor_alveo_is_refused_in_a_line(name: str) -> None:
    with pytest.raises(InputError, match=f"nothing for {name}.*choose from AUP-ZU3_8GB"):
        find_board(name)


def test_an_unknown_board_lists_those_of_the_file_too(boards: Path) -> None:
    with pytest.raises(InputError, match=r"unknown board 'Z9'.*Bare.US.*Pynq-Z1"):
        find_board("Z9", boards)


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ('"zynq-7000"', '"zynq-8000"', 4, "processor is 'zynq-8000'.*zynq-ultrascale"),
        ("board_part", "boardpart", 5, "unknown key 'boardpart'.*choose from part"),
        ('part = "xc7z010clg400-1"\n', "", 2, "has no part"),
        ("digilentinc.com:cora-z7-10:part0:1.1", "cora", 5, "board_part is 'cora'"),
        ("clock = 150", "clock = true", 11, "clock is True"),
        ("clock = 150", 'board_part = "a:b:c:1"', 7, "either board_part or ps_preset"),
        ("preset.tcl", "gone.tcl", 10, "ps_preset is not there"),
        ("[board.Cora-Z7-10]", "[boards.Cora-Z7-10]", 2, "unknown key 'boards'"),
        ('"Bare.US"', "cora-z7-10", 7, "two boards are named"),
        ("# mine", "mine", 1, "is not TOML"),
    ],
)
def test_a_wrong_file_is_told_with_its_line(
    boards: Path, old: str, new: str, line: int, said: str
) -> None:
    assert old in GOOD
    boards.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(InputError, match=said) as caught:
        find_board("Cora-Z7-10", boards)
    assert (caught.value.where, caught.value.line) == (str(boards), line)


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        find_board("Pynq-Z1", tmp_path / "none.toml")
    (tmp_path / "empty.toml").write_text("")
    with pytest.raises(InputError, match="names no board"):
        find_board("Pynq-Z1", tmp_path / "empty.toml")
