"""JSON as it is defined: no NaN, no infinite number, in neither direction."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn


def to_json(value: Any) -> str:
    """``value`` in one line without spaces.

    Raises ValueError for a number that is not finite and for what is nested too deeply or holds
    itself, TypeError for what JSON does not have.
    """
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def from_json(text: str) -> Any:
    """What ``text`` says. Raises ValueError where it is no JSON, holds a number that no float can
    hold, or is nested too deeply."""
    try:
        return json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:20]} is too large")
    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
