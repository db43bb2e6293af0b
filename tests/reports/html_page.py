"""The HTML report of a made-up sweep, and its content as a test sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import reports
from reports.choice_record import ChoiceRecord
from reports.sweep_record import SweepRecord

CHOICES = (
    ChoiceRecord(
        rule="traffic",
        split=5,
        pool="before",
        source="finn-estimate",
        why="Split 5 sends the fewest bytes over the link: 64 bytes per image.",
        rejected=(
            ("0", "It sends 14400 bytes per image."),
            ("1 after", "It sends <12544> & more."),
        ),
        notes=("Counted as 0 by finn-estimate: Pool_hls.",),
    ),
    ChoiceRecord(
        rule="balance", split=None, pool=None, source=None, why="no cut can be chosen: none fits"
    ),
)

VOID = {"meta", "link", "br", "img", "hr", "input", "col"}


@dataclass
class Element:
    """One element; ``children`` are elements and pieces of text, in order."""

    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    def all(self, tag: str | None = None) -> list[Element]:
        """This element and all below it, or those of one ``tag``."""
        below = [
            one for child in self.children if isinstance(child, Element) for one in child.all()
        ]
        return [one for one in [self, *below] if tag is None or one.tag == tag]

    def text(self, marks: bool = True) -> str:
        """All text in it, white space as one space; without the marks of notes if so wished."""
        pieces = []
        for child in self.children:
            if isinstance(child, str):
                pieces.append(child)
            elif marks or child.tag != "sup":
                pieces.append(child.text(marks))
        return " ".join("".join(pieces).split())


class _Parser(HTMLParser):
    """Builds the tree; a tag that does not close, or closes another, fails the test."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Element("root", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute twice in <{tag}>: {names}"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> in <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def parse(text: str) -> Element:
    """The tree of a page whose every element closes."""
    parser = _Parser()
    parser.feed(text)
    parser.close()
    assert parser.open == [parser.root]
    return parser.root


def write_page(
    records: Sequence[SweepRecord], folder: Path, choices: Sequence[ChoiceRecord] = CHOICES
) -> Path:
    """report.html as a sweep writes it."""
    reports.write_sweep_report(records, folder, choices)
    return folder / "report.html"


def body_cells(table: Element) -> list[list[Element]]:
    """The cells of each row of the table's body, its label first."""
    (body,) = table.all("tbody")
    return [[cell for cell in row.children if isinstance(cell, Element)] for row in body.all("tr")]
