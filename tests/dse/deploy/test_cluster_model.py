"""The model of a cluster against closed forms, a recurrence of its own, and probability."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from dse.deploy.cluster_model import Cluster, Failures, predict, service_times, simulate
from dse.deploy.pipeline_model import Batch, Cable, Hop
from dse.deploy.timings import JobTimings
from dse.errors import InputError
from tests.dse.deploy.random_pipelines import GIGABIT, Times, pipelines, recurrence

PLENTY = 10_000


def played(
    service: list[list[int]],
    hops: list[Hop],
    cores: int | None = None,
    turnaround: list[list[int]] | None = None,
) -> JobTimings:
    """The model's times of exactly these service times."""
    environment = simpy.Environment()
    shared = None if cores is None else simpy.Resource(environment, cores)
    array = np.array(service, dtype=np.int64)
    between = None if turnaround is None else np.array(turnaround, dtype=np.int64)
    batch = Batch(environment, array, hops, (Cable(), Cable()), shared, between)
    environment.run(until=batch.done)
    assert batch.busy_ns == array.sum(axis=1).tolist()
    return batch.timings()


def as_lists(job: JobTimings) -> Times:
    return Times(
        sent=[job.sent_ns.tolist(), *(stage.sent_ns.tolist() for stage in job.stages)],
        started=[stage.started_ns.tolist() for stage in job.stages],
        finished=[stage.finished_ns.tolist() for stage in job.stages],
        received=job.received_ns.tolist(),
    )


@settings(max_examples=300, deadline=None)
@given(pipelines(), st.integers(0, 2**31))
def test_every_time_is_the_recurrences(
    pipeline: tuple[list[list[int]], list[Hop]], seed: int
) -> None:
    service, hops = pipeline
    assert as_lists(played(service, hops)) == recurrence(service, hops)
    turnaround = np.random.default_rng(seed).integers(0, 200, np.shape(service)).tolist()
    found = as_lists(played(service, hops, turnaround=turnaround))
    assert found == recurrence(service, hops, turnaround)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 1000), min_size=1, max_size=6),
    st.integers(1, 30),
    st.integers(0, 500),
    st.integers(0, 200),
)
def test_constant_times_give_fill_and_the_slowest_of_stages_and_links(
    service: list[int], images: int, latency: int, size: int
) -> None:
    hop = Hop(size, latency, GIGABIT, window=PLENTY)
    found = predict(service, [hop] * (len(service) + 1), images)
    fill = sum(service) + (len(service) + 1) * (latency + 8 * size)
    slowest = max(*service, 8 * size)
    assert found.fill_ns == fill
    assert found.response_ns == fill + (images - 1) * slowest
    if images >= len(service) + 4:
        assert found.interval_ns == slowest
    else:
        assert found.interval_ns is None


@settings(max_examples=100, deadline=None)
@given(pipelines(), st.data())
def test_a_faster_link_makes_nothing_later(
    pipeline: tuple[list[list[int]], list[Hop]], data: st.DataObject
) -> None:
    service, hops = pipeline
    which = data.draw(st.integers(0, len(hops) - 1))
    slower = list(hops)
    slower[which] = replace(
        hops[which],
        bits_per_second=hops[which].bits_per_second / data.draw(st.integers(2, 50)),
        latency_ns=hops[which].latency_ns + data.draw(st.integers(0, 100)),
    )
    if math.isinf(hops[which].bits_per_second):
        slower[which] = replace(slower[which], bits_per_second=GIGABIT)
    fast, slow = played(service, hops), played(service, slower)
    assert (fast.received_ns <= slow.received_ns).all()
    for one, other in zip(fast.stages, slow.stages, strict=True):
        assert (one.started_ns <= other.started_ns).all()


@settings(max_examples=100, deadline=None)
@given(pipelines())
def test_credit_bounds_what_is_between_two_stages(
    pipeline: tuple[list[list[int]], list[Hop]],
) -> None:
    service, hops = pipeline
    times = as_lists(played(service, hops))
    for at, hop in enumerate(hops):
        done = times.sent[at + 1] if at < len(service) else times.received
        for image, when in enumerate(times.sent[at]):
            # An image that is sent in the nanosecond in which another is done with, is after it.
            on_the_way = image + 1 - sum(earlier <= when for earlier in done[:image])
            assert on_the_way <= hop.window


@settings(max_examples=50, deadline=None)
@given(pipelines())
def test_cores_for_all_are_no_limit_and_one_core_does_one_thing_at_a_time(
    pipeline: tuple[list[list[int]], list[Hop]],
) -> None:
    service, hops = pipeline
    free = as_lists(played(service, hops))
    assert as_lists(played(service, hops, cores=len(service))) == free
    one = played(service, hops, cores=1)
    spans = sorted(
        (begin, end)
        for stage in one.stages
        for begin, end in zip(stage.started_ns, stage.finished_ns, strict=True)
    )
    assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))
    assert one.response_ns >= max(sum(map(sum, service)), free.received[-1] - free.sent[0][0])


