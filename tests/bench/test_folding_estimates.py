"""The benchmark of estimates says how many points it is of, and notices a wrong estimate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bench import folding_estimates as bench
from finn_flows import layer_estimates


@pytest.fixture(autouse=True)
def few_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "SIZES", (2, 30))
    monkeypatch.setattr(bench, "FRESH_POINTS", 1)
    monkeypatch.setattr(bench, "CHECKED_POINTS", 3)


@pytest.mark.slow
def test_every_row_says_how_many_points_it_is_of() -> None:
    rows = bench.folding_estimates()
    assert [row.what.split()[3] for row in rows] == ["2", "30"]
    # What is known already makes the difference.
    assert rows[1].ratio > rows[0].ratio > 0


@pytest.mark.parametrize("quantity", ["lut", "bram", "dsp", "cycles"])
def test_a_wrong_estimate_is_noticed(quantity: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = layer_estimates.ask_node

    def wrong(*arguments: Any) -> Any:
        estimate = right(*arguments)
        return replace(estimate, **{quantity: (getattr(estimate, quantity) or 0) + 10**7})

    monkeypatch.setattr(layer_estimates, "ask_node", wrong)
    with pytest.raises(AssertionError, match="the two sides disagree"):
        bench.folding_estimates()
