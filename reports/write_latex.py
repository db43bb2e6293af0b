"""table1.tex: the table as it goes into a paper."""

from __future__ import annotations

from reports.panels import lay_out
from reports.render_template import render_page
from reports.table import SplitTable

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
    "–": "--",
    "—": "---",
    "’": "'",
}


def table_as_latex(table: SplitTable) -> str:
    """LaTeX for ``\\input`` into a document that loads booktabs; see the head of the result."""
    return render_page(
        "table1.tex.jinja",
        lay_out(table),
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
