"""Bisection against counting every accumulator."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from finn_flows.threshold_search import find_thresholds


@given(
    true=arrays(np.int64, (3, 4), elements=st.integers(-60, 60)).map(lambda a: np.sort(a, axis=1)),
    least=arrays(np.int64, 3, elements=st.integers(-40, 0)),
    span=arrays(np.int64, 3, elements=st.integers(0, 40)),
)
def test_every_accumulator_gets_its_activation(
    true: np.ndarray, least: np.ndarray, span: np.ndarray
) -> None:
    greatest = least + span
    evaluated = 0

    def activation(points: np.ndarray) -> np.ndarray:
        nonlocal evaluated
        evaluated += 1
        assert (points >= least).all()
        assert (points <= greatest).all()
        return (points[..., None] >= true).sum(axis=-1)

    found = find_thresholds(activation, least, greatest, np.arange(1, 5))
    np.testing.assert_array_equal(found, np.clip(true, least[:, None], greatest[:, None] + 1))
    assert evaluated <= int(span.max() + 1).bit_length() + 1
