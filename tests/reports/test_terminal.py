"""The table on a terminal: nothing cut off, every block labelled, failures shown."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from reports.sweep_record import SweepRecord
from reports.terminal import print_table
from reports.utilization import Source
from tests.reports.plausible import plausible_sweep
from tests.reports.test_writers import sweep
from tests.reports.vendor_sweep import vendor_sweep


def printed(records: list[SweepRecord], width: int) -> str:
    """What appears on a console of that width."""
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    print_table(records, console)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize("width", [80, 100, 140])
@pytest.mark.parametrize("second", [None, Source.YOSYS])
def test_nothing_is_cut_off(width: int, second: Source | None) -> None:
    records = sweep() + (plausible_sweep(source=second) if second else [])
    text = printed(records, width)
    assert "…" not in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    for number in ("≈31042", "88.93", "140.0", "37302", "23540", "115200", "868.1", "12544"):
        assert number in text
    blocks = [line for line in text.splitlines() if " — " in line]
    assert blocks
    for block in blocks:
        assert re.search(r"— (paper|finn-estimate|yosys)", block)


@pytest.mark.parametrize("width", [80, 100])
def test_both_sources_stand_side_by_side(width: int) -> None:
    text = printed(plausible_sweep(), width)
    assert "percent of xc7z020 — paper | finn-estimate" in text
    row = next(line for line in text.splitlines() if line.startswith("5 "))
    assert " ".join(row.split()) == "5 58.35 42.27 28.17 44.62 88.93 73.21 14.55 0.00"


@pytest.mark.parametrize(("width", "words"), [(80, 8), (120, 14)])
def test_three_sources_stand_side_by_side(width: int, words: int) -> None:
    text = printed(plausible_sweep() + plausible_sweep(source=Source.YOSYS), width)
    row = next(line for line in text.splitlines() if line.startswith("5 "))
    numbers = "58.35 42.27 42.27 28.17 16.16 44.62 10.57 88.93 73.21 73.21 14.55 0.00 0.00"
    # In one table, or LUT, LUTRAM and FF first where that is too wide.
    assert numbers.startswith(" ".join(row.split()[1:]))
    assert len(row.split()) == words
    assert "— finn-estimate\n" not in text.split("Second part")[0]


def test_a_terminal_says_briefly_why_and_what_was_measured() -> None:
    text = printed(plausible_sweep() + plausible_sweep(source=Source.YOSYS), 100)
    flat = " ".join(text.split())
    assert "Why yosys is not the paper: yosys counts another circuit" in flat
    assert "Layers 1–5 add, in percent of what the paper's add: LUT 85, LUTRAM 64, FF 28" in flat
    assert "Link and cycles per image, measured — yosys" in text
    assert "Layer by layer" not in text


@pytest.mark.parametrize("second", [None, Source.YOSYS])
def test_every_note_is_referred_to(second: Source | None) -> None:
    text = printed(sweep() + (plausible_sweep(source=second) if second else []), 100)
    notes = re.findall(r"^([⁰¹²³⁴⁵⁶⁷⁸⁹]+) ", text, re.MULTILINE)
    assert notes
    tables = text[: text.index("paper: first parts")]
    for note in notes:
        assert re.search(rf"(?<![⁰¹²³⁴⁵⁶⁷⁸⁹]){note}(?![⁰¹²³⁴⁵⁶⁷⁸⁹])", tables), note
    used = set(re.findall(r"[⁰¹²³⁴⁵⁶⁷⁸⁹]+", tables))
    assert used == set(notes)


@pytest.mark.parametrize(
    "records",
    [sweep(), plausible_sweep() + plausible_sweep(source=Source.YOSYS), vendor_sweep()],
    ids=["one failed", "yosys", "vivado"],
)
def test_notes_are_counted_without_a_gap(records: list[SweepRecord]) -> None:
    notes = re.findall(r"^([⁰¹²³⁴⁵⁶⁷⁸⁹]+) ", printed(records, 100), re.MULTILINE)
    digits = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
    assert [int(note.translate(digits)) for note in notes] == list(range(1, len(notes) + 1))


def test_a_failure_is_shown_with_its_error() -> None:
    text = printed(sweep("no [room] for MVAU_2"), 100)
    mark = re.search(r"failed([⁰¹²³⁴⁵⁶⁷⁸⁹]+)", text)
    assert mark
    assert f"{mark[1]} finn-estimate, split 2, first part: failed: no [room] for MVAU_2" in text


def test_several_configurations_are_several_tables() -> None:
    text = printed(plausible_sweep() + plausible_sweep(device="xczu3eg-sbva484-1-e"), 100)
    assert text.count("CnvW2A2 on xc") == 2
    assert "percent of xczu3eg — finn-estimate" in text
