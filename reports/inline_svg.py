"""A figure's SVG file as an element inside an HTML page.

A page may hold several figures, follows the reader's light or dark scheme, and is read aloud: so
identifiers get a prefix, colours become CSS variables, and the drawing a name and a description.
"""

from __future__ import annotations

import re
from html import escape

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}\b")


def inline_svg(svg: bytes, prefix: str, title: str, description: str) -> str:
    """The ``<svg>`` element of matplotlib's file ``svg``, for a page where ``prefix`` is unique.

    Each colour ``#rrggbb`` becomes ``var(--figure-rrggbb, #rrggbb)``, which a style sheet may
    redefine; without one the drawing looks as in the file. ``title`` names it, ``description`` says
    what it shows. Raises ValueError if ``svg`` holds no such element.
    """
    text = svg.decode()
    found = re.search(r"<svg\b[^>]*>", text)
    box = re.search(r'viewBox="([^"]*)"', found[0]) if found else None
    if found is None or box is None:
        raise ValueError("not an SVG drawing with a viewBox")
    body = text[found.end() : text.rindex("</svg>")]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    # A style element inside a page holds for the whole page: the page's style sheet repeats this
    # one (round joins) for figures only.
    body = re.sub(r"<defs>\s*<style\b.*?</style>\s*</defs>", "", body, flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="', f'id="{prefix}-', body)
    body = body.replace('href="#', f'href="#{prefix}-').replace("url(#", f"url(#{prefix}-")
    body = body.replace("xlink:href", "href")  # HTML needs no namespace for it
    body = re.sub(r'\b(fill|stroke)="(#[0-9a-fA-F]{6})"', r'style="\1: \2"', body)
    body = re.sub(r'style="[^"]*"', lambda style: _COLOUR.sub(_variable, style[0]), body)
    body = re.sub(r"\s*\n\s*", "\n", body).strip()
    return (
        f'<svg viewBox="{box[1]}" role="img" aria-labelledby="{prefix}-title {prefix}-description">'
        f'\n<title id="{prefix}-title">{escape(title)}</title>'
        f'\n<desc id="{prefix}-description">{escape(description)}</desc>\n{body}\n</svg>'
    )


def _variable(colour: re.Match[str]) -> str:
    digits = colour[0][1:].lower()
    return f"var(--figure-{digits}, #{digits})"
