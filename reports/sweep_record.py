"""What a sweep knows of one design point: the record between the sweep driver and the reports."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reports.utilization import Source, Utilization


class PartName(StrEnum):
    """Which piece of the network a design point builds."""

    FIRST = "first"
    SECOND = "second"
    WHOLE = "whole"


@dataclass(frozen=True)
class LayerRecord:
    """One hardware node: its name, the network layer it belongs to, what it uses, its cycles.

    ``layer`` is a label such as ``conv3`` or ``pool3``; ``cycles`` per image, None if unknown.
    ``cycles_measured``: whether these were counted in a cycle-accurate simulation of the circuit;
    otherwise they are what the tool's model says. ``logic_depth``: LUTs on the longest path between
    two registers, ``carry_depth``: CARRY4s on that same path; None where nobody looked.
    """

    name: str
    layer: str
    utilization: Utilization
    cycles: int | None
    cycles_measured: bool = False
    logic_depth: int | None = None
    carry_depth: int | None = None


@dataclass(frozen=True)
class Implementation:
    """What the vendor's tools say of a build beside counts; unknown is None.

    ``wns_ns``, ``whs_ns``: worst setup and hold slack after routing in ns, negative where timing
    is not met. ``power_w``: the tool's estimate. ``run_seconds``: wall time of the vendor's tools,
    all steps of this build together (those that an earlier, interrupted run finished included).
    ``misses``: one line for each goal that the build misses (a resource the device has too little
    of, timing); empty for a build that meets all.
    """

    wns_ns: float | None = None
    whs_ns: float | None = None
    power_w: float | None = None
    run_seconds: float | None = None
    misses: tuple[str, ...] = ()


@dataclass(frozen=True)
class SweepRecord:
    """The outcome of one design point.

    ``split`` and ``pool`` (``before`` or ``after`` the cut) are None for the whole network.
    ``cycles``: per image in steady state, set by the slowest node ``slowest``. ``latency_cycles``:
    of one image alone through the part, from its first word taken to its last word given.
    ``cycles_measured``: whether both were counted in a cycle-accurate simulation of this very part;
    otherwise they are what the tool's model says. ``bytes_per_image``: over the link behind this
    part's cut, None for the whole. A point that failed has ``error`` (one line) and neither
    utilization nor cycles. ``published_design``: the published network whose
    layers these are, by their shapes and types and not by name, None for any other;
    ``published_folding``: whether the folding is the one published for it. An empty part (behind
    the last layer) has no layers, ``empty`` True and no utilization: nothing is built for it.
    ``implementation``: of a build by the vendor's tools, None for any other. ``synthesised``:
    counts after synthesis of what ``utilization`` counts placed; reports show them under their own
    source.
    """

    network: str
    network_sha256: str
    part: PartName
    split: int | None
    pool: str | None
    source: Source
    device: str
    clock_mhz: float
    folding: str
    bytes_per_image: int | None
    utilization: Utilization | None = None
    cycles: int | None = None
    slowest: str | None = None
    layers: tuple[LayerRecord, ...] = ()
    empty: bool = False
    error: str | None = None
    published_design: str | None = None
    published_folding: bool = False
    cycles_measured: bool = False
    latency_cycles: int | None = None
    implementation: Implementation | None = None
    synthesised: Utilization | None = None

    @property
    def frames_per_second(self) -> float | None:
        """Images per second that the slowest node allows at the clock (an upper bound)."""
        return self.clock_mhz * 1e6 / self.cycles if self.cycles else None
