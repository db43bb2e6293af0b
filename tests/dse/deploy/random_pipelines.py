"""Small pipelines for properties, and a plain statement of what the model should say of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from dse.deploy.cluster_model import predict
from dse.deploy.pipeline_model import Hop
from dse.deploy.timings import JobTimings, StageTimings

#: A byte takes 8 ns.
GIGABIT = 1e9


@dataclass(frozen=True)
class Times:
    """Of one job, ``[hop][image]`` or ``[stage][image]``."""

    sent: list[list[int]]
    started: list[list[int]]
    finished: list[list[int]]
    received: list[int]


def recurrence(
    service: list[list[int]], hops: list[Hop], turnaround: list[list[int]] | None = None
) -> Times:
    """Each time as the maximum of what it waits for, image after image: no events, no processes."""
    stages, images = len(service), len(service[0])
    sent = [[0] * images for _ in hops]
    started = [[0] * images for _ in service]
    finished = [[0] * images for _ in service]
    received = [0] * images
    cable_free = [0] * len(hops)
    for image in range(images):
        for at, hop in enumerate(hops):
            ready = 0
            if at:
                ready = finished[at - 1][image]
            elif image:
                ready = sent[0][image - 1]
            consumed = 0  # how many the receiver must be done with
            batch = max(1, hop.window // 2)
            while hop.window + consumed // batch * batch <= image:
                consumed += 1
            if consumed:
                done = sent[at + 1] if at < stages else received
                ready = max(ready, done[consumed - 1] + hop.latency_ns)
            sent[at][image] = ready + hop.send_ns
            cable_free[at] = max(sent[at][image], cable_free[at]) + hop.transfer_ns
            arrival = cable_free[at] + hop.latency_ns
            if at < stages:
                free = sent[at + 1][image - 1] if image else 0
                if image and turnaround:
                    free += turnaround[at][image - 1]
                started[at][image] = max(arrival, free) + hop.receive_ns
                finished[at][image] = started[at][image] + service[at][image]
            else:
                free = received[image - 1] if image else 0
                received[image] = max(arrival, free) + hop.receive_ns
    return Times(sent, started, finished, received)


def hops_strategy(most_window: int = 6) -> st.SearchStrategy[Hop]:
    return st.builds(
        Hop,
        bytes_per_image=st.integers(0, 60),
        latency_ns=st.integers(0, 300),
        bits_per_second=st.sampled_from([GIGABIT, GIGABIT / 3, float("inf")]),
        window=st.integers(1, most_window),
        send_ns=st.sampled_from([0, 0, 7]),
        receive_ns=st.sampled_from([0, 0, 11]),
    )


@st.composite
def pipelines(draw: st.DrawFn, most_stages: int = 4) -> tuple[list[list[int]], list[Hop]]:
    """Service times ``[stage][image]`` and hops."""
    stages = draw(st.integers(1, most_stages))
    images = draw(st.integers(1, 12))
    times = st.lists(st.integers(0, 400), min_size=images, max_size=images)
    service = draw(st.lists(times, min_size=stages, max_size=stages))
    hops = draw(st.lists(hops_strategy(), min_size=stages + 1, max_size=stages + 1))
    return service, hops


def a_job(stages: int = 2, images: int = 20, seed: int = 1) -> JobTimings:
    """Times as of a measured job: milliseconds, every one different."""
    random = np.random.default_rng(seed)
    service = [random.integers(500_000, 900_000, 50) for _ in range(stages)]
    hop = Hop(3072, latency_ns=90_000, bits_per_second=1e8, window=8, send_ns=5_000)
    return predict(service, [hop] * (stages + 1), images, seed=seed).timings


def shifted(job: JobTimings, position: int, by_ns: int) -> JobTimings:
    """The same job, with a clock of one stage that is ``by_ns`` off."""

    def moved(times: NDArray[np.int64]) -> NDArray[np.int64]:
        return times + by_ns

    stages = list(job.stages)
    one = stages[position]
    stages[position] = StageTimings(
        position,
        moved(one.received_ns),
        moved(one.started_ns),
        moved(one.finished_ns),
        moved(one.sent_ns),
    )
    return JobTimings(job.sent_ns, job.received_ns, tuple(stages))
