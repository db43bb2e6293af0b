"""One batch of images through a pipeline of stages, event by event: the model of `dse deploy`.

What a stage does is what ``dse.deploy.node.stage_loop`` does: one thread takes an image, computes
it, waits for credit on the hop behind it, hands the result over, gives credit for the image back,
half a window at a time, and is ready for the next one after a turnaround. Times are whole
nanoseconds, so results are exact.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dse.deploy.timings import JobTimings, StageTimings
from dse.errors import InputError

if TYPE_CHECKING:
    from simpy import Environment, Event, Resource

    Steps = Generator[Event, object, None]

#: Images that may be on the way in a hop, unless said otherwise: as PipelineOptions has it.
WINDOW = 64


@dataclass(frozen=True)
class Hop:
    """From one stage (or the client) to the next.

    ``bytes_per_image``: sent for each image. ``latency_ns``: from an image's last bit on the link
    to the image at the receiver, and of a credit on its way back. ``bits_per_second``: of the link,
    infinite where nothing is gained by knowing (loopback). ``window``: images sent and not yet
    done with at the receiver, at most. ``send_ns``, ``receive_ns``: of the sending and of the
    receiving thread, for each image. Raises InputError for a value that none of these can have.
    """

    bytes_per_image: int
    latency_ns: int = 0
    bits_per_second: float = math.inf
    window: int = WINDOW
    send_ns: int = 0
    receive_ns: int = 0

    def __post_init__(self) -> None:
        for name in ("bytes_per_image", "latency_ns", "send_ns", "receive_ns"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} of a hop is {getattr(self, name)}", expected="0 or more")
        if not self.bits_per_second > 0:
            raise InputError(f"a link of {self.bits_per_second} bits per second")
        if self.window < 1:
            raise InputError(f"the window of a hop is {self.window}", expected="1 or more")

    @property
    def transfer_ns(self) -> int:
        """That an image takes the link, rounded up to a nanosecond."""
        if math.isinf(self.bits_per_second):
            return 0
        return math.ceil(self.bytes_per_image * 8 * 1_000_000_000 / self.bits_per_second)

    @property
    def credit_batch(self) -> int:
        """Images after which the receiver gives credit back, for all of them at once."""
        return max(1, self.window // 2)


class Cable:
    """One direction of a link: one image at a time, in the order in which they are handed over."""

    def __init__(self) -> None:
        self._free_at = 0
        #: When an image will begin to take the cable, and whose it is.
        self._queue: deque[tuple[int, Batch]] = deque()

    def take(self, now: int, transfer_ns: int, owner: Batch) -> int:
        """When an image that is handed over now will have left."""
        queue = self._queue
        while queue and queue[0][0] <= now:
            queue.popleft()
        begun = max(now, self._free_at)
        if begun > now:
            queue.append((begun, owner))
        self._free_at = begun + transfer_ns
        return self._free_at

    def give_back(self, now: int) -> None:
        """Drop what abandoned batches have not begun to send. What stands before an image of
        another batch keeps its time, as that image's is settled."""
        queue = self._queue
        while queue and queue[-1][0] > now and queue[-1][1].abandoned:
            self._free_at = queue.pop()[0]


