"""Names that are part of a path on every board."""

from __future__ import annotations

import re

from dse.errors import InputError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def is_plain_name(name: str) -> bool:
    """Whether ``name`` can be one step of a path, on any board, without quotes."""
    return _NAME.fullmatch(name) is not None


def check_stage_name(name: str) -> None:
    """Raises InputError for a name that would lead out of its folder, or need quotes."""
    if not is_plain_name(name):
        raise InputError(
            f"{name[:80]!r} cannot name a stage's folder",
            expected="up to 64 letters, digits, dots, hyphens and underscores, "
            "a letter or digit first",
        )
