"""A sweep by the vendor's tools in every report: what is missed is marked and named, never lost."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

import pytest

from dse.errors import InputError
from dse.split_choice import choose_split
from reports.figure_growth import growth_figure
from reports.page import Page, Panel, PanelKind
from reports.panels import lay_out
from reports.sweep_record import Implementation, PartName
from reports.table import WHOLE, Point, Status, build_table
from reports.terminal import print_table
from reports.utilization import Source
from reports.write_csv import table_as_csv
from reports.write_html import report_as_html
from reports.write_json import table_as_data
from reports.write_latex import table_as_latex
from reports.write_markdown import table_as_markdown
from tests.reports.vendor_sweep import LATE, TOO_LARGE, vendor_sweep

MISFIT = f"Split {TOO_LARGE}, first part: does not fit: LUT 61,233 of 53,200."
TOO_SLOW = f"Split {LATE}, first part: timing not met: WNS \N{MINUS SIGN}0.312 ns at 100 MHz."


@pytest.fixture(scope="module")
def page() -> Page:
    """Everything that a person reads of the made-up sweep."""
    return lay_out(build_table(vendor_sweep()))


def panel(page: Page, kind: PanelKind) -> Panel:
    """The one panel of a kind."""
    (found,) = [panel for panel in page.panels if panel.kind is kind]
    return found


def test_a_misfit_keeps_its_counts_and_is_marked_at_each(page: Page) -> None:
    used = panel(page, PanelKind.USED)
    (row,) = [row for row in used.rows if row[0].text == str(TOO_LARGE)]
    mark = page.notes.index(MISFIT) + 1
    by_source = {
        source: [row[i] for i, column in enumerate(used.columns) if column.source is source]
        for source in used.sources
    }
    assert by_source[Source.VIVADO_SYNTH][0].text == "61233"
    assert all(mark in cell.marks for cell in by_source[Source.VIVADO_SYNTH])
    assert {cell.text for cell in by_source[Source.VIVADO_PLACED]} == {"no fit"}
    assert all(mark in cell.marks for cell in by_source[Source.VIVADO_PLACED])
    assert not any(mark in cell.marks for cell in by_source[Source.FINN_ESTIMATE])


def test_what_is_too_slow_is_marked_where_it_was_placed(page: Page) -> None:
    used = panel(page, PanelKind.USED)
    (row,) = [row for row in used.rows if row[0].text == str(LATE)]
    mark = page.notes.index(TOO_SLOW) + 1
    for cell, column in zip(row, used.columns, strict=True):
        assert (mark in cell.marks) == (column.source is Source.VIVADO_PLACED)


def test_timing_power_and_run_time_have_a_panel(page: Page) -> None:
    found = panel(page, PanelKind.IMPLEMENTATION)
    rows = {(row[0].text, row[1].text): [cell.text for cell in row[2:]] for row in found.rows}
    assert found.sources == (Source.VIVADO_PLACED,)
    assert rows["0", "second"] == ["0.172", "0.041", "1.683", "1:23:41", "met"]
    late = rows[str(LATE), "first"]
    assert late == ["\N{MINUS SIGN}0.312", "0.041", "1.683", "1:23:41", "timing not met"]
    # A design that was not placed has neither slack nor power: no dash is a zero.
    assert rows[str(TOO_LARGE), "first"] == ["", "", "", "0:30:01", "does not fit"]
    assert rows["whole", ""][-1] == "met"
    # The time of a build stands once, and an empty part was not built.
    assert len(rows) == len(found.rows) == len(build_table(vendor_sweep()).points) * 2 - 2


def test_a_table_without_a_vendors_build_has_no_such_panel() -> None:
    estimates = [one for one in vendor_sweep() if one.source is Source.FINN_ESTIMATE]
    kinds = {panel.kind for panel in lay_out(build_table(estimates)).panels}
    assert PanelKind.IMPLEMENTATION not in kinds


def test_met_is_said_only_where_slack_is_known() -> None:
    records = [
        replace(one, implementation=Implementation(power_w=1.5))
        if one.source is Source.VIVADO_PLACED and one.part is PartName.WHOLE
        else one
        for one in vendor_sweep()
    ]
    found = panel(lay_out(build_table(records)), PanelKind.IMPLEMENTATION)
    assert [cell.text for cell in found.rows[-1]] == ["whole", "", "", "", "1.500", "", ""]


@pytest.mark.parametrize("write", [table_as_markdown, table_as_latex])
def test_every_page_names_what_is_missed(write) -> None:  # type: ignore[no-untyped-def]
    text = write(build_table(vendor_sweep()))
    assert "does not fit: LUT 61,233 of 53,200" in text
    assert "timing not met: WNS" in text
    assert ("$-$0.312" if write is table_as_latex else "\N{MINUS SIGN}0.312") in text
    assert "Timing, power and run time" in text


def test_table_1_alone_counts_its_notes_from_1() -> None:
    text = table_as_latex(build_table(vendor_sweep()))
    alone = re.findall(r"^\\textsuperscript\{(\d+)\}", text, re.MULTILINE)
    others = re.findall(r"\\else\\textsuperscript\{(\d+)\}", text)
    assert others
    assert [int(number) for number in alone] == list(range(1, len(alone) + 1))


def test_the_web_page_and_the_figure_name_it_too() -> None:
    table = build_table(vendor_sweep())
    empty = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"></svg>'
    html = report_as_html(table, dict.fromkeys(("fig4a", "fig4b", "traffic"), empty))
    assert MISFIT in html
    assert '<td class="failed">no fit' in html
    assert '<section aria-labelledby="implementation">' in html
    assert "1 does not fit" in html
    drawn = growth_figure(table)["svg"].decode()
    assert "does not fit: LUT 61,233 of 53,200" in drawn
    assert "which cannot be placed (vivado-placed)" in drawn


@pytest.mark.parametrize("width", [80, 200])
def test_the_terminal_shows_it(width: int) -> None:
    from rich.console import Console

    text = io.StringIO()
    print_table(vendor_sweep(), Console(file=text, width=width))
    shown = " ".join(text.getvalue().split())
    assert MISFIT in shown
    assert "no fit" in shown
    assert "\N{MINUS SIGN}0.312" in shown


def test_csv_and_json_have_the_numbers() -> None:
    table = build_table(vendor_sweep())
    lines = list(csv.DictReader(io.StringIO(table_as_csv(table))))
    by_place = {(line["split"], line["pool"], line["part"]): line for line in lines}
    late = by_place[str(LATE), "before", "first"]
    assert late["vivado-placed.wns_ns"] == "-0.312"
    assert late["vivado-placed.misses"] == "timing: WNS -0.312 ns at 100 MHz"
    assert late["vivado-synth.misses"] == ""
    misfit = by_place[str(TOO_LARGE), "before", "first"]
    assert misfit["vivado-synth.status"] == "built"
    assert misfit["vivado-placed.status"] == "does not fit"
    assert misfit["vivado-placed.lut.used"] == misfit["vivado-placed.wns_ns"] == ""
    assert misfit["vivado-placed.run_seconds"] == "1801"
    assert "finn-estimate.wns_ns" not in lines[0]
    entries = table_as_data(table)["entries"]
    said = [one["implementation"] for one in entries if one["source"] == "vivado-placed"]
    assert {"wns_ns", "whs_ns", "power_w", "run_seconds", "misses"} == set(said[0])
    assert json.dumps(said, allow_nan=False)


def test_a_misfit_has_a_status_of_its_own() -> None:
    table = build_table(vendor_sweep())
    point = Point(TOO_LARGE, "before")
    entry = table.entry(point, PartName.FIRST, Source.VIVADO_PLACED)
    assert entry is not None
    assert entry.status is Status.MISFIT
    whole = table.entry(WHOLE, PartName.WHOLE, Source.VIVADO_PLACED)
    assert whole is not None
    assert whole.status is Status.BUILT


@pytest.mark.parametrize("source", [None, Source.VIVADO_SYNTH])
def test_what_does_not_fit_or_is_too_slow_is_not_chosen(source: Source | None) -> None:
    choice = choose_split(vendor_sweep(), "traffic", source=source)
    assert choice.source is (source or Source.VIVADO_PLACED)
    reasons = {(one.split, one.pool): one.reason for one in choice.rejected}
    assert reasons[TOO_LARGE, "before"] == (
        "It does not fit: its first part needs LUT 61,233 of 53,200."
    )
    if source is None:
        assert reasons[LATE, "before"] == (
            "Its first part is too slow for the clock: WNS \N{MINUS SIGN}0.312 ns at 100 MHz."
        )


def test_where_nothing_fits_the_reason_is_the_tools() -> None:
    records = [one for one in vendor_sweep() if one.split == TOO_LARGE]
    with pytest.raises(InputError, match=r"needs LUT 61,233 of 53,200"):
        choose_split(records, source=Source.VIVADO_SYNTH)


def test_vendor_columns_say_whose_circuit_they_count() -> None:
    sentences = {
        one.source: one.sentences[0] for one in lay_out(build_table(vendor_sweep())).explanations
    }
    assert "what finn-plus makes of these layers" in sentences[Source.VIVADO_PLACED]
    assert "Vivado 2022.2 counted here (placed)" in sentences[Source.VIVADO_PLACED]
    assert "both have a shell" in sentences[Source.VIVADO_SYNTH]
    # Reports of another's runs say nothing of cycles: nobody knows whose circuit that is.
    imported = [replace(one, layers=(), cycles=None, slowest=None) for one in vendor_sweep()]
    sentences = {
        one.source: one.sentences[0] for one in lay_out(build_table(imported)).explanations
    }
    assert "no report says" in sentences[Source.VIVADO_PLACED]
    assert "finn-plus" not in sentences[Source.VIVADO_PLACED]
