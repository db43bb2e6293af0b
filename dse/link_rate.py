"""The speed of a link as people write it: ``1Gbit/s``, ``100Mbit``, ``2.5 Gbps``."""

from __future__ import annotations

import re

_BITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
_RATE = re.compile(
    r"([0-9]{1,12}(?:\.[0-9]{1,12})?)\s*([kmg]?)(?:bit(?:/s|ps)?|bps)", re.IGNORECASE
)


def bits_per_second(text: str) -> float | None:
    """None for what is no speed, and for less than one bit per second."""
    match = _RATE.fullmatch(text.strip())
    rate = float(match[1]) * _BITS[match[2].lower()] if match else 0.0
    return rate if rate >= 1 else None
