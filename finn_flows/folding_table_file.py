"""Folding tables that every plan on this computer shares.

    <cache>/<key>.json     the table, and the sha256 of it

The key is the sha256 of all that decides a table, so a file is never out of date. It appears by one
rename, and is never trusted unread: a damaged one is made again. Whatever is in the cache may be
deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from dse.atomic_write import atomic_write
from finn_flows.cache_directory import cache_directory
from finn_flows.folding_table import BoundaryTable, FoldingTable, GroupTable, ask_finn
from finn_flows.network import Network

#: Changes with every change of ours that can change a table.
FLOW_VERSION = "1"


def folding_table(network: Network, device: str) -> FoldingTable:
    """The table of ``network`` on ``device``, made now if no file holds it.

    Raises BuildError naming a layer that FINN refuses, StoreError or OutputError where the cache
    cannot be used.
    """
    path = cache_directory("folding-tables") / f"{table_key(network, device)}.json"
    found = _read(path)
    if found is None:
        found = ask_finn(network, device)
        content = _as_data(found)
        atomic_write(path, json.dumps({"sha256": _sha256(content), "content": content}) + "\n")
    return found


def table_key(network: Network, device: str) -> str:
    """Content address of a table: sha256 over all that decides it."""
    facts = {
        "network": network.sha256,
        "device": device,
        "finn-plus": version("finn-plus"),
        "qonnx": version("qonnx"),
        "flow": FLOW_VERSION,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _as_data(table: FoldingTable) -> dict[str, Any]:
    return {
        "groups": [_columns(group) for group in table.groups],
        "boundaries": [_columns(boundary) for boundary in table.boundaries],
        "uncounted": list(table.uncounted),
    }


def _columns(table: GroupTable | BoundaryTable) -> dict[str, Any]:
    columns = {field.name: getattr(table, field.name) for field in fields(table)}
    return {
        name: column.tolist() if isinstance(column, np.ndarray) else list(column)
        for name, column in columns.items()
    }


def _read(path: Path) -> FoldingTable | None:
    """The table, or None if there is none or it is not what was written."""
    try:
        entry = json.loads(path.read_bytes())
        content = entry["content"]
        if entry["sha256"] != _sha256(content):
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return FoldingTable(
        tuple(
            GroupTable(layers=tuple(group.pop("layers")), **_arrays(group))
            for group in content["groups"]
        ),
        tuple(BoundaryTable(**_arrays(boundary)) for boundary in content["boundaries"]),
        tuple(content["uncounted"]),
    )


def _arrays(columns: dict[str, Any]) -> dict[str, Any]:
    return {name: np.array(column) for name, column in columns.items()}


def _sha256(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
