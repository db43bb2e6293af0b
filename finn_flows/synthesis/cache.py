"""Synthesis results that every sweep, part and process on this computer shares.

    <cache>/<key>/entry.json       what was found out, and sha256 of the files and of itself
    <cache>/<key>/netlist.v        the netlist
    <cache>/<key>/synthesis.log    what Yosys said
    <cache>/<key>.lock             held by the process that makes the entry
    <cache>/failed/<key>.log       what Yosys said when it failed last
    <cache>/.building-<key>/...    an entry in the making; a leftover if its process was killed

The key is the sha256 of all that decides the result, so an entry is never out of date. It appears
by one rename of a finished folder, and is never trusted unread: one in which a byte differs from
what was written is made again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock

from dse.errors import StoreError
from finn_flows.cache_directory import cache_directory
from finn_flows.synthesis.cell_counts import count_cells
from finn_flows.synthesis.design import Design, Synthesis
from finn_flows.synthesis.device_family import device_family
from finn_flows.synthesis.errors import SynthesisError
from finn_flows.synthesis.logic_depth import LogicDepth
from finn_flows.synthesis.recipe import LOG, NETLIST, recipe, synthesise, yosys_version
from finn_flows.tool_process import Limits

#: Changes with every change of ours (not of the recipe) that can change what an entry says.
FLOW_VERSION = "1"

ENTRY = "entry.json"
FAILED = "failed"
_BUILDING = ".building-"
_DAMAGED = ".damaged-"


def cached_synthesis(design: Design, limits: Limits) -> Synthesis:
    """What Yosys makes of ``design``, made now if no entry holds it.

    Safe between threads and processes: one makes an entry, the others wait for it. The files of the
    result lie in the cache, which a person may empty at any time: copy what is to be kept. An entry
    that is there is used in a cache that cannot be written, too.

    Raises as :func:`~finn_flows.synthesis.recipe.synthesise` does, and StoreError where the cache
    cannot be used (its cause is the OSError of the system).
    """
    cache = cache_directory("synthesis")
    key = design_key(design)
    found = _find(cache / key, design)
    if found is not None:
        return found
    with _as_store_error(cache), FileLock(cache / f"{key}.lock"):
        found = _find(cache / key, design)
        if found is not None:  # another process has made it meanwhile
            return found
        return _make(cache, key, design, limits)


def design_key(design: Design) -> str:
    """Content address of the synthesis of ``design``: sha256 over all that decides its result.

    Devices of one family share it: only what percentage a count is differs.
    """
    facts = {
        "top": design.top,
        "sources": design.sources,
        "memory_files": design.memory_files,
        "family": device_family(design.device).yosys_name,
        "recipe": recipe(design),
        "pyosys": yosys_version(),
        "flow": FLOW_VERSION,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _make(cache: Path, key: str, design: Design, limits: Limits) -> Synthesis:
    building, damaged = cache / f"{_BUILDING}{key}", cache / f"{_DAMAGED}{key}"
    for leftover in (building, damaged):
        _remove(leftover)
    building.mkdir()
    try:
        try:
            made = synthesise(design, limits, building)
        except SynthesisError as error:
            kept = _keep_log(building / LOG, cache / FAILED / f"{key}.log")
            raise type(error)(
                error.message, where=kept, expected=error.expected, choices=error.choices
            ) from error
        (building / ENTRY).write_text(_entry_text(made, building))
        if (cache / key).exists():
            (cache / key).rename(damaged)
        building.rename(cache / key)
    finally:
        for leftover in (building, damaged):
            _remove(leftover)
    (cache / FAILED / f"{key}.log").unlink(missing_ok=True)
    found = _find(cache / key, design)
    if found is None:
        raise StoreError("a result was damaged while it was stored", where=cache / key)
    return found


def _remove(path: Path) -> None:
    if path.is_file():
        path.unlink()
    shutil.rmtree(path, ignore_errors=True)


def _keep_log(log: Path, kept: Path) -> Path:
    kept.parent.mkdir(exist_ok=True)
    return log.replace(kept)


def _entry_text(made: Synthesis, folder: Path) -> str:
    content = {
        "cells": made.cells,
        "logic_depth": asdict(made.logic_depth),
        "seconds": made.seconds,
        "peak_memory_bytes": made.peak_memory_bytes,
        "tool_version": made.utilization.tool_version,
        "files": {name: _sha256(folder / name) for name in (NETLIST, LOG)},
    }
    return json.dumps({"content": content, "sha256": _content_sha256(content)}, indent=1) + "\n"


def _find(folder: Path, design: Design) -> Synthesis | None:
    """The entry, or None if there is none or a byte of it is not what was written."""
    try:
        entry = json.loads((folder / ENTRY).read_bytes())
        content = entry["content"]
        if entry["sha256"] != _content_sha256(content):
            return None
        for name, written in content["files"].items():
            if _sha256(folder / name) != written:
                return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    depth = content["logic_depth"]
    return Synthesis(
        content["cells"],
        count_cells(content["cells"], design.device, content["tool_version"]),
        LogicDepth(**(depth | {"through": tuple(depth["through"])})),
        content["seconds"],
        content["peak_memory_bytes"],
        folder / NETLIST,
        folder / LOG,
    )


def _content_sha256(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _as_store_error(cache: Path) -> Iterator[None]:
    """Errors of the operating system become one line, and stay its cause."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"the synthesis cache cannot be used: {error.strerror or error}",
            where=error.filename or cache,
        ) from error
