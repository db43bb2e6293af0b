"""However slow a stage or the client is, no process takes more than its credit (I4)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.dse.deploy.fault_rig import FaultRig, StageSettings, check_done, chunks

CHUNK_BYTES = 14400
SIZES = (CHUNK_BYTES, CHUNK_BYTES, 64)
WINDOW = 64
#: On each side of a hop a window of chunks, and what the allocator keeps.
MOST_GROWTH = 2 * WINDOW * CHUNK_BYTES + (4 << 20)


class Watch:
    """The largest resident memory of processes while it is open."""

    def __init__(self, processes: list[psutil.Process]) -> None:
        self._processes = processes
        self.before = [process.memory_info().rss for process in processes]
        self.most = list(self.before)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._is_over.wait(0.02):
            for index, process in enumerate(self._processes):
                self.most[index] = max(self.most[index], process.memory_info().rss)

    @property
    def growth(self) -> list[int]:
        return [most - before for most, before in zip(self.most, self.before, strict=True)]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[FaultRig]:
    with FaultRig(2, tmp_path) as rig:
        yield rig


@pytest.mark.parametrize(
    ("slow", "count"),
    [
        ("last stage", 2_000),
        pytest.param("last stage", 10_000, marks=pytest.mark.slow),
        pytest.param("client", 10_000, marks=pytest.mark.slow),
    ],
)
def test_a_slow_consumer_is_waited_for(rig: FaultRig, slow: str, count: int) -> None:
    delays = {"last stage": 0.0005, "client": 0.0}
    settings = {1: StageSettings(delay_seconds=delays[slow])}
    with rig.pipeline(SIZES, settings=settings) as pipeline:
        # Everything that is allocated once is so after a window of chunks.
        pipeline.run(chunks(1, 2 * WINDOW, CHUNK_BYTES))
        stages = [rig.stages(0)[0], rig.stages(1)[0]]
        given = chunks(2, count, CHUNK_BYTES)
        with Watch([*stages, rig.manager(0), rig.manager(1)]) as watch:
            outcome = pipeline.run(
                given,
                on_progress=(lambda received: time.sleep(0.1)) if slow == "client" else None,
            )
        check_done(outcome, given, SIZES)
    print(f"{count} chunks of {CHUNK_BYTES} bytes: growth {watch.growth} bytes")
    assert max(watch.growth) < MOST_GROWTH, watch.growth
    # Without credit it would be this, or what is left of it with a fast consumer.
    assert count * CHUNK_BYTES > 4 * MOST_GROWTH
