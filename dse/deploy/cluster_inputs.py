"""What goes into a model of a cluster, and where each figure comes from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dse.counted import counted
from dse.deploy.cluster_model import Failures
from dse.deploy.cluster_report import Given
from dse.deploy.deploy_file import MeasuredHop, read_deploy_file
from dse.deploy.drawn_times import service_times
from dse.deploy.pipeline_model import WINDOW, Hop
from dse.errors import InputError

#: Of a PYNQ-Z1's Ethernet port, bits per second.
_LINK = 1e9
#: Through one switch, round about.
_LATENCY_NS = 100_000
_REPAIR_NS = 60 * 10**9
#: The lease of a node manager.
_DETECTION_NS = 3 * 10**9


@dataclass(frozen=True, eq=False)
class KnownStages:
    """What a cluster is made of: for each stage ``service_ns`` and (or none at all)
    ``turnaround_ns``, int64; ``hops`` to each and back; ``inputs``: where all of it comes from."""

    service_ns: list[NDArray[np.int64]]
    turnaround_ns: list[NDArray[np.int64]]
    hops: list[Hop]
    inputs: list[Given]


def given_stages(
    service: tuple[int, ...],
    bytes_per_image: tuple[int, ...] | None,
    link: float | None,
    latency: int | None,
    window: int | None,
) -> KnownStages:
    """Of times given by the user, nanoseconds, one for each stage; None where nothing was given.

    Raises InputError unless ``bytes_per_image`` is there for every hop.
    """
    if bytes_per_image is None or len(bytes_per_image) != len(service) + 1:
        raise InputError(
            f"--service is of {counted(len(service), 'stage')}, whose {len(service) + 1} hops need "
            "the bytes an image takes",
            expected="--bytes with as many numbers: to each stage, and back to the client",
        )
    measured = [MeasuredHop(size, None, None) for size in bytes_per_image]
    hops, inputs = _hops(measured, "given", link, latency, window)
    value = ", ".join(f"{nanoseconds / 1e3:,g}" for nanoseconds in service) + " µs"
    stages = Given("service time of each stage", value, "given")
    times = [service_times(nanoseconds) for nanoseconds in service]
    return KnownStages(times, [], hops, [stages, *inputs])


def measured_stages(
    file: Path, link: float | None, latency: int | None, window: int | None
) -> KnownStages:
    """Of a deploy.json; the rest as :func:`given_stages`. DeployError for a file that is none."""
    measurement = read_deploy_file(file)
    hops, inputs = _hops(measurement.hops, "measured", link, latency, window)
    stages = []
    for stage in measurement.stages:
        measured = f"measured ({stage.engine}, {file})"
        at, turnaround = stage.position, stage.turnaround_ns
        stages.append(Given(f"service time of stage {at}", _drawn(stage.service_ns), measured))
        stages.append(
            Given(
                f"turnaround of stage {at}", "none: unknown, it waited for every image", "assumed"
            )
            if turnaround is None
            else Given(f"turnaround of stage {at}", _drawn(turnaround), measured)
        )
    return KnownStages(
        service_ns=[stage.service_ns for stage in measurement.stages],
        turnaround_ns=[
            np.zeros(1, dtype=np.int64) if stage.turnaround_ns is None else stage.turnaround_ns
            for stage in measurement.stages
        ],
        hops=hops,
        inputs=[*stages, *inputs],
    )


def _drawn(times: NDArray[np.int64]) -> str:
    return f"drawn from {len(times):,}, mean {times.mean() / 1e3:,.1f} µs"


def _hops(
    measured: Sequence[MeasuredHop],
    source: str,
    link: float | None,
    latency: int | None,
    window: int | None,
) -> tuple[list[Hop], list[Given]]:
    """What is given goes before what was measured, and that before what is assumed."""

    hops, sources = [], []
    for hop in measured:
        rate, whence = link, "given"
        if rate is None:
            rate, whence = hop.bits_per_second, "measured"
        if rate is None:
            rate, whence = _LINK, "assumed"
        delay, delay_whence = latency, "given"
        if delay is None:
            delay, delay_whence = hop.latency_ns, "measured"
        if delay is None:
            delay, delay_whence = _LATENCY_NS, "assumed"
        hops.append(Hop(hop.bytes_per_image, delay, rate, WINDOW if window is None else window))
        sources.append((whence, delay_whence))
    inputs = [
        Given(
            "bytes an image, each hop",
            ", ".join(f"{hop.bytes_per_image:,}" for hop in hops),
            source,
        ),
        Given(
            "link, each hop",
            ", ".join(_rate(hop.bits_per_second) for hop in hops),
            _joined([whence for whence, _ in sources]),
        ),
        Given(
            "latency, each hop",
            ", ".join(f"{hop.latency_ns / 1e3:,g}" for hop in hops) + " µs",
            _joined([whence for _, whence in sources]),
        ),
        Given("window, images", f"{hops[0].window:,}", _source(window)),
    ]
    return hops, inputs


def _joined(sources: list[str]) -> str:
    """One word if all are alike."""
    return sources[0] if len(set(sources)) == 1 else ", ".join(sources)


def _rate(bits_per_second: float) -> str:
    if math.isinf(bits_per_second):
        return "unlimited"
    return f"{bits_per_second / 1e6:,g} Mbit/s"


def failure_inputs(
    mtbf: int, repair: int | None, detect: int | None, setup: int | None
) -> tuple[Failures, list[Given]]:
    """Nanoseconds; None where the user gave nothing: then a minute, 3 s and no time at all."""
    failures = Failures(
        mtbf_ns=mtbf,
        repair_ns=_REPAIR_NS if repair is None else repair,
        detection_ns=_DETECTION_NS if detect is None else detect,
        setup_ns=setup or 0,
    )
    inputs = [
        Given(what, f"{value / 1e9:,g} s", _source(given))
        for what, value, given in (
            ("mean time between failures", failures.mtbf_ns, mtbf),
            ("repair", failures.repair_ns, repair),
            ("detection", failures.detection_ns, detect),
            ("set-up for a retry", failures.setup_ns, setup),
        )
    ]
    return failures, inputs


def _source(given: object) -> str:
    return "assumed" if given is None else "given"