def test_one_core_with_quick_links_is_never_idle() -> None:
    service = [700, 300, 500]
    found = predict(service, [Hop(64, window=PLENTY)] * 4, 20, cores=1)
    assert found.response_ns == 20 * sum(service)


def test_drawn_times_are_the_measured_ones_and_the_seeds() -> None:
    samples = np.array([300, 500, 900])
    hops = [Hop(64)] * 3
    first = predict([samples, 100], hops, 200, seed=4).timings.stages[0]
    again = predict([samples, 100], hops, 200, seed=4).timings.stages[0]
    other = predict([samples, 100], hops, 200, seed=5).timings.stages[0]
    drawn = first.finished_ns - first.started_ns
    assert set(drawn.tolist()) == set(samples.tolist())
    assert (first.finished_ns == again.finished_ns).all()
    assert (first.finished_ns != other.finished_ns).any()


def test_a_turnaround_sets_the_pace_as_computing_does() -> None:
    hops = [Hop(0, window=PLENTY)] * 3
    found = predict([700, 300], hops, 20, turnaround_ns=[50, 600])
    assert found.interval_ns == 900
    assert found.fill_ns == 1000  # a turnaround delays the next image only
    calm = Cluster(tuple(service_times(each) for each in (700, 300)), tuple(hops))
    replicated = replace(calm, replicas=2, turnaround_ns=tuple(map(service_times, (50, 600))))
    assert simulate(replicated, images=20, jobs=3).response_ns.tolist() == [found.response_ns] * 3


def cluster(service: list[int], hop: Hop | None = None, **more: object) -> Cluster:
    hops = (hop or Hop(64, window=PLENTY),) * (len(service) + 1)
    return Cluster(tuple(service_times(each) for each in service), hops, **more)  # type: ignore[arg-type]


def test_replicas_share_the_jobs() -> None:
    alone = predict([700, 300], [Hop(64, window=PLENTY)] * 3, 20).response_ns
    found = simulate(cluster([700, 300], replicas=4), images=20, jobs=10)
    assert found.response_ns.tolist() == [alone] * 10
    assert found.makespan_ns == 3 * alone  # 4, 4 and 2 jobs
    assert found.utilisation is not None
    assert found.utilisation.tolist() == [10 * 20 * time / (3 * alone * 4) for time in (700, 300)]
    assert found.images_per_second == 200e9 / found.makespan_ns


def test_replicas_share_the_images_of_a_job() -> None:
    found = simulate(cluster([700, 300], replicas=3, spread="images"), images=20, jobs=2)
    longest = predict([700, 300], [Hop(64, window=PLENTY)] * 3, 7).response_ns
    assert found.response_ns.tolist() == [longest] * 2
    few = simulate(cluster([700, 300], replicas=3, spread="images"), images=2, jobs=1)
    assert few.response_ns.tolist() == [1000]


def test_all_replicas_share_the_cable_of_the_client() -> None:
    hop = Hop(125, 0, GIGABIT, window=PLENTY)  # a microsecond
    found = simulate(cluster([1], hop, replicas=50), images=20, jobs=50)
    assert found.makespan_ns >= 50 * 20 * 1000
    assert found.makespan_ns < 50 * 20 * 1000 * 1.01


def test_failures_cost_what_probability_says() -> None:
    """Of work that starts anew at each failure: attempts are geometric, and a job takes
    (e^(rate T) - 1) / rate on average, where repair and detection take no time."""
    stages, mean_time = 4, 20_000
    hops = Hop(64, window=PLENTY)
    alone = predict([100] * stages, [hops] * (stages + 1), 20).response_ns
    failing = cluster([100] * stages, failures=Failures(mean_time, repair_ns=0))
    found = simulate(failing, images=20, jobs=4_000, seed=3)
    rate = stages / mean_time
    success = math.exp(-rate * alone)
    attempts = found.attempts.mean()
    error = math.sqrt((1 - success) / success**2 / found.jobs)
    assert attempts == pytest.approx(1 / success, abs=4 * error)
    expected = (math.exp(rate * alone) - 1) / rate
    error = found.response_ns.std() / math.sqrt(found.jobs)
    assert found.response_ns.mean() == pytest.approx(expected, abs=4 * error)
    assert found.retries == found.attempts.sum() - found.jobs > 1000


def test_what_a_failed_attempt_had_queued_does_not_hold_up_the_next() -> None:
    """As above, on a cable that is the slowest of all: no more than the image that is on it when
    a board fails can be in the way."""
    hop = Hop(125, 0, GIGABIT, window=PLENTY)
    alone = predict([100, 100], [hop] * 3, 20).response_ns
    assert alone == 22_200
    mean_time = 40_000
    failing = cluster([100, 100], hop, failures=Failures(mean_time, repair_ns=0))
    found = simulate(failing, images=20, jobs=4_000, seed=5)
    rate = 2 / mean_time
    expected = (math.exp(rate * alone) - 1) / rate
    error = found.response_ns.std() / math.sqrt(found.jobs)
    least, most = expected - 4 * error, expected + 4 * error
    assert found.retries > 1000
    assert least <= found.response_ns.mean() <= most + hop.transfer_ns * found.attempts.mean()


