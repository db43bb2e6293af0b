"""Ways in which a report gets damaged, and what may come of it."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

from reports.readers import Report

#: A text and a source of chance in, a damaged text out.
Mutation = Callable[[str, random.Random], str]


def values(report: Report) -> dict[str, object]:
    """Every number of a report, by name."""
    found: dict[str, object] = {}
    for name, value in vars(report).items():
        if name in ("provenance", "hierarchy"):
            continue
        if name == "utilization":
            found |= value.resources()
        elif name == "available":
            found |= {f"available {key}": room for key, room in value.items()}
        else:
            found[name] = value
    return found


def digit(text: str, chance: random.Random) -> str:
    places = [match.start() for match in re.finditer(r"[0-9]", text)]
    place = chance.choice(places)
    return text[:place] + chance.choice("0123456789") + text[place + 1 :]


def letter(text: str, chance: random.Random) -> str:
    place = chance.randrange(len(text))
    return text[:place] + chr(chance.randrange(32, 127)) + text[place + 1 :]


def drop(text: str, chance: random.Random) -> str:
    place = chance.randrange(len(text))
    return text[:place] + text[place + chance.randint(1, 40) :]


def insert(text: str, chance: random.Random) -> str:
    place = chance.randrange(len(text))
    noise = "".join(chr(chance.randrange(32, 127)) for _ in range(chance.randint(1, 20)))
    return text[:place] + noise + text[place:]


def swap_lines(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    a, b = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return "".join(lines)


def drop_lines(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    place = chance.randrange(len(lines))
    del lines[place : place + chance.randint(1, 30)]
    return "".join(lines)


def repeat_lines(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    a = chance.randrange(len(lines))
    piece = lines[a : a + chance.randint(1, 30)]
    b = chance.randrange(len(lines))
    return "".join(lines[:b] + piece + lines[b:])


def noise(text: str, chance: random.Random) -> str:
    place = chance.randrange(len(text))
    return text[:place] + "".join(chr(chance.randrange(256)) for _ in range(50)) + text[place:]


def cut(text: str, chance: random.Random) -> str:
    return text[: chance.randrange(len(text))]


#: These leave every digit as it is.
STRUCTURAL: Sequence[Mutation] = (swap_lines, drop_lines, repeat_lines, cut)
ANY: Sequence[Mutation] = (*STRUCTURAL, digit, letter, drop, insert, noise)
