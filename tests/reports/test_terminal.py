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


def test_a_failure_is_shown_with_its_error() -> None:
    text = printed(sweep("no [room] for MVAU_2"), 100)
    mark = re.search(r"failed([⁰¹²³⁴⁵⁶⁷⁸⁹]+)", text)
    assert mark
    assert f"{mark[1]} finn-estimate, split 2, first part: failed: no [room] for MVAU_2" in text


def test_several_configurations_are_several_tables() -> None:
    text = printed(plausible_sweep() + plausible_sweep(device="xczu3eg-sbva484-1-e"), 100)
    assert text.count("CnvW2A2 on xc") == 2
    assert "percent of xczu3eg — finn-estimate" in text
