"""What a board tells of a stage, checked: a board may run another version, or be broken."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dse.errors import DeployError

_SHA256 = re.compile(r"[0-9a-f]{64}")

_TIMES = ("received_ns", "started_ns", "finished_ns", "sent_ns")


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


def read_times(message: dict[str, Any], job: int) -> list[NDArray[np.int64]]:
    """When each chunk was received, started, finished and sent: int64 (chunks,) each, in ns of the
    board's clock. ReportRefused if they are not those of ``job``."""
    times = message.get("times")
    if not isinstance(times, dict) or times.get("job") != job:
        raise ReportRefused(f"it has no times of job {job}")
    lists = [times.get(name) for name in _TIMES]
    for name, one in zip(_TIMES, lists, strict=True):
        if not isinstance(one, list) or not all(
            type(value) is int and 0 <= value < 2**62 for value in one
        ):
            raise ReportRefused(f"its {name} of job {job} are no times")
    return [np.asarray(one, dtype=np.int64) for one in lists]


def _short(value: Any) -> str:
    return repr(value)[:80]
