"""Dask distributed: a cluster that stays up, two workers, a stage pinned to each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from bench.transport.contestant import Batch, RunBatch, reply


def _stage(image: bytes, result: bytes) -> bytes:
    return result


@contextmanager
def dask_futures(batch: Batch) -> Iterator[RunBatch]:
    """Each batch: two ``map`` over the images, the second on the futures of the first, one
    ``gather``. ``pure=False``: equal images would be computed once."""
    from distributed import Client, LocalCluster

    images = [row.tobytes() for row in batch.pixels]
    stages = [
        partial(_stage, result=reply(position, size))
        for position, size in enumerate(batch.output_bytes)
    ]
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(2)
        workers = list(client.scheduler_info()["workers"])

        def run() -> list[bytes]:
            between = client.map(stages[0], images, workers=workers[:1], pure=False)
            last = client.map(stages[1], between, workers=workers[1:], pure=False)
            results: list[bytes] = client.gather(last)
            return results

        yield run
