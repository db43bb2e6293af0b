"""The board library: every board of FINN's, and of a card what its platform keeps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dse.device_choice import known_boards
from dse.plan.chain import PLAN_RESOURCES
from dse.plan_boards import FINN_PLATFORM, UNKNOWN, UNKNOWN_SHELL, library, library_board
from tests.dse.sandbox import PROJECT

TITLES = ("LUT", "LUTRAM", "FF", "BRAM", "DSP", "URAM")
CARD_REPORT = "util_accel/Gabriele-bot__ALVEO-PYNQ_ML__link-imp-kernel_util_placed.rpt"


def test_the_library_is_finns_list_of_boards() -> None:
    assert {board.name: board.part for board in library()} == known_boards()
    assert library_board("ultra96").name == "Ultra96"


def test_a_shell_has_a_source_or_is_unknown() -> None:
    for board in library():
        assert (board.source == UNKNOWN) == (board.shell == UNKNOWN_SHELL)
    cards = {board.name for board in library() if board.source == FINN_PLATFORM}
    assert cards == {"U50", "U200", "U250", "U280", "U55C"}


def test_what_a_card_keeps_is_no_less_than_a_real_platform_took(shared: Path) -> None:
    """Of a U50, by the budget that Vitis left its user (another version of the platform)."""
    text = (shared / "vivado_reports" / CARD_REPORT).read_text()
    (row,) = re.findall(r"\| User Budget (.*)", text)
    columns = ("lut", "lutram", "ff", "bram", "uram", "dsp")
    budget = dict(zip(columns, map(float, re.findall(r"(\d+) \[", row)), strict=True))
    board = library_board("U50")
    for resource, kept in zip(PLAN_RESOURCES, board.shell, strict=True):
        size = dict(zip(PLAN_RESOURCES, board.capacity, strict=True))[resource]
        if kept is not None and size is not None:
            assert kept >= size - budget[resource] >= 0, resource
    assert board.shell[PLAN_RESOURCES.index("lutram")] is None


def test_a_card_is_filled_as_far_as_finns_floorplanner_fills_it() -> None:
    from finn.util.platforms import DEFAULT_RES_LIMITS, platforms

    card = library_board("U280").plan_board("card")
    left = [sum(slr) for slr in zip(*platforms["U280"]().guide_resources, strict=True)]
    lut = PLAN_RESOURCES.index("lut")
    size, kept = card.capacity[lut], card.shell[lut]
    assert size is not None
    assert kept is not None
    assert size * card.usable[lut] - kept == pytest.approx(DEFAULT_RES_LIMITS[0] * left[0])


def test_the_page_has_every_board_as_the_library_has_it() -> None:
    page = (PROJECT / "docs" / "boards.md").read_text()
    rows = [row for row in page.splitlines() if row.startswith("| ")]
    for board in library():
        (row,) = (row for row in rows if row.startswith(f"| {board.name} |"))
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[1] == board.part
        assert cells[2:8] == [_cell(size) for size in board.capacity]
        kept = {
            title: _cell(count)
            for title, count in zip(TITLES, board.shell, strict=True)
            if count is not None and count
        }
        said = {
            title: count
            for count, _, title in (entry.partition(" ") for entry in cells[8].split(", "))
            if title
        }
        assert said == kept
        assert kept or cells[8] == board.source == UNKNOWN


def _cell(count: float | None) -> str:
    if count is None:
        return "?"
    return f"{count:,.0f}" if count.is_integer() else f"{count:,.1f}"
