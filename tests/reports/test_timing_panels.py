"""Measured beside estimated: cycles, latency and logic depth, part by part and layer by layer."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from reports.layer_figures import layer_figures
from reports.page import Page, Panel, PanelKind
from reports.panels import lay_out
from reports.sweep_record import PartName, SweepRecord
from reports.table import WHOLE, build_table
from reports.timing_panels import cycles_word
from reports.utilization import Source
from tests.reports.plausible import plausible_sweep

ESTIMATE, YOSYS = plausible_sweep(), plausible_sweep(source=Source.YOSYS)


def panel(page: Page, kind: PanelKind) -> Panel:
    (found,) = [one for one in page.panels if one.kind is kind]
    return found


def notes_of(page: Page, kind: PanelKind) -> str:
    return " ".join(page.notes[mark - 1] for mark in sorted(panel(page, kind).marks))


def test_a_source_is_called_by_what_it_did() -> None:
    table = build_table(ESTIMATE + YOSYS)
    assert cycles_word(table, Source.FINN_ESTIMATE) == "estimated"
    assert cycles_word(table, Source.YOSYS) == "measured"
    partly = [replace(YOSYS[0], cycles_measured=False), *YOSYS[1:]]
    assert cycles_word(build_table(partly), Source.YOSYS) == "partly measured"
    placed = [
        replace(record, cycles=None, cycles_measured=False, latency_cycles=None, slowest=None)
        for record in plausible_sweep(source=Source.VIVADO_PLACED)
    ]
    assert cycles_word(build_table(placed), Source.VIVADO_PLACED) == "unknown"
    titles = [one.title for one in lay_out(build_table(placed)).panels]
    assert "Link and cycles per image" in titles


def test_measured_stands_beside_estimated() -> None:
    page = lay_out(build_table(ESTIMATE + YOSYS))
    found = panel(page, PanelKind.TIMING)
    assert [(column.name, column.source) for column in found.columns[1:]] == [
        ("II", Source.FINN_ESTIMATE),
        ("II", Source.YOSYS),
        ("Difference", Source.YOSYS),
        ("Images/s", Source.FINN_ESTIMATE),
        ("Images/s", Source.YOSYS),
        ("Latency", Source.YOSYS),
    ]
    whole = [cell.text for cell in found.rows[-1]]
    assert whole == ["whole", "115200", "115207", "+7", "868.1", "868.0", "345600"]
    said = notes_of(page, PanelKind.TIMING)
    assert "yosys, measured: these cycles were counted in a cycle-accurate simulation" in said
    assert "Difference: cycles of yosys less those of finn-estimate." in said
    assert "finn-estimate, measured" not in said


def test_one_source_needs_no_panel_side_by_side() -> None:
    for records in (ESTIMATE, YOSYS):
        kinds = [one.kind for one in lay_out(build_table(records)).panels]
        assert PanelKind.TIMING not in kinds
        assert (PanelKind.LAYERS in kinds) == (records is YOSYS)


def test_latency_goes_through_both_parts() -> None:
    table = build_table(YOSYS)
    for pipeline in table.pipelines:
        names = (PartName.FIRST, PartName.SECOND) if pipeline.point != WHOLE else (PartName.WHOLE,)
        entries = [table.entry(pipeline.point, name, Source.YOSYS) for name in names]
        latencies = [one.latency_cycles for one in entries if one and one.utilization]
        assert None not in latencies
        assert pipeline.latency_cycles == sum(latencies)  # type: ignore[arg-type]
        assert pipeline.measured
    lacking = [replace(r, latency_cycles=None) if r.split == 3 else r for r in YOSYS]
    unknown = [one for one in build_table(lacking).pipelines if one.point.split == 3]
    assert [one.latency_cycles for one in unknown] == [None, None]
    half = [r for r in YOSYS if not (r.split == 3 and r.part is PartName.SECOND)]
    unknown = [one for one in build_table(half).pipelines if one.point.split == 3]
    assert [one.latency_cycles for one in unknown] == [None, None]


def test_every_layer_with_its_difference_and_depth() -> None:
    measured = [
        replace(
            record,
            layers=tuple(
                replace(one, cycles=one.cycles - 5, cycles_measured=True)  # type: ignore[operator]
                for one in record.layers
            ),
        )
        for record in YOSYS
    ]
    page = lay_out(build_table(ESTIMATE + measured))
    found = panel(page, PanelKind.LAYERS)
    names = [(column.name, column.source) for column in found.columns]
    rows = {row[0].text: [cell.text for cell in row] for row in found.rows}
    assert names[3] == ("Difference", Source.YOSYS)
    assert rows["conv3"][1:4] == ["115200", "115195", "\N{MINUS SIGN}5"]
    assert list(rows)[:3] == ["conv0", "conv1", "pool1"]
    deepest = max(one.logic_depth or 0 for one in YOSYS[-1].layers)
    which = ", ".join(one.layer for one in YOSYS[-1].layers if one.logic_depth == deepest)
    said = notes_of(page, PanelKind.LAYERS)
    assert f"yosys: deepest with {deepest} LUT levels: {which}." in said
    assert "follow from its folding" not in said
    assert (
        "yosys, measured: these cycles were counted in a cycle-accurate simulation, layer" in said
    )
    # The records above measure the parts, and take the layers' cycles from the folding.
    said = notes_of(lay_out(build_table(ESTIMATE + YOSYS)), PanelKind.LAYERS)
    assert "yosys measures whole parts; a layer's cycles here follow from its folding." in said


def test_carry_cells_have_a_column_only_where_they_are_known() -> None:
    bare = [
        replace(r, layers=tuple(replace(one, carry_depth=None) for one in r.layers)) for r in YOSYS
    ]
    for records, is_there in ((YOSYS, True), (bare, False)):
        found = panel(lay_out(build_table(records)), PanelKind.LAYERS)
        assert ("CARRY4" in {column.name for column in found.columns}) == is_there
        assert {len(row) for row in found.rows} == {len(found.columns)}


def test_a_layer_of_several_nodes_is_as_slow_and_deep_as_its_worst() -> None:
    whole = YOSYS[-1]
    node = whole.layers[0]
    nodes = (
        replace(node, name="a", cycles=10, cycles_measured=True, logic_depth=4, carry_depth=1),
        replace(node, name="b", cycles=30, logic_depth=4, carry_depth=3),
        replace(node, name="c", cycles=None, logic_depth=None, carry_depth=None),
    )
    (found,) = layer_figures([replace(whole, layers=nodes)])
    assert (found.cycles, found.cycles_measured) == (30, False)
    assert (found.logic_depth, found.carry_depth) == (4, 3)


@given(st.lists(st.sampled_from(ESTIMATE + YOSYS), min_size=1, unique_by=id), st.integers())
def test_layers_stand_in_the_order_of_the_network(records: list[SweepRecord], seed: int) -> None:
    figures = layer_figures(records)
    shuffled = list(records)
    random.Random(seed).shuffle(shuffled)
    assert layer_figures(shuffled) == figures
    labels = list(dict.fromkeys(one.layer for one in figures))
    order = [layer.layer for layer in ESTIMATE[-1].layers]
    assert set(labels) == {layer.layer for record in records for layer in record.layers}
    for record in records:
        places = [labels.index(layer.layer) for layer in record.layers]
        assert places == sorted(places)
    if any(record.part is PartName.WHOLE for record in records):
        assert labels == order
