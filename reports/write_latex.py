"""table1.tex: the table as it goes into a paper."""

from __future__ import annotations

from dataclasses import replace

from reports.panels import lay_out
from reports.render_template import render_page
from reports.table import SplitTable

#: What fits the width of LaTeX's article in the table's type.
MOST_COLUMNS = 12

_QUOTED = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "≈": r"$\approx$",
    "×": r"$\times$",
    "\N{MINUS SIGN}": "$-$",
    "–": "--",
    "—": "---",
    "’": "'",
}


def table_as_latex(table: SplitTable) -> str:
    """LaTeX for ``\\input`` into a document that loads booktabs; see the head of the result."""
    page = lay_out(table)
    pieces = (piece for panel in page.panels for piece in panel.pieces(MOST_COLUMNS))
    return render_page(
        "table1.tex.jinja",
        replace(page, panels=tuple(pieces)),
        escape_latex,
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
    )


def escape_latex(text: str) -> str:
    """``text`` on one line, quoted for LaTeX; a letter that pdfLaTeX may not know becomes ``?``."""
    return "".join(_quote(letter) for letter in " ".join(text.split()))


def _quote(letter: str) -> str:
    if letter in _QUOTED:
        return _QUOTED[letter]
    printable = letter.isprintable() and (letter.isascii() or "\xa1" <= letter <= "\xff")
    return letter if printable else "?"
