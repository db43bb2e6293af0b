"""The benchmark of transports runs what it names, and notices who gives wrong results."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench import pipeline_transport as bench
from bench.transport.contestant import Batch, RunBatch, reply

_BATCH = Batch(20, 3072, 64, 24)


@contextmanager
def wrong(batch: Batch) -> Iterator[RunBatch]:
    """All but the last result are right."""
    right = [reply(1, batch.result_bytes)] * batch.images
    yield lambda: [*right[:-1], reply(0, batch.result_bytes)]


@contextmanager
def one_short(batch: Batch) -> Iterator[RunBatch]:
    yield lambda: [reply(1, batch.result_bytes)] * (batch.images - 1)


@contextmanager
def never_up(batch: Batch) -> Iterator[RunBatch]:
    raise OSError("no such thing")
    yield


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    assert not multiprocessing.active_children()


def test_every_contestant_is_up_in_one_run() -> None:
    peers = {
        name: bench.Peer(peer.contestant, 2, peer.target) for name, peer in bench.PEERS.items()
    }
    rows = bench.pipeline_transport(64, peers=peers, rounds=2)
    assert [row.name for row in rows] == list(bench.PEERS)
    assert all(row.batches == 4 and 0 < row.p50_ms <= row.p99_ms for row in rows)
    assert all(row.least <= row.ratio <= row.most for row in rows)
    ours = rows[0]
    assert (ours.name, ours.ratio, ours.is_met) == (bench.OURS, 1.0, None)
    # Not of its speed: of two that differ by hundreds of times, the ratio says which is quicker.
    (dask,) = (row for row in rows if row.name == "Dask distributed")
    assert dask.ratio < 1 < dask.p50_ms / ours.p50_ms


def test_a_target_belongs_to_a_size() -> None:
    row = bench.ResponseTimes(64, "peer", 1, 1.0, 1.0, 1.1, 1.0, 1.2, 1.15)
    assert row.is_met
    targets = bench.PEERS["raw sockets, 4 bytes of length"].target
    assert targets == {64: 1.15, 14400: 1.10}
    missed = bench.ResponseTimes(14400, "peer", 1, 1.0, 1.0, 1.1001, 1.0, 1.2, 1.10)
    assert missed.is_met is False


@pytest.mark.parametrize(
    ("contestant", "reason"),
    [(wrong, "results are wrong"), (one_short, "results are wrong"), (never_up, "no such thing")],
)
def test_who_fails_ends_the_run(contestant: bench.Contestant, reason: str) -> None:
    peers = {
        "raw": bench.Peer(bench.PEERS["raw sockets, no framing"].contestant, 2),
        "other": bench.Peer(contestant, 2),
    }
    with pytest.raises(RuntimeError, match=reason):
        bench.pipeline_transport(64, peers=peers, rounds=1)
