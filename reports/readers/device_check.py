"""What a report says there is of each resource, against the device table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dse.errors import InputError, ReportError
from reports.devices import device_of


def check_available(
    device: str, available: Mapping[str, float | None], where: Path, line: int
) -> None:
    """Raises ReportError if ``device`` is known and has another number of anything.

    So a damaged capacity, or a damaged part name, does not pass for a number.
    """
    try:
        known = device_of(device)
    except InputError:
        return
    for name, capacity in known.capacities().items():
        printed = available[name]
        if printed is not None and capacity is not None and printed != capacity:
            raise ReportError(
                f"{printed:g} {name} available on {device}",
                where=where,
                line=line,
                expected=f"{capacity}, as {known.name} has",
            )
