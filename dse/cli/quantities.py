"""Quantities with their units on the command line: durations, link speeds, numbers of boards."""

from __future__ import annotations

import math
import re
from typing import Any

import click

from dse.link_rate import bits_per_second

_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "min": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86400 * 10**9,
}
_NUMBER = r"([0-9]{1,12}(?:\.[0-9]{1,12})?)"
_DURATION = re.compile(rf"{_NUMBER}\s*({'|'.join(_NANOSECONDS)})")
_COUNT = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,6}))?")
#: A century: what a person may mean by a duration.
_LONGEST_NS = 100 * 366 * 86400 * 10**9


class Duration(click.ParamType[int]):
    """``700us``, ``0.7ms``, ``2s``, ``5min``, ``1h``, ``30d``; whole nanoseconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = _DURATION.fullmatch(value.strip())
        nanoseconds = round(float(match[1]) * _NANOSECONDS[match[2]]) if match else -1
        if not 0 <= nanoseconds <= _LONGEST_NS:
            self.fail(f"{value[:40]!r} is not a duration such as 700us, 0.7ms, 2s, 5min, 1h or 30d")
        return nanoseconds


class Durations(click.ParamType[tuple[int, ...]]):
    """``700us,300us``."""

    name = "durations"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        return tuple(Duration().convert(each, param, ctx) for each in value.split(","))


class LinkRate(click.ParamType[float]):
    """``100Mbit``, ``2.5Gbit``, ``unlimited``; bits per second."""

    name = "link"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, float):
            return value
        if value.strip() == "unlimited":
            return math.inf
        rate = bits_per_second(value)
        if rate is None:
            self.fail(f"{value[:40]!r} is not a link speed such as 100Mbit, 1Gbit or unlimited")
        return rate


class Counts(click.ParamType[tuple[int, ...]]):
    """``4``, ``2,10,100``, ``2-8``: whole numbers from ``least`` to ``most``, each once."""

    name = "counts"

    def __init__(self, least: int, most: int) -> None:
        self.least = least
        self.most = most

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        counts: dict[int, None] = {}
        for piece in value.split(","):
            match = _COUNT.fullmatch(piece.strip())
            first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
            if first > last or not self.least <= first or last > self.most:
                self.fail(
                    f"{value[:40]!r} is not a number from {self.least} to {self.most}, a range "
                    "2-8 or a list 2,10,100"
                )
            counts.update(dict.fromkeys(range(first, last + 1)))
        return tuple(counts)


class ByteCounts(click.ParamType[tuple[int, ...]]):
    """``3072,64,128``."""

    name = "bytes"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        pieces = [piece.strip() for piece in value.split(",")]
        if not all(re.fullmatch("[0-9]{1,9}", piece) for piece in pieces):
            self.fail(f"{value[:40]!r} is not a list of numbers of bytes such as 3072,64,128")
        return tuple(map(int, pieces))