@dataclass(eq=False)
class _Lane:
    """A hop while images go through it."""

    environment: Environment
    hop: Hop
    cable: Cable
    batch: Batch
    arrivals: list[int] = field(default_factory=list)
    credits_at: list[int] = field(default_factory=list)
    done_with: int = 0
    _receiver: Event | None = None
    _sender: Event | None = None

    def __post_init__(self) -> None:
        self.transfer_ns = self.hop.transfer_ns

    def credit(self, image: int) -> Steps:
        """Until ``image`` may be sent."""
        batch = self.hop.credit_batch
        needed = -(-max(image - self.hop.window + 1, 0) // batch)  # how many times credit came
        if not needed:
            return
        if len(self.credits_at) < needed:
            self._sender = self.environment.event()
            yield self._sender
        delay = self.credits_at[needed - 1] - self.environment.now
        if delay > 0:
            yield self.environment.timeout(delay)

    def hand_over(self) -> None:
        """The sender gives the next image to the network, now."""
        gone = self.cable.take(int(self.environment.now), self.transfer_ns, self.batch)
        self.arrivals.append(gone + self.hop.latency_ns)
        if self._receiver is not None:
            self._receiver.succeed()
            self._receiver = None

    def arrival(self, image: int) -> Steps:
        """Until ``image`` is at the receiver."""
        if len(self.arrivals) <= image:
            self._receiver = self.environment.event()
            yield self._receiver
        delay = self.arrivals[image] - self.environment.now
        if delay > 0:
            yield self.environment.timeout(delay)

    def consumed(self) -> None:
        """The receiver is done with its oldest image, now."""
        self.done_with += 1
        if self.done_with % self.hop.credit_batch:
            return
        self.credits_at.append(int(self.environment.now) + self.hop.latency_ns)
        if self._sender is not None:
            self._sender.succeed()
            self._sender = None


class Batch:
    """``images`` images on their way through a pipeline that is empty, beginning now.

    ``service_ns``: int64 (stages, images); ``turnaround_ns``: the same, or None for no such time:
    from a result handed over to the thread's looking for the next image. ``client``: the client's
    cables, outgoing and incoming, which pipelines that run at the same time share. ``cores``: what
    all stages compute on, where that is one machine. ``done`` happens when the last result is at
    the client.
    """

    def __init__(
        self,
        environment: Environment,
        service_ns: NDArray[np.int64],
        hops: Sequence[Hop],
        client: tuple[Cable, Cable],
        cores: Resource | None = None,
        turnaround_ns: NDArray[np.int64] | None = None,
    ) -> None:
        stages, self.images = service_ns.shape
        if len(hops) != stages + 1:
            raise InputError(
                f"{len(hops)} hops for {stages} stages", expected=f"{stages + 1}: to each, and back"
            )
        self.abandoned = False
        self.done = environment.event()
        self.busy_ns = [0] * stages
        self._environment = environment
        self._service = service_ns.tolist()
        none = np.zeros_like(service_ns)
        self._turnaround = (none if turnaround_ns is None else turnaround_ns).tolist()
        self._cores = cores
        cables = [client[0], *(Cable() for _ in hops[1:-1]), client[1]]
        self._lanes = [
            _Lane(environment, hop, cable, self) for hop, cable in zip(hops, cables, strict=True)
        ]
        self._sent: list[int] = []
        self._received: list[int] = []
        self._times: list[tuple[list[int], list[int], list[int]]] = [
            ([], [], []) for _ in range(stages)
        ]
        if not self.images:
            self.done.succeed()
            return
        environment.process(self._send())
        for position in range(stages):
            environment.process(self._stage(position))
        environment.process(self._receive())

    def abandon(self) -> None:
        """Nothing more is computed or sent; ``done`` will not happen."""
        self.abandoned = True
        for lane in (self._lanes[0], self._lanes[-1]):
            lane.cable.give_back(int(self._environment.now))

    def timings(self) -> JobTimings:
        """Of a batch that is done. ``received_ns`` is when the thread took the image up: until then
        it lies in the system's socket buffer."""
        return JobTimings(
            sent_ns=_array(self._sent),
            received_ns=_array(self._received),
            stages=tuple(
                StageTimings(position, _array(started), _array(started), *map(_array, rest))
                for position, (started, *rest) in enumerate(self._times)
            ),
        )

    def _send(self) -> Steps:
        lane = self._lanes[0]
        for image in range(self.images):
            yield from lane.credit(image)
            if lane.hop.send_ns:
                yield self._environment.timeout(lane.hop.send_ns)
            if self.abandoned:
                return
            self._sent.append(int(self._environment.now))
            lane.hand_over()

    def _stage(self, position: int) -> Steps:
        environment, source, target = (
            self._environment,
            self._lanes[position],
            self._lanes[position + 1],
        )
        started, finished, sent = self._times[position]
        both = zip(self._service[position], self._turnaround[position], strict=True)
        for image, (service, turnaround) in enumerate(both):
            yield from source.arrival(image)
            request = None
            if self._cores is not None:
                request = self._cores.request()
                yield request
            if source.hop.receive_ns:
                yield environment.timeout(source.hop.receive_ns)
            started.append(int(environment.now))
            yield environment.timeout(service)
            finished.append(int(environment.now))
            if request is not None and self._cores is not None:
                self._cores.release(request)
            if self.abandoned:
                return
            self.busy_ns[position] += service
            yield from target.credit(image)
            if target.hop.send_ns:
                yield environment.timeout(target.hop.send_ns)
            if self.abandoned:
                return
            sent.append(int(environment.now))
            target.hand_over()
            source.consumed()
            if turnaround:
                yield environment.timeout(turnaround)

    def _receive(self) -> Steps:
        lane = self._lanes[-1]
        for image in range(self.images):
            yield from lane.arrival(image)
            if lane.hop.receive_ns:
                yield self._environment.timeout(lane.hop.receive_ns)
            if self.abandoned:
                return
            self._received.append(int(self._environment.now))
            lane.consumed()
        self.done.succeed()


def _array(times: Sequence[int]) -> NDArray[np.int64]:
    return np.array(times, dtype=np.int64)
