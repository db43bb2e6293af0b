"""table1.md: the table for people, as GitHub shows it."""

from __future__ import annotations

import re

from reports.panels import lay_out
from reports.render_template import render_page
from reports.table import SplitTable


def table_as_markdown(table: SplitTable) -> str:
    """GitHub-flavoured Markdown, one pipe table per panel."""
    return render_page("table1.md.jinja", lay_out(table), escape_markdown)


def escape_markdown(text: str) -> str:
    """``text`` on one line, with everything that Markdown or HTML would interpret quoted."""
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # An underscore inside a word is an underscore; node names are full of them.
    return re.sub(r"([\\`*|\[\]~])|(?<!\w)(_)|(_)(?!\w)", r"\\\g<0>", text)
