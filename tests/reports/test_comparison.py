"""The paragraph beside the paper's figures: true to the numbers, and another one for others."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.comparison import increment_sums, increments
from reports.comparison_text import explain, explain_briefly
from reports.devices import percent
from reports.page import PanelKind
from reports.panels import lay_out
from reports.resource_text import RESOURCE_TITLES
from reports.sweep_record import PartName, SweepRecord
from reports.table import TABLE_RESOURCES, SplitTable, build_table
from reports.utilization import RESOURCES, Scope, Source
from tests.reports.plausible import plausible_sweep

#: Table I as the paper prints it, written down anew: LUT, LUTRAM, FF, BRAM, DSP of splits 0-5.
PAPER = (
    (13.55, 5.51, 10.26, 1.79, 2.73),
    (27.69, 21.36, 16.93, 3.93, 6.36),
    (37.15, 23.56, 16.93, 12.50, 9.09),
    (44.51, 25.32, 29.77, 26.79, 13.64),
    (54.27, 28.13, 38.07, 52.50, 14.55),
    (58.35, 28.17, 44.62, 88.93, 14.55),
)
YOSYS = plausible_sweep(source=Source.YOSYS)


def changed(
    counts: dict[int, dict[str, float | None]], records: list[SweepRecord] = YOSYS, **more: object
) -> list[SweepRecord]:
    """``records`` with other counts of the first part of some splits (the pool before the cut)."""
    found = []
    for record in records:
        if record.split in counts and record.part is PartName.FIRST and record.pool == "before":
            assert record.utilization is not None
            used = replace(record.utilization, **counts[record.split])
            record = replace(record, utilization=used)
        if record.utilization is not None and more:
            record = replace(record, utilization=replace(record.utilization, **more))
        found.append(record)
    return found


def text(records: list[SweepRecord], source: Source = Source.YOSYS) -> str:
    return " ".join(explain(build_table(records), source))


def shares(table: SplitTable, resource: str) -> list[float | None]:
    """Of splits 0-5, as the records say."""
    by_split = {}
    for entry in table.entries:
        place = (entry.source, entry.part, entry.point.pool)
        if place == (Source.YOSYS, PartName.FIRST, "before") and entry.utilization is not None:
            by_split[entry.point.split] = percent(entry.utilization)[resource]
    return [by_split[split] for split in range(6)]


amounts = st.none() | st.integers(0, 60000).map(float)
some_counts = st.dictionaries(
    st.integers(0, 5), st.fixed_dictionaries(dict.fromkeys(TABLE_RESOURCES, amounts)), max_size=6
)


@settings(max_examples=60, deadline=None)
@given(some_counts)
def test_increments_and_their_words_follow_the_numbers(
    counts: dict[int, dict[str, float | None]],
) -> None:
    table = build_table(changed(counts))
    sums = {one.resource: one for one in increment_sums(table, Source.YOSYS)}
    said = " ".join(explain(table, Source.YOSYS))
    less = re.search(r"takes less for these layers: (.*?) points\.", said)
    more = re.search(r"takes more for these layers: (.*?) points\.", said)
    for column, resource in enumerate(TABLE_RESOURCES):
        known = shares(table, resource)
        wanted = {
            split: (
                known[split] - known[split - 1],
                PAPER[split][column] - PAPER[split - 1][column],
            )  # type: ignore[operator]
            for split in range(1, 6)
            if known[split] is not None and known[split - 1] is not None
        }
        found = {
            one.split: (one.percentage_points, one.paper)
            for one in increments(table, Source.YOSYS, resource)
        }
        assert found.keys() == wanted.keys()
        for split, pair in wanted.items():
            assert found[split] == pytest.approx(pair)
        assert (resource in sums) == bool(wanted)
        title = RESOURCE_TITLES[resource]
        ours, paper = (sum(pair[side] for pair in wanted.values()) for side in (0, 1))
        if not wanted:
            assert f"{title} by" not in said
            continue
        for sentence, is_so in ((less, ours < paper), (more, ours > paper)):
            listed = re.findall(rf"\b{title} by ([\d.]+)", sentence[1] if sentence else "")
            assert listed == ([f"{abs(ours - paper):.2f}"] if is_so else [])
        # A layer is named exactly where it adds more than the print of the paper can hide.
        for split, (own, printed) in wanted.items():
            named = re.search(rf"layer {split}: {title} by ([\d.]+) points", said)
            assert bool(named) == (own - printed > 0.01)
            if named:
                assert named[1] == f"{own - printed:.2f}"


@settings(max_examples=60, deadline=None)
@given(some_counts)
def test_distances_are_those_of_the_table(counts: dict[int, dict[str, float | None]]) -> None:
    table = build_table(changed(counts))
    said = " ".join(explain(table, Source.YOSYS))
    for column, resource in enumerate(TABLE_RESOURCES):
        gaps = [
            abs(share - PAPER[split][column])
            for split, share in enumerate(shares(table, resource))
            if share is not None
        ]
        words = re.search(rf"{RESOURCE_TITLES[resource]} ([\d.]+) \(([\d.]+) at split (\d)", said)
        assert bool(words) == bool(gaps)
        if words:
            assert float(words[1]) == pytest.approx(sum(gaps) / len(gaps), abs=0.0051)
            assert float(words[2]) == pytest.approx(max(gaps), abs=0.0051)
            assert gaps[0] is not None
            share = shares(table, resource)[int(words[3])]
            assert share is not None
            assert abs(share - PAPER[int(words[3])][column]) == pytest.approx(max(gaps))


def test_nothing_is_said_that_the_records_do_not_say() -> None:
    said = text(YOSYS)
    assert "it has no shell" in said
    assert "Yosys counted here (synthesised), Vivado for the paper" in said
    assert "no DSP in any first part, the paper's circuit up to 32" in said
    with_shell = text(changed({}, scope=Scope.WITH_SHELL))
    assert "shell (PS" not in with_shell
    assert "counted here" not in text(changed({}, tool="Vivado"))
    dsps = text(changed({3: {"dsp": 8.0}}))
    assert "no DSP in any" not in dsps
    assert "yosys has at most 8 DSP, the paper's circuit 32." in dsps
    assert "up to 40 DSP, the paper's circuit at most 32" in text(changed({3: {"dsp": 40.0}}))
    unknown = text(changed({split: {"dsp": None} for split in range(9)}))
    assert "DSP" not in unknown


def test_a_layer_that_takes_more_is_named_with_its_count() -> None:
    # Layer 4 of the paper adds 9.76 points of LUT; 6000 LUT are 11.28.
    third = next(r for r in YOSYS if (r.split, r.pool, r.part) == (3, "before", PartName.FIRST))
    assert third.utilization is not None
    assert third.utilization.lut is not None
    records = changed({4: {"lut": third.utilization.lut + 6000}})
    assert "layer 4: LUT by 1.52 points (≈808)" in text(records)
    assert "layer 4: LUT by" not in text(YOSYS)


def test_where_the_paper_prints_no_increase_at_all_that_is_said() -> None:
    slip = ", where the paper prints the same for splits 1 and 2"
    assert re.search(rf"layer 2: FF by [\d.]+ points \(≈\d+\){slip}[;.]", text(YOSYS))
    assert text(YOSYS).count(slip) == 1


def test_cycles_are_said_to_be_measured_only_where_they_are() -> None:
    both = plausible_sweep() + YOSYS
    assert "Cycles between two images, measured, differ from FINN's estimate by +0.01" in text(both)
    assert "for the whole network 115207 against 115200, 868.0 images per second" in text(both)
    said_so = [replace(record, cycles_measured=False) for record in both]
    assert "measured" not in text(said_so)
    assert "measured" not in text(both, Source.FINN_ESTIMATE)
    assert "measured" not in text(YOSYS), "there is no estimate to compare with"


def test_no_paragraph_where_nothing_published_stands_beside() -> None:
    other = [replace(record, published_folding=False) for record in YOSYS]
    for records in (other, [record for record in YOSYS if record.part is PartName.SECOND]):
        table = build_table(records)
        assert explain(table, Source.YOSYS) == []
        assert explain_briefly(table, Source.YOSYS) == ""
        page = lay_out(table)
        assert page.explanations == ()
        assert PanelKind.INCREMENT not in {panel.kind for panel in page.panels}


def test_the_paragraph_names_every_source_by_itself() -> None:
    page = lay_out(build_table(plausible_sweep() + YOSYS))
    assert [one.source for one in page.explanations] == [Source.FINN_ESTIMATE, Source.YOSYS]
    for one in page.explanations:
        assert one.brief
        others = {Source.FINN_ESTIMATE.value, Source.YOSYS.value} - {one.source.value}
        assert not [name for name in others if name in " ".join(one.sentences)]


def test_the_panel_of_increments_has_the_numbers_of_the_text() -> None:
    table = build_table(plausible_sweep() + YOSYS)
    (panel,) = [one for one in lay_out(table).panels if one.kind is PanelKind.INCREMENT]
    names = [(column.name, column.source) for column in panel.columns[1:]]
    assert names[:3] == [
        ("LUT", Source.PAPER), ("LUT", Source.FINN_ESTIMATE), ("LUT", Source.YOSYS),
    ]  # fmt: skip
    assert ("FF", Source.FINN_ESTIMATE) not in names
    for row in panel.rows:
        split = int(row[0].text)
        for (title, source), cell in zip(names, row[1:], strict=True):
            resource = next(name for name in RESOURCES if RESOURCE_TITLES[name] == title)
            if source is Source.PAPER:
                column = TABLE_RESOURCES.index(resource)
                wanted = PAPER[split][column] - PAPER[split - 1][column]
            else:
                (one,) = [o for o in increments(table, source, resource) if o.split == split]
                wanted = one.percentage_points
            assert float(cell.text) == pytest.approx(wanted, abs=0.0051)
