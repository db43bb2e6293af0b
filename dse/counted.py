"""A number of things, in words."""

from __future__ import annotations


def counted(number: int, thing: str) -> str:
    """``1 board``, ``2,000 boards``: ``thing`` is one of them, and more of it end in s."""
    return f"{number:,} {thing}" + ("" if number == 1 else "s")
