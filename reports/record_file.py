"""A sweep record as JSON text, as the result store keeps it.

The text holds the fields of :class:`~reports.sweep_record.SweepRecord` under their own names, the
nested records as objects, enumerations as their values. Unknown stays ``null``. A field that has a
default there may be missing: a text written before there was such a field is read on.
"""

from __future__ import annotations

import json
from functools import cache
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from dse.errors import StoreError
from reports.sweep_record import LayerRecord, PartName, SweepRecord
from reports.utilization import Source, Stage

if TYPE_CHECKING:
    from pydantic import TypeAdapter


def dump_record(record: SweepRecord) -> str:
    """The record as JSON text (ends in a newline; the same record gives the same text).

    Raises ValueError for a count that is not finite or a record that contradicts itself: JSON has
    no word for infinity, and what :func:`load_record` would refuse must not be stored.
    """
    contradiction = _contradiction(record)
    if contradiction is not None:
        raise ValueError(contradiction)
    # Through json rather than pydantic's writer, which turns a NaN into null without a word.
    fields = _adapter().dump_python(record, mode="json")
    return json.dumps(fields, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def load_record(text: str, where: str | Path) -> SweepRecord:
    """The inverse of :func:`dump_record`; ``where`` names the file in errors.

    Raises StoreError if the text is not JSON, if a field is missing, unknown or of another type
    (nothing is coerced), if a number is not finite, or if the record contradicts itself.
    """
    from pydantic import ValidationError

    try:
        record = _adapter().validate_json(text, strict=True, extra="forbid")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise StoreError(
            f"not a sweep record: {place + ': ' if place else ''}{first['msg']}", where=where
        ) from error
    contradiction = _contradiction(record)
    if contradiction is not None:
        raise StoreError(f"not a sweep record: {contradiction}", where=where)
    return record


@cache
def _adapter() -> TypeAdapter[SweepRecord]:
    # Built once, on first use: pydantic takes longer to import than this package does.
    from pydantic import TypeAdapter

    return TypeAdapter(SweepRecord)


def _contradiction(record: SweepRecord) -> str | None:
    """What the types cannot say: the promises in the docstring of SweepRecord."""
    if (record.part is PartName.WHOLE) != (record.split is None):
        return f"the {record.part.value} part with split {record.split}"
    if (record.split is None) != (record.pool is None):
        return f"split {record.split} with pool {record.pool}"
    if record.pool not in (None, "before", "after"):
        return f"pool {record.pool!r}"
    timed = record.cycles is not None or record.latency_cycles is not None
    made = (record.utilization, record.synthesised, record.implementation)
    built = timed or any(one is not None for one in made)
    if record.error is not None and built:
        return "both an error and a result"
    if record.empty and (built or record.layers or record.error is not None):
        return "an empty part, of which there is more to say"
    counted: tuple[SweepRecord | LayerRecord, ...] = (record, *record.layers)
    if any(one.cycles_measured and one.cycles is None for one in counted):
        return "measured cycles, but no cycles"
    contradiction = _vendor_contradiction(record)
    if contradiction is not None:
        return contradiction
    numbers: list[float | None] = [record.clock_mhz, record.cycles, record.latency_cycles]
    if record.synthesised is not None:
        numbers += record.synthesised.resources().values()
    if record.implementation is not None:
        numbers += [record.implementation.power_w, record.implementation.run_seconds]
    for one in counted:
        if one.utilization is not None:
            numbers += one.utilization.resources().values()
    for layer in record.layers:
        numbers += [layer.cycles, layer.logic_depth, layer.carry_depth]
    for number in numbers:
        if number is None:
            continue
        # Also false for NaN.
        if not 0 <= number < float("inf"):
            return f"a count of {number}"
    return None


def _vendor_contradiction(record: SweepRecord) -> str | None:
    """The same of what only the vendor's tools say."""
    placed = record.source is Source.VIVADO_PLACED
    after_synthesis = record.synthesised
    if after_synthesis is not None:
        if not placed or record.utilization is None:
            return "counts after synthesis beside no placed ones"
        if after_synthesis.stage is not Stage.SYNTHESISED:
            return f"counts after synthesis of a design that was {after_synthesis.stage.value}"
        if after_synthesis.device != record.utilization.device:
            return f"counts for {after_synthesis.device} and for {record.utilization.device}"
    said = record.implementation
    if said is None:
        return None
    if record.source not in (Source.VIVADO_SYNTH, Source.VIVADO_PLACED):
        return f"an implementation by {record.source.value}"
    slacks = [slack for slack in (said.wns_ns, said.whs_ns) if slack is not None]
    if slacks and not placed:
        return f"slack after routing by {record.source.value}"
    if not all(isfinite(slack) for slack in slacks):
        return f"a slack of {slacks}"
    if any(not miss.strip() or len(miss.splitlines()) != 1 for miss in said.misses):
        return "a missed goal that is no line"
    return None
