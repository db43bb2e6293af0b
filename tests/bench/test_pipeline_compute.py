"""The benchmark of computing pipelines compares like with like, and checks the results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench import pipeline_compute as bench
from finn_flows.cut import Cut


@pytest.fixture(autouse=True)
def one_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "_balanced_cut", lambda *_: bench.PUBLISHED_CUT)


def test_a_row_for_the_published_cut() -> None:
    (row,) = bench.pipeline_compute(images=40, rounds=1)
    assert row.cut == Cut(5)
    # With one round the medians are that round's.
    assert row.ratio == pytest.approx(row.interval / max(row.alone))
    assert row.speedup == pytest.approx(row.unsplit / row.interval)
    # Nearly all of the network is in the first part.
    assert row.alone[0] > row.alone[1] > 0
    # However quick the rest, a stage takes its time.
    assert row.interval > 0.5 * max(row.alone)


def test_the_steady_state_is_of_no_single_image() -> None:
    finished = np.cumsum(np.full(400, 1000))
    assert bench._typical_seconds(finished) == pytest.approx(1e-6)
    # The system was elsewhere for a while, twice; and slow to begin with.
    late = finished + 70_000 * (np.arange(400) >= 100) + 50_000 * (np.arange(400) >= 300)
    late[:30] -= 100_000
    assert bench._typical_seconds(late) == pytest.approx(1e-6)
    # In pairs: every other interval is zero.
    pairs = np.repeat(finished[1::2], 2)
    assert bench._typical_seconds(pairs) == pytest.approx(1e-6)
    # Always slow is slow.
    assert bench._typical_seconds(3 * finished) == pytest.approx(3e-6)


def test_results_that_differ_from_the_unsplit_network_are_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right = bench._computed

    def wrong(*arguments: Any) -> np.ndarray:
        return right(*arguments) ^ 1

    monkeypatch.setattr(bench, "_computed", wrong)
    with pytest.raises(AssertionError, match="not the unsplit network's"):
        bench.pipeline_compute(images=10, rounds=1)


def test_the_balanced_cut_is_the_one_with_the_quickest_slower_stage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    network = bench.load_weights("digits").network
    # By the bytes that go in, so that the answer does not depend on the machine: 3072 into every
    # first stage, 4608 into the second at split 2, 800 at split 3.
    seconds = {3072: 5.0, 14400: 9.0, 3136: 7.0, 4608: 4.0, 800: 3.0}
    monkeypatch.setattr(bench, "_seconds", lambda _, chunks: seconds.get(chunks.shape[1], 6.0))
    # 5 s at both; the least sum would be split 3.
    assert bench._balanced_cut(network, bench._chunks(network, 2)) == Cut(2)
    seconds[4608] = 5.1
    assert bench._balanced_cut(network, bench._chunks(network, 2)) == Cut(3)
