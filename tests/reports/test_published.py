"""Published figures: complete, cited, and what is derived from them is consistent."""

from __future__ import annotations

import pytest

from reports.devices import percent
from reports.published import published_points
from reports.sweep_record import PartName
from reports.utilization import Source

POINTS = published_points("CnvW2A2", "xc7z020clg400-1")


def test_which_points_are_published() -> None:
    assert [(point.part, point.split) for point in POINTS] == [
        *((PartName.FIRST, split) for split in range(6)),
        (PartName.WHOLE, None),
    ]
    assert {point.source for point in POINTS} == {Source.PAPER}
    assert all(point.citation for point in POINTS)


@pytest.mark.parametrize("split", range(6))
def test_derived_counts_give_the_printed_percent_back(split: int) -> None:
    point = POINTS[split]
    assert point.printed == "percent"
    for name, share in percent(point.utilization).items():
        printed = point.percent[name]
        if printed is None:
            assert share is None
        else:
            # To within the two decimals printed: the counts are the nearest possible ones.
            assert share == pytest.approx(printed, abs=0.0055)


def test_the_whole_network_is_printed_as_counts() -> None:
    whole = POINTS[-1]
    assert whole.printed == "used"
    assert whole.percent["bram"] == 100
    assert whole.percent["lut"] == pytest.approx(37302 / 532)
    assert whole.percent["uram"] is None


@pytest.mark.parametrize(
    ("network", "device"),
    [("CnvW1A1", "xc7z020clg400-1"), ("CnvW2A2", "xc7z010clg400-1"), ("CnvW2A2", "xcvu9p")],
)
def test_nothing_is_published_of_anything_else(network: str, device: str) -> None:
    assert published_points(network, device) == []
