"""The software that machines building one sweep must share."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

#: Tasks and results of another version may mean something else.
_DISTRIBUTIONS = ("split-dse", "finn-plus")


def software_here() -> dict[str, str]:
    """Name and version. Of Python the two numbers that decide what a pickle may hold."""
    found = {"Python": f"{sys.version_info.major}.{sys.version_info.minor}"}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def difference(expected: Mapping[str, str], found: Mapping[str, str]) -> str | None:
    """In words, what of ``found`` is not as ``expected``; None if all is."""
    differing = [
        f"{name} {found.get(name, 'not there')} in place of {expected.get(name, 'none')}"
        for name in {**expected, **found}
        if found.get(name) != expected.get(name)
    ]
    return ", ".join(differing) or None
