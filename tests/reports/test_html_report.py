"""report.html: well formed, self-contained, and true to the records it was made of."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import pytest

from reports.inline_svg import inline_svg
from reports.page import PanelKind
from reports.panels import lay_out
from reports.sweep_record import PartName, SweepRecord
from reports.table import build_table
from reports.utilization import Source
from reports.write_html import MOST_COLUMNS
from tests.reports.html_page import Element, body_cells, parse, write_page
from tests.reports.plausible import plausible_sweep
from tests.reports.test_writers import ERROR, sweep
from tests.reports.vendor_sweep import vendor_builds

SWEEPS = {
    "one failed": sweep(),
    "last split": [record for record in plausible_sweep() if record.split == 8],
    "whole": [record for record in plausible_sweep() if record.part is PartName.WHOLE],
    "unknown device": plausible_sweep(device="xcvu9p"),
    "another folding": [
        SweepRecord(**{**record.__dict__, "folding": "<mine>"}) for record in plausible_sweep()
    ],
    "three tools": sweep()
    + plausible_sweep(source=Source.YOSYS)
    + plausible_sweep(source=Source.VIVADO_PLACED),
}


@pytest.fixture(scope="module", params=SWEEPS.values(), ids=SWEEPS.keys())
def swept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """(records, text of the page)."""
    path = write_page(request.param, tmp_path_factory.mktemp("page"))
    return request.param, path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Element:
    """The page of the sweep with one failed point."""
    return parse(write_page(sweep(), tmp_path_factory.mktemp("page")).read_text(encoding="utf-8"))


def captioned(page: Element, caption: str) -> Element:
    """The one table whose caption begins so."""
    (found,) = [
        table for table in page.all("table") if table.all("caption")[0].text().startswith(caption)
    ]
    return found


def test_well_formed_with_unique_ids_that_references_meet(swept) -> None:  # type: ignore[no-untyped-def]
    elements = parse(swept[1]).all()
    identifiers = [one.attributes["id"] for one in elements if "id" in one.attributes]
    assert len(identifiers) == len(set(identifiers))
    wanted = {
        name for one in elements for name in one.attributes.get("aria-labelledby", "").split()
    }
    wanted |= {
        one.attributes["href"][1:]
        for one in elements
        if one.attributes.get("href", "").startswith("#")
    }
    wanted |= set(re.findall(r"url\(#([^)]*)\)", swept[1]))
    assert wanted
    assert wanted <= set(identifiers)


def test_nothing_is_fetched_or_run(swept) -> None:  # type: ignore[no-untyped-def]
    text = swept[1]
    elements = parse(text).all()
    assert not {"script", "img", "iframe", "object", "embed"} & {one.tag for one in elements}
    for one in elements:
        assert not [name for name in one.attributes if name.startswith("on") or name == "src"]
        if "href" in one.attributes:
            assert one.attributes["href"].startswith("#") or one.attributes["href"] == "data:,"
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)
    assert "http://" not in text
    assert "https://" not in text
    # One style element: another, inside a drawing, would hold for the whole page.
    assert len([one for one in elements if one.tag == "style"]) == 1


def test_tables_are_rectangular_with_caption_and_scopes(swept) -> None:  # type: ignore[no-untyped-def]
    tables = parse(swept[1]).all("table")
    assert len(tables) >= 4
    for table in tables:
        assert table.all("caption")[0].text()
        head = table.all("thead")[0].all("tr")
        # A cell over two rows takes a place in the second.
        widths = [
            sum(int(cell.attributes.get("colspan", 1)) for cell in row.all("th")) for row in head
        ]
        taller = sum(cell.attributes.get("rowspan") == "2" for cell in head[0].all("th"))
        if len(head) == 2:
            widths[1] += taller
        widths += [len(cells) for cells in body_cells(table)]
        assert len(set(widths)) == 1
        assert widths[0] <= MOST_COLUMNS
        for heading in table.all("th"):
            assert heading.attributes["scope"] in ("col", "colgroup", "row")
        assert all(cells[0].tag == "th" for cells in body_cells(table))


def test_every_cell_of_every_panel_stands_in_a_table(swept) -> None:  # type: ignore[no-untyped-def]
    records, text = swept
    tables = parse(text).all("table")
    shown = [
        [[cell.text(marks=False) for cell in row] for row in body_cells(table)] for table in tables
    ]
    laid_out = lay_out(build_table(records), differences=True)
    for panel in laid_out.panels:
        for piece in panel.pieces(MOST_COLUMNS):
            rows = [[cell.text or "– no value" for cell in row] for row in piece.rows]
            assert rows in shown
    for note in laid_out.notes:
        assert " ".join(note.split()) in parse(text).text()


def test_differences_are_the_tools_less_the_papers(page: Element) -> None:
    table = captioned(page, "First part and whole network: percent")
    groups = [cell.text(marks=False) for cell in table.all("thead")[0].all("tr")[1].all("th")]
    assert groups == ["paper", "finn-estimate", "Δ finn-estimate less paper"] * 5
    rows = {cells[0].text(marks=False): cells[1:] for cells in body_cells(table)}
    known = 0
    for label, cells in rows.items():
        texts = [cell.text(marks=False).replace("−", "-") for cell in cells]
        for start in range(0, 15, 3):
            paper, tool, difference = texts[start : start + 3]
            try:
                expected = float(tool) - float(paper)
            except ValueError:
                assert difference in ("– no value", ""), label
                continue
            known += 1
            assert float(difference) == pytest.approx(expected, abs=0.0101)
            assert difference[0] in "+-"
    assert known == 6 * 3  # LUT, BRAM, DSP of splits 0-5 (2 failed) and the whole network


def test_unknown_is_a_dash_and_never_zero(page: Element) -> None:
    table = captioned(page, "First part and whole network: used")
    for cells in body_cells(table):
        # LUTRAM and FF, which FINN does not count.
        for position in (4, 6):
            assert cells[position].text(marks=False) in ("– no value", "failed")


def test_what_an_error_says_is_text_not_markup(page: Element) -> None:
    assert ERROR in page.text()
    assert not page.all("script")
    assert "<12544> & more." in page.text()


def test_choices_are_told_with_their_reasons(page: Element) -> None:
    cards = [card.text() for card in page.all("article")]
    assert len(cards) == 2
    assert "By traffic Split 5" in cards[0]
    assert "64 bytes per image." in cards[0]
    assert "Source: finn-estimate" in cards[0]
    assert "By balance No split" in cards[1]
    assert "none fits" in cards[1]
    reasons = body_cells(captioned(page, "Why not another, by traffic"))
    assert [row[0].text() for row in reasons] == ["0", "1 after"]


def test_without_choices_it_says_so(tmp_path: Path) -> None:
    text = parse(write_page(plausible_sweep(), tmp_path, ()).read_text(encoding="utf-8")).text()
    assert "No split was chosen." in text


def test_says_what_was_swept_by_whom(page: Element) -> None:
    terms = [one.text() for one in page.all("dt")]
    texts = dict(zip(terms, [one.text() for one in page.all("dd")], strict=True))
    assert texts["Network"] == "CnvW2A2"
    assert texts["Hash of weights and thresholds"] == "sha256 " + "5" * 64
    assert texts["Device"].startswith("xc7z020clg400-1 53200 LUT") or "53200 LUT" in texts["Device"]
    assert texts["Clock"] == "100 MHz"
    assert texts["Folding"] == "published"
    assert "1, 3 with the max-pool behind the cut" in texts["Cuts"]
    assert texts["Results"] == "23: 21 built, 1 failed, 1 empty"
    assert "FINN 1.6.1" in texts["Versions"]
    assert version("split-dse") in texts["Versions"]
    assert "Fiscaletti" in texts["paper"]
    assert "without a shell" in texts["finn-estimate"]
    sources = body_cells(captioned(page, "Who counted what"))
    by_name = {row[0].text(): [cell.text() for cell in row[1:]] for row in sources}
    assert by_name["finn-estimate"][:4] == [
        "FINN 1.6.1", "estimate", "out-of-context", "LUTRAM, FF",
    ]  # fmt: skip
    assert by_name["paper"][2] == "with shell"


def test_each_drawing_has_a_name_and_a_description(page: Element) -> None:
    drawings = [one for one in page.all("svg") if one.attributes.get("role") == "img"]
    assert len(drawings) == 3
    names = {one.attributes["id"]: one.text() for one in page.all() if "id" in one.attributes}
    for drawing in drawings:
        title, description = drawing.attributes["aria-labelledby"].split()
        assert names[title]
        assert len(names[description]) > 40
    assert len(page.all("figcaption")) == 3


def test_panels_of_each_kind_are_all_placed() -> None:
    kinds = {panel.kind for panel in lay_out(build_table(sweep()), differences=True).panels}
    assert kinds == set(PanelKind) - {
        PanelKind.TIMING,
        PanelKind.LAYERS,
        PanelKind.IMPLEMENTATION,
    }
    two = build_table(sweep() + plausible_sweep(source=Source.YOSYS) + vendor_builds()[:1])
    assert {panel.kind for panel in lay_out(two, differences=True).panels} == set(PanelKind)


def test_measured_cycles_and_the_reasons_have_sections_of_their_own(tmp_path: Path) -> None:
    records = sweep() + plausible_sweep(source=Source.YOSYS)
    page = parse(write_page(records, tmp_path).read_text(encoding="utf-8"))
    headings = [one.text() for one in page.all("h2")]
    assert "Why the columns differ" in headings
    assert "Cycles, estimated and measured" in headings
    (why,) = [one for one in page.all("section") if one.attributes["aria-labelledby"] == "why"]
    for explanation in lay_out(build_table(records)).explanations:
        for sentence in explanation.sentences:
            assert sentence in why.text()
    terms = [one.text() for one in page.all("dt")]
    texts = dict(zip(terms, [one.text() for one in page.all("dd")], strict=True))
    assert texts["Cycles"].startswith("finn-estimate: estimated; yosys: measured.")
    layers = body_cells(captioned(page, "Layer by layer"))
    assert [row[0].text(marks=False) for row in layers][:3] == ["conv0", "conv1", "pool1"]


def test_one_tool_has_no_section_of_measured_cycles(page: Element) -> None:
    assert "Cycles, estimated and measured" not in page.text()


def test_an_inline_drawing_keeps_to_itself() -> None:
    file = b"""<?xml version="1.0"?><!DOCTYPE svg><svg viewBox="0 0 1 1" width="9pt">
<metadata>when</metadata><defs><style type="text/css">*{x: y}</style></defs>
<g id="a"><use xlink:href="#b" style="fill: #0072B2"/><rect clip-path="url(#c)" fill="#e69f00"/>
</g></svg>"""
    drawing = inline_svg(file, "p", "<T>", "D & E")
    assert drawing.startswith('<svg viewBox="0 0 1 1" role="img"')
    assert "&lt;T&gt;" in drawing
    assert "D &amp; E" in drawing
    for expected in (
        'id="p-a"', 'href="#p-b"', "url(#p-c)",
        'style="fill: var(--figure-0072b2, #0072b2)"',
        'style="fill: var(--figure-e69f00, #e69f00)"',
    ):  # fmt: skip
        assert expected in drawing
    for gone in ("metadata", "<style", "xlink", "DOCTYPE", "9pt"):
        assert gone not in drawing
    with pytest.raises(ValueError, match="viewBox"):
        inline_svg(b"<html></html>", "p", "t", "d")
