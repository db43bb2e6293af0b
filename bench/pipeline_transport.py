"""Response time of a batch through two stages that compute nothing, ours against other ways."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.transport.contestant import Batch, Contestant
from bench.transport.contestant_process import ContestantProcess
from bench.transport.dask_futures import dask_futures
from bench.transport.grpc_streams import grpc_streams
from bench.transport.our_boards import our_boards
from bench.transport.raw_sockets import with_checksum, with_length, without_frames

IMAGES, IMAGE_BYTES, RESULT_BYTES = 20, 3072, 24
#: Between the stages: split 5 and split 0 of CnvW2A2.
MIDDLE_BYTES = (64, 14400)
OURS = "ours"


@dataclass(frozen=True)
class Peer:
    """``batches``: of one block. ``target``: what ours over theirs (p50) may be at most, by bytes
    between the stages; None where none is set."""

    contestant: Contestant
    batches: int
    target: Mapping[int, float] | None = None


_FIVE_TIMES = {64: 1 / 5, 14400: 1 / 5}
#: Blocks are long enough for the system to have spread the processes over the cores (some 10 ms,
#: a quarter of each block is not counted), short enough that noise hits all in a round.
PEERS: dict[str, Peer] = {
    OURS: Peer(our_boards, 400),
    "raw sockets, 4 bytes of length": Peer(with_length, 400, {64: 1.15, 14400: 1.10}),
    "raw sockets, length and CRC-32": Peer(with_checksum, 400),
    "raw sockets, no framing": Peer(without_frames, 400),
    "gRPC streams": Peer(grpc_streams, 40, _FIVE_TIMES),
    "Dask distributed": Peer(dask_futures, 6, _FIVE_TIMES),
}


@dataclass(frozen=True)
class ResponseTimes:
    """Of one contestant at one size. ``p50_ms``, ``p99_ms``: of all batches, milliseconds.

    ``ratio``: ours over theirs, the median over rounds of the ratio of a round's p50; ``least``,
    ``most``: of any round; ``target``: what ``ratio`` may be at most, None where none is set.
    """

    middle_bytes: int
    name: str
    batches: int
    p50_ms: float
    p99_ms: float
    ratio: float
    least: float
    most: float
    target: float | None

    @property
    def is_met(self) -> bool | None:
        """None where there is no target."""
        return None if self.target is None else self.ratio <= self.target


def pipeline_transport(
    middle_bytes: int,
    *,
    peers: Mapping[str, Peer] | None = None,
    rounds: int = 15,
    seed: int = 0,
) -> list[ResponseTimes]:
    """All contestants up at once; in each round a short block of each, in an order drawn from
    ``seed``. RuntimeError where one fails or gives wrong results."""
    peers = PEERS if peers is None else peers
    batch = Batch(IMAGES, IMAGE_BYTES, middle_bytes, RESULT_BYTES)
    generator = random.Random(seed)
    rounds_ns: dict[str, list[NDArray[np.int64]]] = {name: [] for name in peers}
    with ExitStack() as stack:
        running = {
            name: stack.enter_context(ContestantProcess(peer.contestant, batch))
            for name, peer in peers.items()
        }
        for name, one in running.items():
            one.batch_ns(peers[name].batches, 1)
        for _ in range(rounds):
            for name in generator.sample(list(peers), len(peers)):
                count = peers[name].batches
                rounds_ns[name].append(running[name].batch_ns(max(1, count // 4), count))
    return [_response_times(middle_bytes, name, peers[name], rounds_ns) for name in peers]


def _response_times(
    middle_bytes: int, name: str, peer: Peer, rounds_ns: Mapping[str, Sequence[NDArray[np.int64]]]
) -> ResponseTimes:
    ratios = [
        float(np.median(ours) / np.median(theirs))
        for ours, theirs in zip(rounds_ns[OURS], rounds_ns[name], strict=True)
    ]
    every = np.concatenate(rounds_ns[name]) / 1e6
    return ResponseTimes(
        middle_bytes,
        name,
        len(every),
        float(np.percentile(every, 50)),
        float(np.percentile(every, 99)),
        float(np.median(ratios)),
        min(ratios),
        max(ratios),
        None if peer.target is None else peer.target.get(middle_bytes),
    )