def test_an_abandoned_batch_sends_and_computes_nothing_more() -> None:
    environment = simpy.Environment()
    hop = Hop(125, 0, GIGABIT, window=PLENTY)
    client = (Cable(), Cable())
    service = np.full((2, 20), 100)
    batch = Batch(environment, service, [hop] * 3, client)
    environment.run(until=5_050)  # five images of 1000 ns have arrived, the first stage has the 5th
    batch.abandon()
    assert batch.busy_ns == [400, 300]
    environment.run()
    assert batch.busy_ns == [400, 300]
    assert not batch.done.triggered
    # The sixth was on the cable.
    other = Batch(environment, service[:, :1], [hop] * 3, client)
    assert client[0].take(5_050, 0, other) == 6_000


@settings(max_examples=60, deadline=None)
@given(
    stages=st.integers(1, 4),
    replicas=st.integers(1, 4),
    spread=st.sampled_from(["jobs", "images"]),
    jobs=st.integers(1, 12),
    failures_per_job=st.sampled_from([0.02, 0.3, 1.0]),
    repair=st.sampled_from([0, 1, 700]),
    detect=st.sampled_from([0, 1, 350]),
    seed=st.integers(0, 2**31),
)
def test_every_job_ends_exactly_once_whatever_fails(
    stages: int,
    replicas: int,
    spread: str,
    jobs: int,
    failures_per_job: float,
    repair: int,
    detect: int,
    seed: int,
) -> None:
    hop = Hop(8, 3, GIGABIT, 2)
    calm = cluster([10] * stages, hop, replicas=replicas, spread=spread)
    boards = calm.boards if spread == "images" else stages
    usual = int(simulate(calm, images=5, jobs=jobs).response_ns.max())
    failures = Failures(boards * usual / failures_per_job, repair, detect, setup_ns=detect)
    failing = replace(calm, failures=failures)
    found = simulate(failing, images=5, jobs=jobs, seed=seed)
    assert found.ends.tolist() == [1] * jobs
    assert (found.lost, found.retries) == (0, int((found.attempts - 1).sum()))
    assert found.board_failures >= found.retries
    # Failures make nothing quicker than a job that has the cluster for itself.
    share = 5 if spread == "jobs" else -(-5 // replicas)
    least = predict([10] * stages, failing.hops, share).response_ns
    assert (found.response_ns >= least + (found.attempts - 1) * detect).all()
    again = simulate(failing, images=5, jobs=jobs, seed=seed)
    assert again.response_ns.tolist() == found.response_ns.tolist()


def test_a_retry_goes_to_another_pipeline_while_a_board_is_repaired() -> None:
    failures = Failures(1_000_000, repair_ns=10**12)
    found = simulate(cluster([10_000], replicas=400, failures=failures), images=20, jobs=100)
    assert found.retries
    assert found.makespan_ns < 10**12  # nobody waited for a repair


def test_boards_that_are_hardly_ever_up_are_an_error_and_no_endless_loop() -> None:
    with pytest.raises(InputError, match="failed 1,000 times"):
        simulate(cluster([10_000], failures=Failures(100, 0)), images=20)


def test_a_thousand_boards_take_seconds() -> None:
    """In one pipeline, and as 500 pipelines; the limit is far above the time it takes."""
    import time

    begun = time.process_time()
    hop = Hop(3072, 100_000, GIGABIT)
    long = simulate(cluster([700_000] * 1000, hop), images=20)
    wide = simulate(cluster([700_000, 300_000], hop, replicas=500), images=20, jobs=500)
    assert time.process_time() - begun < 10
    assert (long.cluster.boards, wide.cluster.boards) == (1000, 1000)
    assert long.ends.sum() == 1
    assert wide.ends.sum() == 500


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: predict([1], [Hop(1)], 1), "1 hops for 1 stages"),
        (lambda: predict([], [Hop(1)], 1), "no stage"),
        (lambda: predict([-1], [Hop(1)] * 2, 1), "negative"),
        (lambda: predict([0.5], [Hop(1)] * 2, 1), "whole nanoseconds"),
        (lambda: predict([1], [Hop(1)] * 2, 0), "0 images"),
        (lambda: predict([1], [Hop(1)] * 2, 1, turnaround_ns=[1, 1]), "turnaround times of 2"),
        (lambda: predict([1], [Hop(1)] * 2, 1, turnaround_ns=[-1]), "no turnaround time"),
        (lambda: Hop(-1), "bytes_per_image"),
        (lambda: Hop(1, window=0), "window"),
        (lambda: Hop(1, bits_per_second=float("nan")), "bits per second"),
        (lambda: Failures(0, 0), "mean time"),
        (lambda: Failures(1e9, -1), "repair_ns"),
        (lambda: cluster([1], replicas=0), "replicas"),
        (lambda: simulate(cluster([1]), images=1, jobs=0), "0 jobs"),
    ],
)
def test_what_cannot_be_is_refused(wrong: object, message: str) -> None:
    assert callable(wrong)
    with pytest.raises(InputError, match=message):
        wrong()
