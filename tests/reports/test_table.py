"""What follows from records: sides by side, pipelines, differences; unknown never becomes zero."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.errors import InputError
from reports.devices import percent
from reports.sweep_record import PartName, SweepRecord
from reports.table import (
    TABLE_RESOURCES,
    WHOLE,
    Point,
    SplitTable,
    Status,
    build_table,
    group_records,
)
from reports.tidy_frame import tidy_frame
from reports.utilization import RESOURCES, Source
from tests.reports.plausible import plausible_sweep

RECORDS = plausible_sweep()
ESTIMATE = Source.FINN_ESTIMATE


def failed(record: SweepRecord) -> SweepRecord:
    """The same design point, had it failed."""
    nothing = replace(record, utilization=None, cycles=None, slowest=None, layers=())
    return replace(nothing, empty=False, error="no fit")


subsets = st.lists(st.sampled_from(RECORDS), min_size=1, unique_by=id).flatmap(
    lambda some: st.tuples(*(st.sampled_from([record, failed(record)]) for record in some))
)


@given(subsets)
def test_any_subset_makes_a_table(records: tuple[SweepRecord, ...]) -> None:
    table = build_table(records)
    for record in records:
        entry = table.entry(Point(record.split, record.pool), record.part, ESTIMATE)
        assert entry is not None
        if record.error is not None:
            assert entry.status is Status.FAILED
        if record.utilization is None:
            assert set(entry.used().values()) == set(entry.percent.values()) == {None}
        else:
            assert entry.used() == record.utilization.resources()
            assert entry.percent == percent(record.utilization)
            assert entry.percent["ff"] is None
    # Published figures stand beside swept points only.
    swept = {(record.split, record.part) for record in records if record.pool != "after"}
    for entry in table.entries:
        if entry.source is Source.PAPER:
            assert (entry.point.split, entry.part) in swept
            assert entry.point.pool != "after"
    assert [entry.point.order for entry in table.entries] == sorted(
        entry.point.order for entry in table.entries
    )


@given(subsets)
def test_pipelines(records: tuple[SweepRecord, ...]) -> None:
    table = build_table(records)
    for pipeline in table.pipelines:
        parts = [record for record in records if Point(record.split, record.pool) == pipeline.point]
        wanted = 1 if pipeline.point == WHOLE else 2
        working = [record for record in parts if not record.empty]
        known = [record.cycles for record in working if record.cycles is not None]
        if len(parts) < wanted or len(known) < len(working) or not known:
            assert pipeline.interval is None
            assert pipeline.frames_per_second is None
            assert pipeline.slowest_part is None
        else:
            assert pipeline.interval == max(known)
            assert pipeline.frames_per_second == 100e6 / max(known)
            assert pipeline.slowest in [record.slowest for record in working]


@given(subsets)
def test_differences(records: tuple[SweepRecord, ...]) -> None:
    table = build_table(records)
    for difference in table.differences:
        gaps = []
        for split in range(6):
            point = Point(split, "before")
            ours = table.entry(point, PartName.FIRST, difference.source)
            paper = table.entry(point, PartName.FIRST, Source.PAPER)
            if ours and paper and ours.percent[difference.resource] is not None:
                gaps.append(
                    abs(ours.percent[difference.resource] - paper.percent[difference.resource])  # type: ignore[operator]
                )
        assert difference.count == len(gaps)
        if gaps:
            assert difference.percentage_points == pytest.approx(sum(gaps) / len(gaps))
        else:
            assert difference.percentage_points is None


def test_differences_of_the_whole_sweep() -> None:
    found = {
        one.resource: (one.percentage_points, one.count) for one in build_table(RECORDS).differences
    }
    assert found["ff"] == found["lutram"] == (None, 0)
    assert found["bram"][1] == found["lut"][1] == found["dsp"][1] == 6
    # The made-up sweep has no DSP at all, so the difference is the mean of the paper's column.
    printed = [2.73, 6.36, 9.09, 13.64, 14.55, 14.55]
    assert found["dsp"][0] == pytest.approx(sum(printed) / 6)


def test_the_paper_stands_beside_its_own_network_and_device_only() -> None:
    for records in (
        plausible_sweep(network="lfcW1A1"),
        plausible_sweep(device="xczu3eg-sbva484-1-e"),
        [record for record in RECORDS if record.pool == "after"],
        [record for record in RECORDS if record.part is PartName.SECOND],
    ):
        table = build_table(records)
        assert table.sources == (ESTIMATE,)
        assert table.differences == ()


def test_two_tools_keep_their_columns() -> None:
    table = build_table(plausible_sweep(source=Source.YOSYS) + RECORDS)
    assert table.sources == (Source.PAPER, ESTIMATE, Source.YOSYS)
    entries = [table.entry(Point(3, "before"), PartName.FIRST, one) for one in table.sources]
    assert [entry.used()["ff"] is None for entry in entries if entry] == [False, True, False]


def test_an_empty_second_part_does_not_slow_the_first() -> None:
    table = build_table(RECORDS)
    last = next(one for one in table.pipelines if one.point == Point(8, "before"))
    assert last.cycles_second is None
    assert last.interval == last.cycles_first == 115200
    empty = table.entry(last.point, PartName.SECOND, ESTIMATE)
    assert empty is not None
    assert empty.status is Status.EMPTY
    assert set(empty.used().values()) == {None}


def test_nodes_counted_as_nothing_are_read_off_the_records() -> None:
    whole = build_table(RECORDS).entry(WHOLE, PartName.WHOLE, ESTIMATE)
    assert whole is not None
    assert whole.uncounted == ("LabelSelect_hls", "Pool_hls")


def test_a_device_without_a_table_has_counts_but_no_percent() -> None:
    table = build_table(plausible_sweep(device="xcvu9p"))
    assert table.device is None
    for entry in table.entries:
        assert set(entry.percent.values()) == {None}
    whole = table.entry(WHOLE, PartName.WHOLE, ESTIMATE)
    assert whole is not None
    assert whole.used()["lut"] == 23540


def test_order_does_not_matter() -> None:
    shuffled = list(RECORDS)
    random.Random(1).shuffle(shuffled)
    assert build_table(shuffled) == build_table(RECORDS)


def test_what_cannot_be_one_table() -> None:
    with pytest.raises(InputError, match="no design point"):
        build_table([])
    with pytest.raises(InputError, match="two results of finn-estimate for the second part of sp"):
        build_table([RECORDS[1], RECORDS[1]])
    other = replace(RECORDS[0], clock_mhz=50.0)
    with pytest.raises(InputError, match=r"clock_mhz 50\.0 and 100\.0"):
        build_table([*RECORDS, other])
    assert [len(group) for group in group_records([*RECORDS, other]).values()] == [1, len(RECORDS)]


def test_tidy_frame_keeps_unknown_unknown() -> None:
    table: SplitTable = build_table(RECORDS)
    frame = tidy_frame(table)
    assert len(frame) == len(table.entries) * len(RESOURCES)
    estimate = frame[frame["source"] == "finn-estimate"]
    assert estimate.loc[estimate["resource"] == "ff", ["used", "percent"]].isna().all(axis=None)
    one = frame.query("split == 3 and pool == 'before' and part == 'first' and resource == 'bram'")
    assert dict(zip(one["source"], one["percent"], strict=True)) == {
        "paper": 26.79,
        "finn-estimate": pytest.approx(100 * 31 / 140),
    }
    assert set(TABLE_RESOURCES) < set(frame["resource"])


def test_the_slowest_is_a_node_or_a_layer() -> None:
    whole = [record for record in RECORDS if record.part is PartName.WHOLE]
    named_by_layer = [replace(record, slowest="conv3") for record in whole]
    for records, slowest in ((whole, "MVAU_hls_3"), (named_by_layer, "conv3")):
        (pipeline,) = build_table(records).pipelines
        assert (pipeline.slowest, pipeline.slowest_layer) == (slowest, "conv3")
