"""Chains of QONNX files that every plan on this computer shares.

    <cache>/<key>.json     the chain, and the sha256 of it

Reading a large graph takes seconds, and a plan should take none. The key is the sha256 of all that
decides a chain, so a file is never out of date. It appears by one rename, and is never trusted
unread: a damaged one is made again. Whatever is in the cache may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from dse.atomic_write import atomic_write
from dse.errors import InputError
from dse.plan.chain import Block, Boundary, Chain, Converters, FoldingOption
from finn_flows.cache_directory import cache_directory
from finn_flows.folding_table_file import FLOW_VERSION as TABLE_VERSION

#: Changes with every change of ours that can change a chain of the same folding tables.
FLOW_VERSION = "3"


def kept_chain(facts: dict[str, object], make: Callable[[], Chain]) -> Chain:
    """The chain that ``facts`` decide, beside the versions of the tools; made now if none is kept.

    Raises StoreError or OutputError where the cache cannot be used.
    """
    path = cache_directory("chains") / f"{_key(facts)}.json"
    found = _read(path.read_bytes()) if path.is_file() else None
    if found is None:
        found = make()
        content = asdict(found)
        atomic_write(path, json.dumps({"sha256": _sha256(content), "content": content}) + "\n")
    return found


def _key(facts: dict[str, object]) -> str:
    tools = {package: version(package) for package in ("finn-plus", "qonnx")}
    return _sha256({**facts, **tools, "flow": [FLOW_VERSION, TABLE_VERSION]})


def _read(data: bytes) -> Chain | None:
    try:
        entry = json.loads(data)
        content = entry["content"]
        if entry["sha256"] != _sha256(content):
            return None
        return _chain(content)
    except (ValueError, KeyError, TypeError, InputError):
        return None


def _chain(content: dict[str, Any]) -> Chain:
    return Chain(
        **{
            **_tuples(content),
            "blocks": tuple(_block(block) for block in content["blocks"]),
            "boundaries": tuple(_boundary(boundary) for boundary in content["boundaries"]),
        }
    )


def _block(content: dict[str, Any]) -> Block:
    options = tuple(FoldingOption(**_tuples(option)) for option in content["options"])
    return Block(**{**_tuples(content), "options": options})


def _boundary(content: dict[str, Any]) -> Boundary:
    converters = Converters(**_tuples(content["converters"]))
    return Boundary(**{**_tuples(content), "converters": converters})


def _tuples(content: dict[str, Any]) -> dict[str, Any]:
    """JSON has lists where our records have tuples."""
    return {name: _tuple(value) for name, value in content.items()}


def _tuple(value: Any) -> Any:
    return tuple(_tuple(item) for item in value) if isinstance(value, list) else value


def _sha256(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
