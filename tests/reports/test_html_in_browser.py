"""report.html as people meet it: on a phone, on a desk, light, dark, and on paper."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from reports.utilization import Source
from reports.vendor_records import expanded
from tests.reports.chromium import MISSING, Browser, chromium
from tests.reports.html_page import Element, parse, write_page
from tests.reports.plausible import plausible_sweep
from tests.reports.test_writers import sweep
from tests.reports.vendor_sweep import vendor_builds

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

#: The report of one tool, with a failure and a long word, and that of three.
SWEEPS = {
    "one tool": sweep("node_" + "of_a_long_name_" * 12 + " does not fit"),
    "three tools": sweep() + plausible_sweep(source=Source.YOSYS) + list(expanded(vendor_builds())),
}
VIEWS = [(width, scheme) for width in (390, 1280) for scheme in ("light", "dark")]

#: axe-core's rules for these.
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module", params=SWEEPS.values(), ids=SWEEPS.keys())
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page(request.param, tmp_path_factory.mktemp("page"))


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_quiet_console_and_no_sideways_scroll(
    browser: Browser, page: Path, width: int, scheme: str
) -> None:
    browser.open(page, width, scheme)
    assert browser.console() == []
    assert browser.run("return window.innerWidth") == width
    widths = browser.run(
        "const page = document.documentElement; window.scrollTo(1000, 0);"
        "return [page.scrollWidth, document.body.scrollWidth, page.clientWidth, window.scrollX]"
    )
    assert max(widths[:2]) <= widths[2]
    assert widths[3] == 0
    # Nothing sticks out either, except in a region that scrolls by itself.
    outside = browser.run(
        "return [...document.body.querySelectorAll('*')]"
        ".filter(e => !e.closest('.scroller') || e.matches('.scroller'))"
        ".filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)"
        ".map(e => e.outerHTML.slice(0, 80))"
    )
    assert outside == []


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_axe_finds_nothing(browser: Browser, page: Path, width: int, scheme: str) -> None:
    axe = pytest.importorskip("axe_core_python.selenium").Axe()
    browser.open(page, width, scheme)
    result = axe.run(browser.driver, options={"runOnly": {"type": "tag", "values": STANDARDS}})
    broken = [
        (rule["id"], node["html"][:200], node["failureSummary"])
        for rule in result["violations"]
        for node in rule["nodes"]
    ]
    assert broken == []
    # Contrast was measured, and of every text: what axe cannot tell, it calls incomplete.
    assert result["incomplete"] == []
    contrast = [rule for rule in result["passes"] if rule["id"] == "color-contrast"]
    assert len(contrast[0]["nodes"]) > 200


def test_the_scheme_changes_page_and_drawings(browser: Browser, page: Path) -> None:
    looks = []
    for scheme in ("light", "dark"):
        browser.open(page, 1280, scheme)
        looks.append(
            browser.run(
                "const style = e => getComputedStyle(e);"
                "return [style(document.body).backgroundColor, style(document.body).color,"
                "style(document.querySelector('#fig4a-patch_1 path')).fill,"
                "style(document.querySelector('.drawing svg')).fill]"
            )
        )
    for light, dark in zip(*looks, strict=True):
        assert light != dark
    # A drawing lies on the page, not on a card of another colour.
    assert [look[0] == look[2] for look in looks] == [True, True]


def contrast(first: str, second: str) -> float:
    """WCAG's contrast ratio of two colours given as ``rgb(r, g, b)``."""
    lights = []
    for colour in (first, second):
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
            for part in (int(number) / 255 for number in re.findall(r"\d+", colour)[:3])
        )
        lights.append(0.2126 * red + 0.7152 * green + 0.0722 * blue)
    return (max(lights) + 0.05) / (min(lights) + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_in_drawings_have_contrast_too(browser: Browser, page: Path, scheme: str) -> None:
    """axe sees no text in them: letters are drawn as paths."""
    assert contrast("rgb(0, 0, 0)", "rgb(255, 255, 255)") == pytest.approx(21)
    browser.open(page, 1280, scheme)
    paper, inks = browser.run(
        "const fill = e => getComputedStyle(e).fill;"
        "const letters = [...document.querySelectorAll('svg [id*=-text_] :is(use, path)')]"
        ".filter(e => !e.closest('defs'));"
        "return [getComputedStyle(document.body).backgroundColor, [...new Set(letters.map(fill))]]"
    )
    assert len(inks) >= 3
    for ink in inks:
        assert contrast(ink, paper) >= 4.5, ink


def test_wide_content_scrolls_where_keys_reach_it(browser: Browser, page: Path) -> None:
    browser.open(page, 390, "light")
    regions = browser.run(
        "return [...document.querySelectorAll('.scroller')].map(e => ["
        "e.scrollWidth > e.clientWidth, e.tabIndex, e.getAttribute('role'),"
        "document.getElementById(e.getAttribute('aria-labelledby')).textContent.trim()])"
    )
    assert any(scrolls for scrolls, *_ in regions)
    for _, tab_index, role, label in regions:
        assert tab_index == 0
        assert role in ("region", "group")
        assert label
    # The label of a row stays in sight while its numbers move, and so does the caption.
    places = browser.run(
        "const box = document.querySelector('[aria-labelledby=percent-1]');"
        "const left = e => Math.round(e.getBoundingClientRect().left);"
        "const kept = [...box.querySelectorAll('tbody th, caption b')];"
        "const before = kept.map(left); box.scrollLeft = 200;"
        "return [box.scrollLeft, before, kept.map(left)]"
    )
    assert places[0] == 200
    assert places[1] == places[2]


# -- on paper -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def printed(browser: Browser, page: Path) -> Path:
    """The PDF of the page, printed by somebody whose screen is dark."""
    missing = [tool for tool in ("pdftotext", "pdfinfo") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    browser.open(page, 1280, "dark")
    browser.print_a4(page.with_suffix(".pdf"))
    return page.with_suffix(".pdf")


def poppler(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def words_of(cell: Element) -> list[str]:
    """The words of a cell that are printed; what is only there to be heard is not."""
    seen = Element(
        cell.tag,
        cell.attributes,
        [
            one
            for one in cell.children
            if isinstance(one, str) or one.attributes.get("class") != "heard"
        ],
    )
    return seen.text(marks=False).split()


def test_on_a4_no_cell_is_missing_and_nothing_leaves_the_page(printed: Path) -> None:
    assert re.search(
        r"Page size: +59[45]\.\d* x 84[12]\.\d* pts \(A4\)", poppler("pdfinfo", printed)
    )
    pages = poppler("pdftotext", "-bbox", str(printed), "-").split("<page ")[1:]
    margin = 14 / 25.4 * 72
    found: Counter[str] = Counter()
    for number, content in enumerate(pages, start=1):
        width, height = map(float, re.findall(r'(?:width|height)="([\d.]+)"', content)[:2])
        for box in re.finditer(
            r'xMin="([\d.-]+)" yMin="([\d.-]+)" xMax="([\d.-]+)" yMax="([\d.-]+)">(.*?)<', content
        ):
            left, top, right, bottom = map(float, box.groups()[:4])
            assert left >= margin - 1, (number, box[5])
            assert top >= margin - 4, (number, box[5])
            assert right <= width - margin + 1, (number, box[5])
            assert bottom <= height - margin + 4, (number, box[5])
            found[unescape(box[5])] += 1
    page = parse(printed.with_suffix(".html").read_text(encoding="utf-8"))
    wanted: Counter[str] = Counter()
    for table in page.all("table"):
        for cell in table.all("td"):
            wanted.update(word for word in words_of(cell) if re.search(r"\d", word))
    assert sum(wanted.values()) > 300
    assert wanted - found == Counter()


def test_on_paper_no_table_is_torn(browser: Browser, page: Path, printed: Path) -> None:
    """Each table is on one page with its caption: none here is longer than a page."""
    texts = [
        " ".join(text.split())
        for text in poppler("pdftotext", "-layout", str(printed), "-").split("\f")
    ]
    tree = parse(page.read_text(encoding="utf-8"))
    for table in tree.all("table"):
        caption = table.all("caption")[0].text()
        (where,) = [number for number, text in enumerate(texts) if caption in text]
        # Behind the caption, on the same page, there are the labels of all its rows.
        behind = texts[where].split(caption, 1)[1].split()
        for label in table.all("tbody")[0].all("th"):
            first = label.text(marks=False).split()[0]
            assert first in behind, (caption, first)


def test_paper_is_white_whatever_the_screen(printed: Path, tmp_path: Path) -> None:
    if shutil.which("pdftoppm") is None:
        pytest.skip("not installed: pdftoppm")
    from PIL import Image

    poppler("pdftoppm", "-r", "30", "-png", str(printed), str(tmp_path / "page"))
    for file in tmp_path.glob("page*.png"):
        with Image.open(file) as picture:
            shades = picture.convert("L").histogram()
        assert sum(shades[230:]) > 0.7 * sum(shades), file.name
