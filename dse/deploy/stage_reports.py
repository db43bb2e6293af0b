"""What a board tells of a stage, checked: a board may run another version, or be broken."""

from __future__ import annotations

import re
from typing import Any

from dse.errors import DeployError

_SHA256 = re.compile(r"[0-9a-f]{64}")


class ReportRefused(DeployError):
    """A board tells of a stage what cannot be."""


def read_ready(message: dict[str, Any]) -> tuple[int, str | None]:
    """Port, from 1 to 65535, and manifest (None for none) of a ``ready``. ReportRefused if they are
    none."""
    port, manifest = message.get("port"), message.get("manifest")
    if type(port) is not int or not 1 <= port <= 65535:
        raise ReportRefused(f"it told that it is ready at port {_short(port)}")
    if manifest is not None and not (isinstance(manifest, str) and _SHA256.fullmatch(manifest)):
        raise ReportRefused(
            f"it told that it holds the manifest {_short(manifest)}",
            expected="64 lower-case hexadecimal digits",
        )
    return port, manifest


def read_linked(message: dict[str, Any], position: int) -> int:
    """Number of the hop of a ``linked`` of stage ``position``. ReportRefused if it is none of its
    two."""
    hop = message.get("hop")
    if type(hop) is not int or hop not in (position, position + 1):
        raise ReportRefused(f"it told that hop {_short(hop)} is linked")
    return hop


def _short(value: Any) -> str:
    return repr(value)[:80]
