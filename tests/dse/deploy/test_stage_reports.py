"""What a board tells of a stage is what it may be, or one error."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.deploy.stage_reports import ReportRefused, read_linked, read_ready, read_times

values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from("01"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NAMES = ("received_ns", "started_ns", "finished_ns", "sent_ns")


@given(values, values)
def test_ready_and_linked(one: Any, other: Any) -> None:
    try:
        port, manifest = read_ready({"port": one, "manifest": other})
        assert type(port) is int
        assert 0 < port < 65536
        assert manifest is None
    except ReportRefused:
        assert other is not None or type(one) is not int or not 0 < one < 65536
    try:
        assert read_linked({"hop": one}, 3) in (3, 4)
        assert type(one) is int
    except ReportRefused:
        assert type(one) is not int or one not in (3, 4)


def test_what_is_right_is_taken() -> None:
    assert read_ready({"port": 65535, "manifest": "0f" * 32}) == (65535, "0f" * 32)
    assert read_linked({"hop": 0}, 0) == 0
    times = {"job": 2, **{name: [index, 2**62 - 1] for index, name in enumerate(NAMES)}}
    found = read_times({"times": times}, 2)
    assert [one.tolist() for one in found] == [[index, 2**62 - 1] for index in range(4)]
    assert {str(one.dtype) for one in found} == {"int64"}


@pytest.mark.parametrize("wrong", [None, 5, "1", [None], [1.5], [True], [-1], [2**62], [[1]]])
@pytest.mark.parametrize("name", NAMES)
def test_times_that_are_none(name: str, wrong: object) -> None:
    times = {"job": 2, **{key: [1] for key in NAMES}, name: wrong}
    with pytest.raises(ReportRefused, match=f"its {name} of job 2 are no times"):
        read_times({"times": times}, 2)


@pytest.mark.parametrize("times", [None, [], {}, {"job": 1}, {"job": "2"}])
def test_times_of_another_job(times: object) -> None:
    with pytest.raises(ReportRefused, match="it has no times of job 2"):
        read_times({"times": times}, 2)
