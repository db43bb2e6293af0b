"""Numbers as tools print them, read strictly: what is not exactly a number is an error.

Python's own ``int`` and ``float`` take ``1_000``, ``1e5``, ``nan`` and digits of other scripts; a
damaged report must not become a number that way.
"""

from __future__ import annotations

import re
from pathlib import Path

from dse.errors import ReportError

_DECIMAL = re.compile(r"[0-9]+\.[0-9]+")
_SIGNED = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_SHARE = re.compile(r"(?:<0\.01|[0-9]+\.[0-9]+)")

#: Vivado rounds its percentages to two decimals.
_ROUNDING = 0.005 + 1e-6

#: No number in a report is longer, and every such number is exact enough as a float.
_MOST_LETTERS = 20


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")


def count(text: str, where: Path, line: int, what: str) -> float:
    """A count that is not negative: ``38660``, ``24.5``."""
    text = text.strip()
    if len(text) <= _MOST_LETTERS:
        if text.isdigit() and text.isascii():
            return int(text)
        if _DECIMAL.fullmatch(text):
            return float(text)
    raise ReportError(f"{what} is {_shown(text)}", where=where, line=line, expected="a count")


def decimal(text: str, where: Path, line: int, what: str) -> float:
    """A number, possibly negative: ``-0.012``."""
    text = text.strip()
    if len(text) <= _MOST_LETTERS and _SIGNED.fullmatch(text):
        return float(text)
    raise ReportError(f"{what} is {_shown(text)}", where=where, line=line, expected="a number")


def check_share(
    used: float, available: float, share: str, where: Path, line: int, what: str
) -> None:
    """Hold a printed percentage against the counts it was computed from.

    This is how a digit lost or changed, or a column read for another, shows itself.
    """
    share = share.strip()
    if not _SHARE.fullmatch(share):
        raise ReportError(
            f"the percentage of {what} is {_shown(share)}",
            where=where,
            line=line,
            expected="a number",
        )
    if share == "<0.01":
        agrees = used > 0 and 100 * used < 0.01 * available + 1e-6
    elif available == 0:
        agrees = used == 0 and float(share) == 0
    else:
        agrees = abs(100 * used / available - float(share)) <= _ROUNDING
    if not agrees:
        raise ReportError(
            f"{what}: {used:g} of {available:g} is not {share}%",
            where=where,
            line=line,
            expected="counts that agree with each other",
        )
