"""Counts of resources as people give them: ``lut=8000,bram=20``, or a TOML file of regions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dse.errors import InputError
from dse.toml_file import parse_toml, toml_text
from reports.utilization import RESOURCES

#: What can be asked for: LUTs as logic cannot be had apart from LUTs.
NAMES = tuple(name for name in RESOURCES if name != "lut_as_logic")

EXAMPLE = "lut=8000,ff=16000,bram=20,dsp=40"

_COUNT = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6})?")


@dataclass(frozen=True)
class Region:
    """What another application needs of a board, for instance the rectangle that it was placed in.

    ``counts``: (resource, count) in table order; BRAM in RAMB36 tiles. What is not in it is not
    needed.
    """

    name: str
    counts: tuple[tuple[str, float], ...]


def parse_counts(text: str) -> dict[str, float]:
    """``lut=8000,bram=20.5`` in table order. Raises InputError for anything else."""
    counts: dict[str, float] = {}
    for piece in text.split(","):
        name, equals, count = (word.strip() for word in piece.partition("="))
        name = name.lower()
        if not equals or not _COUNT.fullmatch(count):
            raise InputError(f"{piece.strip()!r} is no count of a resource", expected=EXAMPLE)
        if name in counts:
            raise InputError(f"{name} is given twice in {text!r}")
        counts[name] = float(count)
    return checked_counts(counts)


def checked_counts(counts: Mapping[str, float], where: Path | None = None) -> dict[str, float]:
    """The counts in table order. Raises InputError for a resource or a count that cannot be."""
    if not counts:
        raise InputError("no count of any resource", where=where, expected=EXAMPLE)
    for name, count in counts.items():
        if name not in NAMES:
            raise InputError(f"unknown resource {name!r}", where=where, choices=NAMES)
        unit = 0.5 if name == "bram" else 1
        if isinstance(count, bool) or not isinstance(count, int | float):
            raise InputError(f"{name} = {count!r}", where=where, expected="a number")
        # Also false for NaN.
        if not 0 <= count < 1e12 or count % unit:
            kind = "whole tiles (RAMB36) or halves" if name == "bram" else "a whole number"
            raise InputError(f"{name} = {count!r}", where=where, expected=f"{kind}, not below 0")
    return {name: float(counts[name]) for name in NAMES if name in counts}


def checked_shares(shares: Mapping[str, float]) -> dict[str, float]:
    """As they are. Raises InputError for an unknown resource and for what is no share of one."""
    for name, share in shares.items():
        if name not in NAMES:
            raise InputError(f"unknown resource {name!r}", choices=NAMES)
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
            raise InputError(f"a share of {share!r} of {name}", expected="above 0, at most 1")
    return dict(shares)


def parse_regions(texts: Iterable[str]) -> tuple[Region, ...]:
    """Regions as given on a command line, in that order.

    Each is ``lut=8000,bram=20``, the same with a name in front (``filter:lut=8000,bram=20``), or a
    TOML file with one table for each region (``[filter]``, then ``lut = 8000``), or with the counts
    of one at its top, which is then named as the file. Raises InputError for anything else and for
    two regions of one name.
    """
    found: dict[str, Region] = {}
    for text in texts:
        regions = _read_regions(Path(text)) if text.lower().endswith(".toml") else [_inline(text)]
        for region in regions:
            if region.name in found:
                raise InputError(f"two regions are called {region.name!r}")
            found[region.name] = region
    return tuple(found.values())


def _inline(text: str) -> Region:
    name, colon, counts = text.rpartition(":")
    if colon and not name.strip():
        raise InputError(f"{text!r} names a region with nothing", expected=f"filter:{EXAMPLE}")
    if "=" not in counts:
        raise InputError(
            f"{text!r} is no region", choices=[EXAMPLE, f"NAME:{EXAMPLE}", "FILE.toml"]
        )
    parsed = parse_counts(counts)
    plain = ",".join(f"{resource}={count:g}" for resource, count in parsed.items())
    return Region(name.strip() or plain, tuple(parsed.items()))


def _read_regions(path: Path) -> list[Region]:
    content = parse_toml(toml_text(path, "the counts of regions"), path)
    tables = {name: value for name, value in content.items() if isinstance(value, dict)}
    own = {name: value for name, value in content.items() if name not in tables}
    if own and tables:
        raise InputError(
            f"{next(iter(own))!r} stands outside the regions {', '.join(tables)}",
            where=path,
            expected="either the counts of one region or one table for each",
        )
    named = tables or {path.stem: own}
    regions = []
    for name, counts in named.items():
        lower: dict[str, float] = {}
        for resource, count in counts.items():
            if resource.lower() in lower:
                raise InputError(f"{resource.lower()} is given twice", where=path)
            lower[resource.lower()] = count
        regions.append(Region(name, tuple(checked_counts(lower, where=path).items())))
    return regions
