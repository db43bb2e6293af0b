"""Statistics of response times, and what is said beside the published ones."""

from __future__ import annotations

import json
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.deploy.response_times import MeasuredSetting, as_data, as_text, response_times
from dse.errors import InputError
from reports.published import RESPONSE_TIME
from reports.utilization import Source

EMULATED = MeasuredSetting("CnvW2A2", 5, ("onnx", "onnx"), published_network=True)


@given(st.lists(st.integers(1, 10**12), min_size=2, max_size=150))
def test_statistics_are_those_of_the_standard_library(times: list[int]) -> None:
    found = response_times(times, 20)
    exact = pytest.approx
    assert found.runs == len(times)
    assert found.mean == exact(statistics.fmean(times) / 1e9)
    assert found.sd == exact(statistics.stdev(times) / 1e9, abs=1e-12)
    assert found.p50 == exact(statistics.median(times) / 1e9)
    assert found.p99 == exact(statistics.quantiles(times, n=100, method="inclusive")[98] / 1e9)
    assert (found.minimum, found.maximum) == (min(times) / 1e9, max(times) / 1e9)
    # The 99th percentile is "between the two longest" exactly where we say so.
    assert found.p99_interpolated == (0.99 * (len(times) - 1) > len(times) - 2)


def test_one_run_has_no_spread_and_none_is_an_error() -> None:
    one = response_times([5_000_000], 20)
    assert (one.sd, one.p99, one.p99_interpolated) == (None, 0.005, False)
    line = next(line for line in as_text(one, EMULATED).splitlines() if " sd " in f"{line} ")
    assert line.split() == ["sd", "7.5", "ms"]  # the paper's alone
    with pytest.raises(InputError):
        response_times([], 20)


def test_the_published_figures() -> None:
    """DESIGN.md, section 4."""
    assert RESPONSE_TIME.source is Source.PAPER
    assert (RESPONSE_TIME.mean_seconds, RESPONSE_TIME.sd_seconds) == (0.084, 0.0075)
    assert (RESPONSE_TIME.images, RESPONSE_TIME.runs, RESPONSE_TIME.split) == (20, 30, 5)


def test_emulated_boards_are_said_to_be_no_fpgas() -> None:
    times = response_times(range(10**7, 10**7 + 30), 20)
    text = as_text(times, EMULATED)
    assert "2 emulated" in text
    assert "84 ms" in text
    assert "onnxruntime" in text
    assert "not how fast FPGAs would be" in text
    assert "30 runs: the 99th percentile lies between the two longest" in text
    data = as_data(times, EMULATED)
    assert json.loads(json.dumps(data)) == data
    assert (data["measured"]["source"], data["paper"]["source"]) == ("measured", "paper")


def test_every_difference_of_the_setting_is_named_and_no_other() -> None:
    same = response_times([10**7] * 30, 20)
    boards = MeasuredSetting("CnvW2A2", 5, ("pynq", "pynq"), published_network=True)
    assert len(as_data(same, boards)["differences"]) == 2  # FPGAs of its own, and the transport
    assert "emulated" not in as_text(same, boards)
    other = MeasuredSetting("digits", None, ("onnx", "rtl", "pynq"), published_network=False)
    text = as_text(response_times([10**7] * 5, 8), other)
    for words in (
        "Board 0 is a process of this machine that computes its part in onnxruntime",
        "Board 1 is a process of this machine that simulates its circuit with Verilator",
        "Board 2 is an FPGA under PYNQ",
        "The network is digits, the paper's is CnvW2A2",
        "The network is in 3 parts, the paper's is split 5",
        "8 images a run here, 20 in the paper",
        "5 runs here, 30 in the paper",
        "3, 2 emulated",
    ):
        assert words in text
    text = as_text(response_times([10**7], 1), other)
    assert "1 run here, 30 in the paper" in text
    assert "1 image a run here, 20 in the paper" in text
