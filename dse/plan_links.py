"""Links as ``dse boards measure`` found them, for a plan."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dse.errors import InputError
from dse.plan.fleet import Fleet, Link

FORMAT, VERSION = "split-dse/links", 1
#: A message of this size tells the slowest of several links: about the median cut of CnvW2A2.
_TYPICAL_BYTES = 4096


@dataclass(frozen=True)
class MeasuredLinks:
    """``links``: from each of ``boards`` to the next; ``host``: to the first, from the last."""

    boards: tuple[str, ...]
    links: tuple[Link, ...]
    host: Link

    @property
    def slowest(self) -> Link:
        """Of ``links``, by how late a message of a few kilobytes is."""
        return max(self.links, key=lambda link: link.late(_TYPICAL_BYTES))


def read_links(path: Path) -> MeasuredLinks:
    """Raises InputError, naming ``path``, for what is no such file."""
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror or error}",
            where=path,
            expected="what `dse boards measure` wrote",
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(
            "is no JSON", where=path, expected="what `dse boards measure` wrote"
        ) from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise InputError("is no measurement of links", where=path, expected=f"format {FORMAT}")
    if data.get("version") != VERSION:
        said = f"is of version {data.get('version')!r}"[:60]
        raise InputError(said, where=path, expected=str(VERSION))
    try:
        boards = tuple(str(board["name"]) for board in data["boards"])
        # What processes of one machine send each other says little of boards.
        emulated = any(board["emulated"] for board in data["boards"])
        how = "measured between emulated boards" if emulated else "measured"
        links = tuple(_link(entry, how) for entry in data["hops"])
        host = _link(data["host"], how)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            "is damaged", where=path, expected="what `dse boards measure` wrote"
        ) from error
    if len(boards) < 2 or len(links) != len(boards) - 1:
        raise InputError(
            f"has {len(links)} links between {len(boards)} boards",
            where=path,
            expected=f"{max(1, len(boards) - 1)}",
        )
    return MeasuredLinks(boards, links, host)


def with_links(fleet: Fleet, measured: MeasuredLinks) -> Fleet:
    """``fleet`` with its links as measured.

    Boards in a fixed order that are the measured ones, each next to the one that it was measured
    with, have each its own link; any others have the slowest that was measured.
    """
    names = [board.name for board in fleet.boards]
    links: tuple[Link, ...] = (measured.slowest,)
    if names[0] in measured.boards and not fleet.any_order:
        at = measured.boards.index(names[0])
        if list(measured.boards[at : at + len(names)]) == names and len(names) > 1:
            links = measured.links[at : at + len(names) - 1]
    return replace(fleet, links=links, host=measured.host)


def _link(entry: Mapping[str, Any], how: str) -> Link:
    costs = {name: entry[name] for name in ("message_s", "byte_s", "delay_s")}
    for cost in costs.values():
        if type(cost) not in (int, float) or not (math.isfinite(cost) and cost >= 0):
            raise ValueError(costs)
    return Link(f"{entry['from']} to {entry['to']}, {how}", **costs)
