"""What the folder of a part says of it, whoever built it: the common content of ``part.json``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from dse.errors import InputError
from finn_flows.cut import CutTensor, cut_position, cut_tensor
from finn_flows.split_manifest import PACKING, WireTensor
from finn_flows.wire_packing import WORD_BITS
from reports.devices import percent
from reports.sweep_record import PartName, SweepRecord
from reports.utilization import Utilization

if TYPE_CHECKING:
    from finn_flows.backends.interface import Part

PART_FILE = "part.json"
FORMAT = "split-dse/part"
FORMAT_VERSION = 1


def part_facts(part: Part, record: SweepRecord) -> dict[str, Any]:
    """Which part of what it is, its streams, and what ``record`` found out about it."""
    whole = part.whole
    start, end = layer_range(part)
    streams = {
        "input": CutTensor(whole.shapes[start], whole.type_after(start)),
        "output": CutTensor(whole.shapes[end], whole.type_after(end)),
    }
    utilization = record.utilization
    return {
        "part": part.name.value,
        "network": whole.name,
        "network_sha256": whole.sha256,
        "layers": [whole.label(position) for position in range(start, end)],
        "split": None if part.cut is None else _split(part),
        "device": part.device,
        "clock_mhz": part.clock_mhz,
        "folding": {
            "name": part.folding.name,
            "layers": [asdict(layer) for layer in part.folding.layers],
        },
        "streams": {
            name: {
                **asdict(_wire(tensor)),
                "words_per_image": tensor.bytes_per_image * 8 // WORD_BITS,
            }
            for name, tensor in streams.items()
        },
        "utilization": None if utilization is None else counts(utilization),
        "percent": None if utilization is None else _percent(utilization),
        "cycles": record.cycles,
        "cycles_measured": record.cycles_measured,
        "latency_cycles": record.latency_cycles,
        "slowest": record.slowest,
    }


def counts(utilization: Utilization) -> dict[str, Any]:
    """``utilization`` with where it comes from; an unknown resource is None."""
    return {
        "tool": utilization.tool,
        "tool_version": utilization.tool_version,
        "stage": utilization.stage.value,
        "scope": utilization.scope.value,
        **utilization.resources(),
    }


def _percent(utilization: Utilization) -> dict[str, float | None] | None:
    try:
        return percent(utilization)
    except InputError:  # a device that no table of ours has
        return None


def _split(part: Part) -> dict[str, Any]:
    """What both parts of a split must agree on: equal in the part.json of either."""
    assert part.cut is not None
    return {
        "layer": part.cut.layer,
        "pool": part.cut.pool,
        "tensor": asdict(_wire(cut_tensor(part.whole, part.cut))),
    }


def _wire(tensor: CutTensor) -> WireTensor:
    return WireTensor(
        tensor.shape, tensor.type.name, tensor.type.bits, tensor.bytes_per_image, PACKING
    )


def layer_range(part: Part) -> tuple[int, int]:
    """The part's layers as a range of ``part.whole.layers``."""
    if part.cut is None:
        return 0, len(part.whole.layers)
    at = cut_position(part.whole, part.cut)
    return (0, at) if part.name is PartName.FIRST else (at, len(part.whole.layers))
