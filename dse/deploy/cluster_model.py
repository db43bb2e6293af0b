"""A discrete-event model of many boards: pipelines, replicas, links and boards that fail.

docs/cluster-model.md says what is modelled and what is left out. Every figure that comes out is
the model's; what goes in may be measured.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dse.deploy.drawn_times import draw, service_times
from dse.deploy.model_run import run_until
from dse.deploy.model_size import MOST_IN_ALL, ClusterShape, Spread, check_size, job_size
from dse.deploy.pipeline_model import Batch, Cable, Hop
from dse.deploy.timeline import steady_interval
from dse.deploy.timings import JobTimings
from dse.errors import InputError

if TYPE_CHECKING:
    from simpy import Environment, Event, Resource

    Steps = Generator[Event, object, None]

#: A job that failed so often will hardly ever end.
MOST_ATTEMPTS = 1_000
#: So many failures of boards, and no end: the boards are hardly ever all up.
MOST_FAILURES = 1_000_000


@dataclass(frozen=True)
class Failures:
    """Boards that fail by themselves, each independently of the others.

    ``mtbf_ns``: mean time between the end of a repair and the next failure, exponentially
    distributed. ``repair_ns``: until the board can take part again. ``detection_ns``: from a
    failure to the client's knowing, during which the other boards of the pipeline are not free.
    ``setup_ns``: to bring a pipeline up again for a retry.
    """

    mtbf_ns: float
    repair_ns: int
    detection_ns: int = 0
    setup_ns: int = 0

    def __post_init__(self) -> None:
        if not self.mtbf_ns >= 1:
            raise InputError(f"a mean time between failures of {self.mtbf_ns} ns")
        for name in ("repair_ns", "detection_ns", "setup_ns"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} is {getattr(self, name)}", expected="0 or more")


@dataclass(frozen=True)
class Cluster:
    """``replicas`` pipelines alike, each of a board per stage, and one client.

    ``service_ns``: of each stage, what an image may take to compute, int64: one value is a
    constant, of several one is drawn for each image; ``turnaround_ns``: likewise, what the stage's
    thread needs between two images beside (empty: nothing, for every stage). ``hops``: to each
    stage and back to the client, one more than stages. ``spread``: whole ``jobs`` go to any
    pipeline that is free, or the ``images`` of one job in turn to all pipelines. ``cores``: what
    all stages share where they are emulated on one machine; None: each has its own.
    """

    service_ns: tuple[NDArray[np.int64], ...]
    hops: tuple[Hop, ...]
    replicas: int = 1
    spread: Spread = "jobs"
    cores: int | None = None
    failures: Failures | None = None
    turnaround_ns: tuple[NDArray[np.int64], ...] = ()

    def __post_init__(self) -> None:
        if not self.service_ns:
            raise InputError("there is no stage")
        for what, every in (("service", self.service_ns), ("turnaround", self.turnaround_ns)):
            for position, times in enumerate(every):
                if not len(times) or times.min() < 0:
                    raise InputError(
                        f"stage {position} has no {what} time, or a negative one",
                        expected="nanoseconds, one or more of them",
                    )
        if len(self.turnaround_ns) not in (0, len(self.service_ns)):
            raise InputError(
                f"turnaround times of {len(self.turnaround_ns)} stages",
                expected=f"of {len(self.service_ns)}",
            )
        if len(self.hops) != len(self.service_ns) + 1:
            raise InputError(
                f"{len(self.hops)} hops for {len(self.service_ns)} stages",
                expected=f"{len(self.service_ns) + 1}: to each stage, and back to the client",
            )
        if self.replicas < 1 or (self.cores is not None and self.cores < 1):
            raise InputError("replicas and cores are 1 or more")

    @property
    def shape(self) -> ClusterShape:
        """Its stages and pipelines."""
        return ClusterShape(len(self.service_ns), self.replicas)

    @property
    def boards(self) -> int:
        """Of all pipelines."""
        return len(self.service_ns) * self.replicas


@dataclass(frozen=True, eq=False)
class ClusterRun:
    """What the model says of ``jobs`` jobs of ``images`` images, all there from the beginning.

    ``response_ns``, int64 (jobs,): from a job's first start, retries included, to its last result.
    ``ends``, int64 (jobs,): how often each job ended. ``attempts``, int64 (jobs,): how often each
    was started.
    ``makespan_ns``: from the beginning to the end of the last job. ``utilisation``, (stages,):
    computing, as a share of that, the mean over the replicas; None of no time.
    ``board_failures``: in that time.
    """

    cluster: Cluster
    jobs: int
    images: int
    response_ns: NDArray[np.int64]
    ends: NDArray[np.int64]
    attempts: NDArray[np.int64]
    makespan_ns: int
    utilisation: NDArray[np.float64] | None
    board_failures: int

    @property
    def lost(self) -> int:
        """Jobs that never ended."""
        return int((self.ends == 0).sum())

    @property
    def retries(self) -> int:
        """Attempts beyond the first, over all jobs."""
        return int(self.attempts.sum()) - self.jobs

    @property
    def images_per_second(self) -> float | None:
        """Of jobs that ended, over the whole run; None if it took no time."""
        if not self.makespan_ns:
            return None
        return int((self.ends > 0).sum()) * self.images * 1e9 / self.makespan_ns


@dataclass(frozen=True, eq=False)
class JobPrediction:
    """The model's word on one job: its times, nanoseconds, in the form of measured ones.

    ``interval_ns``: between two results in the steady state (median), None of too few images.
    """

    timings: JobTimings
    response_ns: int
    fill_ns: int
    interval_ns: float | None


def predict(
    service_ns: Sequence[ArrayLike],
    hops: Sequence[Hop],
    images: int,
    *,
    turnaround_ns: Sequence[ArrayLike] = (),
    cores: int | None = None,
    seed: int = 0,
) -> JobPrediction:
    """One job of ``images`` images through one pipeline that is up and idle.

    ``service_ns``: for each stage one whole number of nanoseconds, or several to draw from with
    ``seed``; ``hops``: to each stage and back; ``turnaround_ns``: as ``service_ns``, between two
    images, empty for none; ``cores``: shared by all stages, None for one each.
    Raises InputError for numbers that cannot be, or that are too many (model_size).
    """
    import simpy

    cluster = Cluster(
        tuple(service_times(each) for each in service_ns),
        tuple(hops),
        cores=cores,
        turnaround_ns=tuple(service_times(each) for each in turnaround_ns),
    )
    if images < 1:
        raise InputError(f"a job of {images} images")
    check_size([ClusterShape(len(cluster.service_ns), 1)], "jobs", images, 1)
    environment = simpy.Environment()
    shared = None if cores is None else simpy.Resource(environment, cores)
    random = np.random.default_rng(seed)
    service = draw(cluster.service_ns, images, random)
    turnaround = draw(cluster.turnaround_ns, images, random) if cluster.turnaround_ns else None
    client = (Cable(), Cable())
    batch = Batch(environment, service, cluster.hops, client, shared, turnaround)
    run_until(environment, batch.done)
    timings = batch.timings()
    return JobPrediction(
        timings=timings,
        response_ns=timings.response_ns,
        fill_ns=int(timings.received_ns[0] - timings.sent_ns[0]),
        interval_ns=steady_interval(timings.received_ns, len(timings.stages))[0],
    )


def simulate(cluster: Cluster, *, images: int, jobs: int = 1, seed: int = 0) -> ClusterRun:
    """Play ``jobs`` jobs of ``images`` images; the same for the same ``seed``.

    Raises InputError if boards fail so often that jobs do not end, or there is too much to play
    (model_size).
    """
    if images < 1 or jobs < 1:
        raise InputError(f"{jobs} jobs of {images} images", expected="1 or more")
    check_size([cluster.shape], cluster.spread, images, jobs)
    return _Play(cluster, images, jobs, seed).run()


@dataclass(eq=False)
class _Group:
    """Pipelines that work on one job together: one, or all of them for spread images."""

    number: int
    pipelines: int
    down: int = 0
    busy: bool = False
    failed: Event | None = None
    epoch: int = 0


@dataclass(eq=False)
class _Play:
    cluster: Cluster
    images: int
    jobs: int
    seed: int
    failures: int = 0
    ended: int = 0
    makespan: int = 0
    waiting: list[int] = field(default_factory=list)
    played: int = 0
    #: A heap of the numbers of groups; of those that are not up and free any more, too.
    free: list[int] = field(default_factory=list)

    def run(self) -> ClusterRun:
        import simpy

        cluster = self.cluster
        self.environment: Environment = simpy.Environment()
        self.cores: Resource | None = (
            None if cluster.cores is None else simpy.Resource(self.environment, cluster.cores)
        )
        self.service_random, self.failure_random = (
            np.random.default_rng(sequence)
            for sequence in np.random.SeedSequence(self.seed).spawn(2)
        )
        self.client = (Cable(), Cable())
        self.busy_ns = np.zeros(len(cluster.service_ns), dtype=np.int64)
        self.first_start = np.full(self.jobs, -1, dtype=np.int64)
        self.response = np.zeros(self.jobs, dtype=np.int64)
        self.ends = np.zeros(self.jobs, dtype=np.int64)
        self.attempts = np.zeros(self.jobs, dtype=np.int64)
        self.all_ended = self.environment.event()
        together = cluster.spread == "images"
        self.groups = (
            [_Group(0, cluster.replicas)]
            if together
            else [_Group(number, 1) for number in range(cluster.replicas)]
        )
        if cluster.failures is not None:
            for group in self.groups:
                for _ in range(group.pipelines * len(cluster.service_ns)):
                    self.environment.process(self._board(group, cluster.failures))
        self.waiting = list(range(self.jobs))  # sorted, hence a heap
        self.free = list(range(len(self.groups)))
        self._dispatch()
        run_until(self.environment, self.all_ended)
        span = self.makespan * cluster.replicas
        return ClusterRun(
            cluster=cluster,
            jobs=self.jobs,
            images=self.images,
            response_ns=self.response,
            ends=self.ends,
            attempts=self.attempts,
            makespan_ns=self.makespan,
            utilisation=self.busy_ns / span if span else None,
            board_failures=self.failures,
        )

    def _dispatch(self) -> None:
        """Give waiting jobs, the oldest first, to groups that are up and free."""
        while self.waiting and self.free:
            group = self.groups[heapq.heappop(self.free)]
            if not group.busy and not group.down:
                group.busy = True
                group.failed = self.environment.event()
                self.environment.process(self._attempt(group, heapq.heappop(self.waiting)))

    def _free(self, group: _Group) -> None:
        group.busy, group.failed = False, None
        if not group.down:
            heapq.heappush(self.free, group.number)
        self._dispatch()

    def _attempt(self, group: _Group, job: int) -> Steps:
        environment, failures = self.environment, self.cluster.failures
        assert group.failed is not None
        self.attempts[job] += 1
        if self.first_start[job] < 0:
            self.first_start[job] = environment.now
        # The first pipeline is up before its first job; one that failed is set up anew.
        needs_setup = failures is not None and failures.setup_ns and group.epoch
        batches: list[Batch] = []
        if needs_setup and failures is not None:
            yield environment.timeout(failures.setup_ns) | group.failed
        if not group.failed.triggered:
            batches = self._batches(group)
            done = environment.all_of([batch.done for batch in batches])
            yield done | group.failed
            for batch in batches:
                self.busy_ns += batch.busy_ns
            if done.processed:
                self._end(job)
                self._free(group)
                return
        for batch in batches:
            batch.abandon()
        group.epoch += 1
        if failures is not None and failures.detection_ns:
            yield environment.timeout(failures.detection_ns)
        if self.attempts[job] >= MOST_ATTEMPTS:
            raise InputError(
                f"job {job} failed {MOST_ATTEMPTS:,} times",
                expected="boards that fail less often, fewer of them, or shorter jobs",
            )
        heapq.heappush(self.waiting, job)
        self._free(group)

    def _batches(self, group: _Group) -> list[Batch]:
        cluster, random = self.cluster, self.service_random
        self.played += job_size(cluster.shape, cluster.spread, self.images)
        if self.played > 2 * MOST_IN_ALL:
            raise InputError(
                f"{int(self.attempts.sum()) - self.jobs:,} retries, and {self.jobs - self.ended:,} "
                f"of {self.jobs:,} jobs have not ended",
                expected="boards that fail less often, fewer of them, or shorter jobs",
            )
        service = draw(cluster.service_ns, self.images, random)
        turnaround = np.zeros_like(service)
        if cluster.turnaround_ns:
            turnaround = draw(cluster.turnaround_ns, self.images, random)
        return [
            Batch(
                self.environment,
                service[:, first :: group.pipelines],
                cluster.hops,
                self.client,
                self.cores,
                turnaround[:, first :: group.pipelines],
            )
            for first in range(group.pipelines)
        ]

    def _end(self, job: int) -> None:
        now = int(self.environment.now)
        self.ends[job] += 1
        self.response[job] = now - self.first_start[job]
        self.makespan = now
        self.ended += 1
        if self.ended == self.jobs:
            self.all_ended.succeed()

    def _board(self, group: _Group, failures: Failures) -> Steps:
        while True:
            up_ns = max(1, round(self.failure_random.exponential(failures.mtbf_ns)))
            yield self.environment.timeout(up_ns)
            self.failures += 1
            if self.failures > MOST_FAILURES:
                raise InputError(
                    f"{MOST_FAILURES:,} failures of boards, and {self.jobs - self.ended:,} of "
                    f"{self.jobs:,} jobs have not ended",
                    expected="boards that fail less often, or fewer of them in a pipeline",
                )
            group.down += 1
            if group.failed is not None and not group.failed.triggered:
                group.failed.succeed()
            yield self.environment.timeout(failures.repair_ns)
            group.down -= 1
            if not group.down and not group.busy:
                heapq.heappush(self.free, group.number)
                self._dispatch()
