"""What a piece of hardware uses of a device, and who says so."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any


class Source(StrEnum):
    """Where a number comes from. Numbers of different sources never share a column."""

    PAPER = "paper"
    FINN_ESTIMATE = "finn-estimate"
    YOSYS = "yosys"
    VIVADO_SYNTH = "vivado-synth"
    VIVADO_PLACED = "vivado-placed"


class Stage(StrEnum):
    """How far the design had come when the tool counted."""

    ESTIMATE = "estimate"
    SYNTHESISED = "synthesised"
    PLACED = "placed"


class Scope(StrEnum):
    """What was counted: the accelerator alone, or with the shell (PS interface, DMA) around it."""

    OUT_OF_CONTEXT = "out-of-context"
    WITH_SHELL = "with shell"


#: The resource fields of :class:`Utilization`, in the order of every table.
RESOURCES = ("lut", "lut_as_logic", "lutram", "ff", "bram", "dsp", "uram")


@dataclass(frozen=True)
class Utilization:
    """Resources used. **Unknown is None, never 0**: a tool that does not count FFs leaves None.

    ``lut`` counts slice LUTs (``lut_as_logic`` + ``lutram``, the LUTs used as memory); ``bram``
    counts RAMB36 tiles, a RAMB18 being half of one; ``dsp`` counts DSP48 slices.
    ``device`` is a part name such as ``xc7z020clg400-1``.
    """

    device: str
    tool: str
    tool_version: str
    stage: Stage
    scope: Scope
    lut: float | None = None
    lut_as_logic: float | None = None
    lutram: float | None = None
    ff: float | None = None
    bram: float | None = None
    dsp: float | None = None
    uram: float | None = None

    def resources(self) -> dict[str, float | None]:
        """The counts by field name, in table order."""
        return {name: getattr(self, name) for name in RESOURCES}


def total(parts: list[Utilization]) -> Utilization:
    """The sum of pieces counted alike. A resource unknown in one piece is unknown in the sum.

    Raises ValueError for an empty list, or for pieces of different device, tool, stage or scope:
    such numbers must not be added.
    """
    if not parts:
        raise ValueError("nothing to add up")
    for field in fields(Utilization):
        values = {getattr(part, field.name) for part in parts}
        if field.name not in RESOURCES and len(values) > 1:
            raise ValueError(f"cannot add counts of different {field.name}: {values}")
    sums: dict[str, Any] = {}
    for name in RESOURCES:
        counts = [getattr(part, name) for part in parts]
        sums[name] = None if None in counts else sum(counts)
    return replace(parts[0], **sums)
