"""A planner's fleet: boards by name, of the file of dse deploy, or of the user's own boards."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.device_choice import known_boards
from dse.errors import DeployError, InputError
from dse.link_rate import bits_per_second
from dse.plan.chain import PLAN_RESOURCES
from dse.plan.fleet import Link
from dse.plan_fleet import fleet, fleet_from_file

BOARDS = """\
[[boards]]
name = "left"
address = "192.168.2.99"
engine = "pynq"
part = "xc7z020clg400-1"
link = "1Gbit/s"
reserve = { lut = 4000, bram = 2.5 }

[[boards]]
name = "middle"
address = "192.168.2.98"
engine = "pynq"
board = "zcu104"
link = "100Mbit/s"
clock = 200
usable = { bram = 0.9 }

[[boards]]
name = "right"
address = "192.168.2.97"
engine = "onnx"
board = "U250"
part = "xcu250-figd2104-2L-e"
link = "the long cable"
"""


def at(counts: tuple[float | None, ...], resource: str) -> float | None:
    return counts[PLAN_RESOURCES.index(resource)]


def test_boards_by_name_are_of_one_kind_if_they_are_alike() -> None:
    made = fleet(["Pynq-Z1", "pynq-z1", "Pynq-Z2", "Ultra96"])
    assert [board.name for board in made.boards] == ["Pynq-Z1 1", "Pynq-Z1 2", "Pynq-Z2", "Ultra96"]
    assert len({board.kind for board in made.boards}) == 2
    first = made.boards[0]
    assert first.capacity == (53200, 17400, 106400, 140, 220, 0)
    assert first.clock_mhz == 100
    # Nobody measured the shell of a Zynq board: it is unknown, not nothing.
    assert first.shell == (None,) * 6
    assert made.links == (Link(),)


def test_every_board_of_finn_can_be_planned_for() -> None:
    for board in fleet(list(known_boards())).boards:
        assert all(size is None or size >= 0 for size in board.capacity)
        for size, kept, usable in zip(board.capacity, board.shell, board.usable, strict=True):
            assert 0 < usable <= 1
            assert size is None or kept is None or 0 <= kept <= size * usable


def test_what_is_said_goes_before_what_is_known() -> None:
    known = fleet(["U250"]).boards[0]
    said = fleet(
        ["U250"], clock_mhz=250.0, reserve={"lut": 5000, "lutram": 10}, usable={"bram": 0.5}
    ).boards[0]
    assert said.clock_mhz == 250
    assert (at(said.shell, "lut"), at(said.shell, "lutram")) == (5000, 10)
    assert at(said.shell, "ff") == at(known.shell, "ff")
    assert at(said.usable, "bram") == 0.5
    # 70 % of what the shell leaves, and the shell.
    assert at(said.usable, "lut") == pytest.approx((5000 + 0.7 * (1728000 - 5000)) / 1728000)


def test_mistakes_are_one_line_with_the_choices(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown board 'Pynq-Z9' \(choose from .*Pynq-Z1"):
        fleet(["Pynq-Z9"])
    with pytest.raises(InputError, match="no board to plan for"):
        fleet([])
    with pytest.raises(InputError, match="unknown resource 'luts'"):
        fleet(["Pynq-Z1"], reserve={"luts": 1})
    with pytest.raises(InputError, match=r"a share of 1\.5 of bram; expected above 0, at most 1"):
        fleet(["Pynq-Z1"], usable={"bram": 1.5})
    with pytest.raises(InputError, match="a clock of"):
        fleet(["Pynq-Z1"], clock_mhz=0.0)


def test_the_file_of_dse_deploy_is_a_fleet(tmp_path: Path) -> None:
    file = tmp_path / "boards.toml"
    file.write_text(BOARDS)
    made = fleet_from_file(file)
    left, middle, right = made.boards
    assert [board.name for board in made.boards] == ["left", "middle", "right"]
    assert (at(left.shell, "lut"), at(left.shell, "bram"), at(left.shell, "ff")) == (
        4000,
        2.5,
        None,
    )
    assert (middle.part, middle.clock_mhz) == ("xczu7ev-ffvc1156-2-e", 200)
    assert at(middle.usable, "bram") == 0.9
    assert at(right.shell, "lut") == at(fleet(["U250"]).boards[0].shell, "lut")
    # A hop is as fast as the slower of its ends, as far as a speed is said.
    unknown = "a message's own cost unknown"
    assert [link.name for link in made.links] == [f"100Mbit/s, {unknown}"] * 2
    assert made.host.byte_s == made.links[0].byte_s == 8 / 100e6
    # Where any two boards may be neighbours every link is as the slowest one.
    free = fleet_from_file(file, any_order=True)
    assert free.links == (Link(f"100Mbit/s, {unknown}", byte_s=8e-8),)
    said = fleet_from_file(file, ["left", "right"], clock_mhz=50.0, reserve={"lut": 1})
    assert [board.clock_mhz for board in said.boards] == [50, 50]
    assert [at(board.shell, "lut") for board in said.boards] == [1, 1]
    assert at(said.boards[0].shell, "bram") == 2.5
    assert said.links == (Link(f"1Gbit/s, {unknown}", byte_s=8e-9),)
    given = fleet_from_file(file, link=Link("given", 1.0), host=Link("h", 2.0))
    assert given.links == (Link("given", 1.0),)
    assert given.host == Link("h", 2.0)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('part = "xc7z020clg400-1"\n', "", "board left: neither its part nor its board is named"),
        ('"xc7z020clg400-1"', '"xc7z045ffg900-2"', "board left: unknown device"),
        ('"zcu104"', '"zcu999"', "board middle: unknown board 'zcu999'"),
        ('"xcu250-figd2104-2L-e"', '"xc7z020clg400-1"', "board right: board U250 carries xcu250"),
    ],
)
def test_a_board_that_cannot_be_planned_for_is_named(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    file = tmp_path / "boards.toml"
    file.write_text(BOARDS.replace(before, after))
    with pytest.raises(InputError) as caught:
        fleet_from_file(file)
    assert str(caught.value).startswith(f"{file}: {said}")
    assert "\n" not in str(caught.value)


def test_a_board_of_a_file_is_one_board(tmp_path: Path) -> None:
    file = tmp_path / "boards.toml"
    file.write_text(BOARDS)
    with pytest.raises(InputError, match=f"^{file}: board 'left' is one board, and named twice"):
        fleet_from_file(file, ["left", "middle", "left"])


def test_boards_that_say_nothing_of_their_link_have_an_ideal_one(tmp_path: Path) -> None:
    file = tmp_path / "boards.toml"
    file.write_text(BOARDS.replace("link", "#link"))
    assert fleet_from_file(file).links == (Link(),)
    file.write_text("")
    with pytest.raises(DeployError, match="names no board"):
        fleet_from_file(file)


def test_a_board_of_the_users_own_says_what_its_shell_takes(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(
        '[board.Cora]\npart = "xc7z010clg400-1"\nprocessor = "zynq-7000"\n'
        'board_part = "digilentinc.com:cora-z7-10:part0:1.1"\nclock = 50\n'
        "reserve = { lut = 3000 }\nusable = { bram = 0.75 }\n"
    )
    own, other = fleet(["cora", "Pynq-Z1"], board_file=file).boards
    assert (own.name, own.clock_mhz, at(own.capacity, "lut")) == ("Cora", 50, 17600)
    assert (at(own.shell, "lut"), at(own.usable, "bram")) == (3000, 0.75)
    assert other.clock_mhz == 100
    with pytest.raises(InputError, match=r"unknown board 'cor' \(choose from .*Cora"):
        fleet(["cor"], board_file=file)


@given(
    rate=st.decimals("1", "999999", places=3, allow_nan=False),
    unit=st.sampled_from([("", 1), ("k", 1e3), ("M", 1e6), ("G", 1e9)]),
    word=st.sampled_from(["bit", "bit/s", "bitps", "bps", "Bit/s"]),
    space=st.sampled_from(["", " "]),
)
def test_a_links_speed_is_read_as_people_write_it(
    rate: object, unit: tuple[str, float], word: str, space: str
) -> None:
    found = bits_per_second(f" {rate}{space}{unit[0]}{word} ")
    assert found == pytest.approx(float(str(rate)) * unit[1])


@pytest.mark.parametrize("text", ["", "wifi", "1Gbyte/s", "0bit", "-1Mbit", "1e9bit/s", "1 G bit"])
def test_what_is_no_speed_is_none(text: str) -> None:
    assert bits_per_second(text) is None
