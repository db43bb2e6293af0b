"""The modules of our own RTL library, ``finn_flows/rtl``."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from finn_flows.circuit.layer_circuit import Source, ordered, sources_sha256

_SUFFIX = ".sv"


@cache
def library_sources(*modules: str) -> tuple[Source, ...]:
    """The files of ``modules`` and of every library module they instantiate, sorted by name.

    A module's file has its name. Raises KeyError for a module that the library does not have.
    """
    every = _library()
    found: dict[str, str] = {}
    pending = list(modules)
    while pending:
        module = pending.pop()
        if module in found:
            continue
        found[module] = every[module]
        code = re.sub(r"//.*|/\*.*?\*/", "", every[module])
        pending += [other for other in every if re.search(rf"\b{other}\s*(#|\w)", code)]
    return ordered((name + _SUFFIX, text) for name, text in found.items())


@cache
def library_sha256() -> str:
    """Hash of the whole library."""
    return sources_sha256(sorted(_library().items()))


@cache
def _library() -> dict[str, str]:
    return {
        entry.name.removesuffix(_SUFFIX): entry.read_text()
        for entry in files("finn_flows.rtl").iterdir()
        if entry.name.endswith(_SUFFIX)
    }
