"""From a design point and what became of it to the record that the reports read."""

from __future__ import annotations

from dataclasses import replace
from typing import TypedDict

from finn_flows.backends.interface import Backend, BuildResult, Part
from finn_flows.cut import cut_position, cut_tensor
from finn_flows.folding import Folding, published_folding
from finn_flows.network import Network
from finn_flows.published_network import CNV_W2A2, is_cnv_w2a2
from reports.sweep_record import PartName, SweepRecord


def is_empty(part: Part) -> bool:
    """Whether the part has no layers (behind the cut after the last one), so nothing to build."""
    return (
        part.cut is not None
        and part.name is PartName.SECOND
        and cut_position(part.whole, part.cut) == len(part.whole.layers)
    )


def built_record(part: Part, backend: Backend, result: BuildResult) -> SweepRecord:
    """The record of a part that ``backend`` built."""
    return replace(
        _record(part, backend),
        source=result.source or backend.source,
        utilization=result.utilization,
        cycles=result.cycles,
        slowest=result.slowest,
        layers=result.layers,
        cycles_measured=result.cycles_measured,
        latency_cycles=result.latency_cycles,
        implementation=result.implementation,
        synthesised=result.synthesised,
    )


def empty_record(part: Part, backend: Backend) -> SweepRecord:
    """The record of a part without layers."""
    return replace(_record(part, backend), empty=True)


def failed_record(part: Part, backend: Backend, error: str) -> SweepRecord:
    """The record of a part that could not be built; ``error`` becomes one line."""
    line = " ".join(error.split()) or "failed without a message"
    return replace(_record(part, backend), error=line)


class PublishedAs(TypedDict):
    """The fields of a record that say of which published design it is."""

    published_design: str | None
    published_folding: bool


def published_as(network: Network, folding: Folding) -> PublishedAs:
    """``published_design`` and ``published_folding`` of a record, told by content, not by names."""
    if not is_cnv_w2a2(network):
        return {"published_design": None, "published_folding": False}
    same = folding.sha256 == published_folding(network).sha256
    return {"published_design": CNV_W2A2, "published_folding": same}


def _record(part: Part, backend: Backend) -> SweepRecord:
    """What is known of the part before it is built."""
    cut = part.cut
    return SweepRecord(
        network=part.whole.name,
        network_sha256=part.whole.sha256,
        part=part.name,
        split=None if cut is None else cut.layer,
        pool=None if cut is None else cut.pool,
        source=backend.source,
        device=part.device,
        clock_mhz=part.clock_mhz,
        folding=part.folding.name,
        bytes_per_image=None if cut is None else cut_tensor(part.whole, cut).bytes_per_image,
        **published_as(part.whole, part.folding),
    )
