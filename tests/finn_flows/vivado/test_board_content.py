"""What the user says of a board decides what is built: it is in the key, or told in a line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dse.errors import InputError
from finn_flows.vivado.board import VivadoBoard
from finn_flows.vivado.board_content import board_text


def board(**own: Path) -> VivadoBoard:
    name = "digilentinc.com:cora:part0:1.1" if "board_files" in own else None
    return VivadoBoard("Mine", "xc7z010clg400-1", "zynq-7000", 64, name, **own)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "board_files"
    for name, directory in (("cora", "cora-z7/B.0"), ("zybo", "zybo-z7/A.0")):
        version = folder / directory
        version.mkdir(parents=True)
        (version / "board.xml").write_text(f'<board schema_version="2.0"\n name="{name}"/>\n')
        (version / "preset.xml").write_text("<preset/>\n")
    return folder


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("cora-z7/B.0/preset.xml", True),
        ("cora-z7/B.0/board.xml", True),
        ("cora-z7/B.0/1.0/new.xml", True),
        ("zybo-z7/A.0/preset.xml", False),
    ],
)
def test_the_files_of_the_board_that_is_built_for_are_in_the_key(
    files: Path, file: str, counts: bool
) -> None:
    before = board_text(board(board_files=files))
    path = files / file
    path.parent.mkdir(exist_ok=True)
    path.write_text((path.read_text() if path.exists() else "") + "<!-- another -->\n")
    assert (board_text(board(board_files=files)) != before) is counts


def test_where_the_files_lie_is_not_in_the_key(files: Path, tmp_path: Path) -> None:
    before = board_text(board(board_files=files))
    moved = files.rename(tmp_path / "moved")
    assert board_text(board(board_files=moved)) == before


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda file: file.write_bytes(b"# \xff\xfe\n"), "is not text in UTF-8"),
        (lambda file: file.unlink(missing_ok=True), "cannot be read: No such file"),
        (lambda file: (file.unlink(), file.mkdir()), "cannot be read: Is a directory"),
    ],
)
def test_a_preset_that_cannot_be_read_is_told_with_its_file(
    tmp_path: Path, damage: Callable[[Path], object], said: str
) -> None:
    preset = tmp_path / "preset.tcl"
    preset.write_text("# mine\n")
    assert board_text(board(ps_preset=preset)).startswith("Mine ")
    damage(preset)
    with pytest.raises(InputError, match=said) as told:
        board_text(board(ps_preset=preset))
    assert told.value.where == str(preset)


def test_a_folder_of_boards_that_has_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="board_files of Mine is no folder"):
        board_text(board(board_files=tmp_path / "gone"))
