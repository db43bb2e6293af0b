"""boards.toml: every mistake is one line with its place; adding keeps what is there."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dse.deploy.boards_file import BoardEntry, add_board, choose_boards, read_boards
from dse.deploy.deploy_plan import deploy_device
from dse.deploy.node.engines import ENGINES
from dse.errors import DeployError, DseError, InputError, OutputError

GOOD = """\
# The rack in the lab.
[[boards]]
name = "left"          # nearest to the door
address = "192.168.2.99"
engine = "pynq"
part = "xc7z020clg400-1"
user = "root"
link = "1Gbit/s"
key = "keys/id_ed25519"
bitstreams = "/srv/bitstreams"

[[boards]]
name = "right"
address = "right.local"
engine = "onnx"
port = 2222
board = "Pynq-Z2"
clock = 125.5
reserve = { lut = 4000, bram = 2.5 }
usable = { bram = 0.9 }
"""


def error_of(text: str, folder: Path) -> str:
    file = folder / "boards.toml"
    file.write_text(text)
    with pytest.raises(DeployError) as error:
        read_boards(file)
    line = str(error.value)
    assert "\n" not in line
    assert line.startswith(str(file))
    return line.removeprefix(str(file))


def test_every_key_is_read(tmp_path: Path) -> None:
    file = tmp_path / "boards.toml"
    file.write_text(GOOD)
    left, right = read_boards(file)
    assert left == BoardEntry(
        name="left",
        address="192.168.2.99",
        engine="pynq",
        user="root",
        part="xc7z020clg400-1",
        link="1Gbit/s",
        key=tmp_path / "keys/id_ed25519",
        bitstreams=Path("/srv/bitstreams"),
    )
    assert right == BoardEntry(
        "right",
        "right.local",
        "onnx",
        port=2222,
        board="Pynq-Z2",
        clock=125.5,
        reserve={"lut": 4000, "bram": 2.5},
        usable={"bram": 0.9},
    )
    assert choose_boards([left, right], ["right"], file) == [right]
    assert choose_boards([left, right], [], file) == [left, right]
    with pytest.raises(InputError, match=r"no board 'middle' \(choose from left, right\)"):
        choose_boards([left, right], ["middle"], file)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ('engine = "onnx"', 'engine = "onxx"', ":15: board right: engine is 'onxx'"),
        ("port = 2222", "port = 65536", ":16: board right: port is 65536; expected a number"),
        ("port = 2222", "port = true", ":16: board right: port is True; expected a number"),
        ("clock = 125.5", "clock = 0", ":18: board right: clock is 0; expected MHz, 0.001 to"),
        ("clock = 125.5", "clock = true", ":18: board right: clock is True; expected MHz"),
        ("lut = 4000", "luts = 4000", ":19: board right: reserve is {'luts': 4000, 'bram': 2.5}"),
        ("bram = 2.5", "bram = 2.2", ":19: board right: reserve is "),
        ("bram = 0.9", "bram = 90", ":20: board right: usable is {'bram': 90}; expected shares"),
        ("usable = { bram = 0.9 }", "usable = 0.9", ":20: board right: usable is 0.9; expected"),
        ("port = 2222", 'port = "22"', ":16: board right: port is '22'; expected a number"),
        ("port = 2222", "ports = 2222", ":16: board right: unknown key 'ports'; expected port"),
        ('name = "right"', 'name = "left"', ":13: two boards are named 'left'"),
        ('name = "right"', 'name = "../x"', ":13: board 2: name is '../x'; expected up to 64"),
        ('name = "right"\n', "", ":12: board 2: has no name"),
        ('address = "right.local"\n', "", ":12: board right: has no address"),
        ('engine = "pynq"\n', "", ":2: board left: has no engine"),
        ('"192.168.2.99"', '"-oProxyCommand=x"', ":4: board left: address is "),
        ('"192.168.2.99"', '"a b"', ":4: board left: address is 'a b'"),
        ('user = "root"', 'user = ""', ":7: board left: user is ''; expected a user name"),
        ('user = "root"', "user = [1]", ":7: board left: user is [1]"),
        ('link = "1Gbit/s"', 'link = "a\\nb"', ":8: board left: link is 'a\\nb'"),
        ('link = "1Gbit/s"', "link = ", ":8: is not TOML: Invalid value"),
        ("[[boards]]\nname = \"right\"", "[[board]]\nname = \"right\"", ":12: unknown key 'board'"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_its_place(
    tmp_path: Path, before: str, after: str, expected: str
) -> None:
    assert GOOD.count(before) == 1
    said = error_of(GOOD.replace(before, after), tmp_path)
    assert said.startswith(expected)
    if "engine" in expected:
        assert all(engine in said for engine in ENGINES)


def test_parts_are_made_for_the_device_that_the_first_board_says() -> None:
    silent = BoardEntry("a", "h", "onnx")
    named = BoardEntry("b", "h", "onnx", board="zcu104")
    both = BoardEntry("c", "h", "onnx", board="ZCU104", part="xc7z010clg400-1")
    assert deploy_device([silent, named, both], "xc7z020") == "xczu7ev-ffvc1156-2-e"
    assert deploy_device([both, named], "xc7z020") == "xc7z010clg400-1"
    assert deploy_device([silent], "xc7z020") == "xc7z020"
    with pytest.raises(InputError, match="unknown board 'zcu'"):
        deploy_device([dataclasses.replace(named, board="zcu")], "xc7z020")


def test_what_is_no_list_of_boards(tmp_path: Path) -> None:
    assert "names no board" in error_of("", tmp_path)
    assert "boards is not a list" in error_of("boards = 3", tmp_path)
    assert "boards is not a list" in error_of("[boards]\nname = 'x'", tmp_path)
    assert "is not TOML" in error_of("x = " + "9" * 5000, tmp_path)
    assert "too large" in error_of("#" * (1 << 20) + "\n", tmp_path)
    (tmp_path / "latin.toml").write_bytes(b"# \xff")
    with pytest.raises(DeployError, match="not text in UTF-8"):
        read_boards(tmp_path / "latin.toml")
    with pytest.raises(DeployError, match="No such file"):
        read_boards(tmp_path / "none.toml")
    with pytest.raises(DeployError, match="Is a directory"):
        read_boards(tmp_path)


def test_boards_written_in_another_way_are_read_too(tmp_path: Path) -> None:
    file = tmp_path / "boards.toml"
    file.write_text('boards = [{name = "a", address = "h", engine = "rtl"}]')
    assert read_boards(file) == (BoardEntry("a", "h", "rtl"),)
    assert ": board a: port is 0" in error_of(
        'boards = [{name = "a", address = "h", engine = "rtl", port = 0}]', tmp_path
    )


@given(text=st.text(max_size=200) | st.binary(max_size=100).map(lambda b: b.decode("latin-1")))
def test_no_text_is_more_than_one_line_of_error(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    file = tmp_path_factory.getbasetemp() / "random.toml"
    file.write_text(text, encoding="utf-8", errors="replace")
    with pytest.raises(DeployError) as error:
        read_boards(file)
    assert "\n" not in str(error.value)


TOML_VALUES = st.recursive(
    st.integers(-1, 70_000) | st.booleans() | st.text(max_size=8) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=2),
)


@settings(max_examples=200)
@given(
    board=st.dictionaries(
        st.sampled_from([field.name for field in dataclasses.fields(BoardEntry)]) | st.text("ab"),
        TOML_VALUES | st.sampled_from(["onnx", "rtl", "left", "10.0.0.1"]),
    )
)
def test_a_board_is_added_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, board: dict[str, Any]
) -> None:
    file = tmp_path_factory.getbasetemp() / "added.toml"
    file.write_text(GOOD)
    lines = [""]
    try:
        added = add_board(file, board)
    except DseError as error:
        lines = str(error).splitlines()
        assert file.read_text() == GOOD
    else:
        assert file.read_text().startswith(GOOD)
        assert read_boards(file)[-1] == added
    assert len(lines) == 1


PLAIN = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)
PRINTABLE = st.text(max_size=60).filter(lambda text: text.isprintable() and bool(text.strip()))


@given(
    name=PLAIN.filter(lambda name: name not in ("left", "right")),
    address=PLAIN,
    engine=st.sampled_from(list(ENGINES)),
    port=st.none() | st.integers(1, 65535),
    link=st.none() | PRINTABLE,
    part=st.none() | PRINTABLE,
)
def test_what_is_added_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, name: str, **board: Any
) -> None:
    file = tmp_path_factory.getbasetemp() / "round-trip.toml"
    file.write_text(GOOD.rstrip("\n"))
    before = read_boards(file)
    added = add_board(file, {"name": name, **board})
    assert read_boards(file) == (*before, added)
    assert added == BoardEntry(name, **board)
    assert file.read_text().startswith(GOOD)


def test_adding_makes_the_file_keeps_a_link_and_refuses_a_name_that_is_taken(
    tmp_path: Path,
) -> None:
    file, link = tmp_path / "lab.toml", tmp_path / "boards.toml"
    link.symlink_to(file)
    add_board(link, {"name": "a", "address": "h", "engine": "onnx"})
    assert link.is_symlink()
    assert tomllib.loads(file.read_text()) == {
        "boards": [{"name": "a", "address": "h", "engine": "onnx"}]
    }
    before = file.read_bytes()
    with pytest.raises(InputError, match="there is a board 'a' already"):
        add_board(link, {"name": "a", "address": "i", "engine": "onnx"})
    with pytest.raises(DeployError, match="unknown key 'colour'"):
        add_board(link, {"name": "b", "address": "i", "engine": "onnx", "colour": "red"})
    assert file.read_bytes() == before
    # A file of inline boards cannot take a table more; it says so, and stays.
    inline = 'boards = [{name = "a", address = "h", engine = "rtl"}]\n'
    file.write_text(inline)
    with pytest.raises(DeployError, match="none can be appended"):
        add_board(link, {"name": "b", "address": "i", "engine": "onnx"})
    assert file.read_text() == inline
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write: File exists"):
        add_board(tmp_path / "file" / "boards.toml", {"name": "b", "address": "i", "engine": "rtl"})
