"""Mistakes in a file of boards are told when it is read, each with its line and what would do."""

from __future__ import annotations

from pathlib import Path

import pytest

from dse.errors import InputError
from finn_flows.vivado.board_content import board_text
from finn_flows.vivado.board_file import read_vivado_boards
from finn_flows.vivado.part_names import is_part, processor_of

GOOD = """\
# mine

[board.Carrier]
part = "xc7z020clg400-1"
processor = "zynq-7000"
ps_preset = "preset.tcl"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "preset.tcl").write_text("# set_property ...\n")
    (tmp_path / "{a.tcl").write_text("# set_property ...\n")
    (tmp_path / "latin.tcl").write_bytes(b"# f\xfcr\n")
    (tmp_path / "{files").mkdir()
    path = tmp_path / "boards.toml"
    path.write_text(GOOD)
    assert [board.name for board in read_vivado_boards(path)] == ["Carrier"]
    return path


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        (
            *("xc7z020clg400-1", "xczu3eg-sbva484-1-e", 5),
            "processor is 'zynq-7000', but xczu3eg.* is a zynq-ultrascale.*expected processor = ",
        ),
        (
            *("zynq-7000", "zynq-ultrascale+", 5),
            r"xc7z020clg400-1 is a zynq-7000; expected processor = \"zynq-7000\"",
        ),
        (
            *("xc7z020clg400-1", "xcu250-figd2104-2L-e", 5),
            "xcu250-figd2104-2L-e has no Zynq processing system; expected a part such as xc7z020",
        ),
        ("xc7z020clg400-1", "xcfoo999-1", 4, "part is 'xcfoo999-1', which is no name of a part"),
        ("xc7z020clg400-1", "xc7z020", 4, "no name of a part; expected device, package and speed"),
        ("xc7z020clg400-1", "a b", 4, "part is 'a b'; expected device, package and speed grade"),
        (
            *('ps_preset = "preset.tcl"', 'board_part = "cora"', 6),
            "board_part is 'cora'; expected vendor:name:part0:version",
        ),
        (
            *('ps_preset = "preset.tcl"', 'board_part = "a:b:c:$[exit]"', 6),
            "expected vendor:name:part0:version",
        ),
        ("preset.tcl", "{a.tcl", 6, "ps_preset cannot be written in Tcl: .*{a.tcl"),
        ("preset.tcl", "latin.tcl", 6, "ps_preset is not text in UTF-8: .*latin.tcl"),
        (
            *('ps_preset = "preset.tcl"', 'board_part = "a:b:c:1"\nboard_files = "{files"', 7),
            "board_files cannot be written in Tcl",
        ),
        ('ps_preset = "preset.tcl"', "", 3, "give either board_part or ps_preset"),
        (
            'ps_preset = "preset.tcl"',
            'ps_preset = "preset.tcl"\nport_bits = 128',
            7,
            "none so wide",
        ),
        (
            'ps_preset = "preset.tcl"',
            'ps_preset = "preset.tcl"\nreserve = { lut = 0.5 }',
            7,
            r"board Carrier: reserve: lut = 0\.5; expected a whole number",
        ),
        (
            'ps_preset = "preset.tcl"',
            'ps_preset = "preset.tcl"\nusable = { brams = 0.5 }',
            7,
            "usable: unknown resource 'brams'",
        ),
        ("[board.Carrier]", '[board."My Board"]', 3, "'My Board' is no name of a board"),
        ("[board.Carrier]", "[board.'$x']", 3, r"'\$x' is no name of a board"),
    ],
)
def test_what_cannot_be_is_told_with_its_line(
    file: Path, old: str, new: str, line: int, said: str
) -> None:
    assert old in GOOD
    file.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(InputError, match=said) as told:
        read_vivado_boards(file)
    assert (told.value.where, told.value.line) == (str(file), line)
    assert "should match" not in str(told.value)


def test_what_only_plans_need_does_not_make_it_another_board(file: Path) -> None:
    (before,) = read_vivado_boards(file)
    preset = 'ps_preset = "preset.tcl"'
    file.write_text(GOOD.replace(preset, preset + "\nreserve = {lut = 9}\nusable = {ff = 0.5}"))
    (after,) = read_vivado_boards(file)
    assert (after.reserve, after.usable) == ((("lut", 9.0),), (("ff", 0.5),))
    assert board_text(after) == board_text(before)


@pytest.mark.parametrize(
    "text",
    [
        '\n[board]\n\n"My Board" = {part = "xc7z020clg400-1", processor = "zynq-7000"}\n',
        '[board]\nGood = {part = "xc7z020clg400-1"}\n\nA = {part = 1}\n'.replace("Good", "'$x'"),
        '\n\n\nboard.A.part = "xc7z020clg400-1"\nboard.A.processor = "zynq-7000"\n',
    ],
)
def test_a_board_without_a_header_of_its_own_is_found(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(InputError) as told:
        read_vivado_boards(file)
    row = text.splitlines()[(told.value.line or 0) - 1]
    assert told.value.line is not None
    assert row.startswith(('"My Board"', "'$x'", "board.A.part"))


@pytest.mark.parametrize(
    ("part", "processor"),
    [
        ("XC7Z020CLG400-1", "zynq-7000"),
        ("xc7z007sclg225-1", "zynq-7000"),
        ("xc7z010iclg225-1L", "zynq-7000"),
        ("xq7z045rf900-1I", "zynq-7000"),
        ("xck26-sfvc784-2LV-c", "zynq-ultrascale+"),
        ("xck24-ubva530-2LV-c", "zynq-ultrascale+"),
        ("xczu9eg-ffvb1156-2-i-es1", "zynq-ultrascale+"),
        ("xqzu28dr-ffrg1517-1M-m", "zynq-ultrascale+"),
        ("xc7a100tcsg324-1", None),
        ("xcvu9p-flgb2104-2-i", None),
    ],
)
def test_a_part_says_which_processing_system_it_has(part: str, processor: str | None) -> None:
    assert is_part(part)
    assert processor_of(part) == processor


def test_every_part_of_finns_is_one() -> None:
    from finn.util.basic import alveo_part_map, part_map, pynq_part_map

    for part in (*part_map.values(), *pynq_part_map.values(), *alveo_part_map.values()):
        assert is_part(part), part
        zynq = part.startswith(("xc7z", "xczu", "xck2"))
        assert (processor_of(part) is not None) == zynq, part
